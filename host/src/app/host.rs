//! A running host.

use std::sync::Arc;

use capsule_core::{
    broker::Broker,
    dispatch::{
        Dispatcher, Gather, Gathered, Outcome, PublishError, Running, Snapshot, Subscription,
    },
    lane::RoomUse,
    mailbox::MailboxConfig,
    observe::{Categories, Observer},
    session::Registered,
    subscribe::SubscribeOptions,
    types::{Draft, Name, Principal, Topic},
};

use super::{Explanation, HostBuilder, ReloadError, capsules::Capsules};
use crate::{
    registry::{Generation, Reload},
    telemetry::Metrics,
};

/// A running host: events in, outcomes out. Cheap to clone.
///
/// It runs on the tokio runtime of whoever calls it; a guest that computes
/// for more than 10 ms gives the thread back every millisecond.
#[derive(Clone, Debug)]
pub struct Host {
    dispatcher: Arc<Dispatcher>,
    capsules: Arc<Capsules>,
    metrics: Arc<Metrics>,
}

// === impl Host ===

impl Host {
    /// Makes a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    pub(super) fn new(metrics: Metrics, capsules: Capsules) -> Self {
        Self {
            dispatcher: metrics.dispatcher.clone(),
            capsules: Arc::new(capsules),
            metrics: Arc::new(metrics),
        }
    }

    /// Publishes an event and waits for its outcome: [`Dispatcher::request`].
    ///
    /// # Errors
    ///
    /// All of [`PublishError`] but `Full`. A denial is an outcome, not an
    /// error.
    pub async fn request(&self, draft: Draft) -> Result<Outcome, PublishError> {
        self.dispatcher.request(draft).await
    }

    /// Publishes an event that then runs by itself: [`Dispatcher::publish`].
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn publish(&self, draft: Draft) -> Result<(), PublishError> {
        self.dispatcher.publish(draft).await
    }

    /// Takes an event in as soon as there is room, for its publisher to run:
    /// [`Dispatcher::submit`]. This is how many events are kept under way in a
    /// known order.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn submit(&self, draft: Draft) -> Result<Running, PublishError> {
        self.dispatcher.submit(draft).await
    }

    /// Takes an event in now, or not at all: [`Dispatcher::try_submit`].
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request), and [`PublishError::Full`], which gives
    /// the event back.
    pub fn try_submit(&self, draft: Draft) -> Result<Running, PublishError> {
        self.dispatcher.try_submit(draft)
    }

    /// Asks all interceptors of a topic at once and gathers their replies:
    /// [`Dispatcher::trigger`].
    ///
    /// # Errors
    ///
    /// As [`try_submit`](Self::try_submit).
    pub async fn trigger(&self, draft: Draft, gather: Gather) -> Result<Gathered, PublishError> {
        self.dispatcher.trigger(draft, gather).await
    }

    /// Whether anything intercepts events on `topic`, or somebody subscribes to
    /// some of them; see [`Dispatcher::is_heard`].
    pub fn is_heard(&self, topic: &Topic) -> bool {
        self.dispatcher.is_heard(topic)
    }

    /// Subscribes to what is handed in from now on: [`Dispatcher::subscribe`].
    pub fn subscribe(&self, options: SubscribeOptions) -> Subscription {
        self.dispatcher.subscribe(options)
    }

    /// Observes what the host does from now on; `name` is what the observer is
    /// called in reports.
    pub fn observe(&self, name: &str, categories: Categories, queue: MailboxConfig) -> Observer {
        self.dispatcher.observers().observe(name, categories, queue)
    }

    /// The external hooks: what subscribes here answers the capsules whose
    /// manifest names a hook.
    pub fn hooks(&self) -> &Arc<Broker> {
        &self.metrics.broker
    }

    /// Says late which session a source's own one is:
    /// [`Dispatcher::register_session`].
    pub fn register_session(
        &self,
        principal: Option<&Principal>,
        source: &Name,
        native: &Name,
        session: Name,
    ) -> Registered {
        self.dispatcher
            .register_session(principal, source, native, session)
    }

    /// Everything that is counted and measured, in OpenMetrics text. Takes
    /// time that grows with the principals that have events under way, and
    /// with the subscriptions.
    pub fn metrics(&self) -> String {
        self.metrics.encode()
    }

    /// Which interceptors an event on `topic` meets, in what order, and why
    /// it does not meet each other one.
    pub fn explain(&self, topic: &Topic) -> Explanation {
        Explanation::new(&self.dispatcher.plan(), topic)
    }

    /// The capsules that run now. What is kept of it keeps them loaded.
    pub fn capsules(&self) -> Arc<Generation> {
        self.capsules.present()
    }

    /// Loads what the capsules directory holds now, beside what runs, and puts
    /// it in its place in one step: each event meets the capsules of before or
    /// those of after, from its intake to its end. What was replaced goes, with
    /// its instances, when the last event that it was to see has its outcome;
    /// outcomes keep it for as long as they are kept.
    ///
    /// - A capsule whose manifest and module are what they were stays as it
    ///   is, with its instances and its quarantine.
    /// - One that cannot be loaded stays what it was, and that is said in the
    ///   report, the log and `host.capsule.failed`. If it was nothing, its
    ///   guards deny, where its manifest can be read.
    /// - A name stays with the directory that has it while two want it; a
    ///   directory that is renamed takes its capsule along.
    ///
    /// Settings and the directory's path are those of the start. Compiles on a
    /// thread for blocking work. One reload runs at a time, the next waits for
    /// it; dropping the future does not stop one that runs.
    ///
    /// # Errors
    ///
    /// [`ReloadError`] if the directory cannot be read; nothing has changed
    /// then. What is wrong with one capsule is in the report.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn reload(&self) -> Result<Reload, ReloadError> {
        self.capsules.reload().await
    }

    /// What has been counted since the start.
    pub fn counters(&self) -> Snapshot {
        self.dispatcher.counters()
    }

    /// The events under way, and their bytes.
    pub fn in_flight(&self) -> RoomUse {
        self.dispatcher.in_flight()
    }

    /// How many lanes are open: none when nothing is under way.
    pub fn lanes(&self) -> usize {
        self.dispatcher.lanes()
    }

    /// How many principals have events under way.
    pub fn principals(&self) -> usize {
        self.dispatcher.principals()
    }

    /// Takes no more events and waits for those under way:
    /// [`Dispatcher::drain`]. Bound it with a time-out where that matters.
    pub async fn shutdown(&self) {
        self.dispatcher.drain().await;
    }
}
