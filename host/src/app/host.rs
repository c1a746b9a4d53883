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

use super::{Explanation, HostBuilder};
use crate::{registry::Generation, telemetry::Metrics};

/// A running host: events in, outcomes out. Cheap to clone.
///
/// It runs on the tokio runtime of whoever calls it; a guest that computes
/// for more than 10 ms gives the thread back every millisecond.
#[derive(Clone, Debug)]
pub struct Host {
    dispatcher: Arc<Dispatcher>,
    generation: Arc<Generation>,
    metrics: Arc<Metrics>,
}

// === impl Host ===

impl Host {
    /// Makes a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    pub(super) fn new(metrics: Metrics, generation: Generation) -> Self {
        Self {
            dispatcher: metrics.dispatcher.clone(),
            generation: Arc::new(generation),
            metrics: Arc::new(metrics),
        }
    }

    /// Publishes an event and waits for its outcome. Events of one principal
    /// reach each capsule in the order in which these futures were first
    /// polled; a full lane makes this one wait. Dropping the future cancels
    /// the event.
    ///
    /// # Errors
    ///
    /// All of [`PublishError`] but `Full`. A denial is an outcome, not an
    /// error.
    pub async fn request(&self, draft: Draft) -> Result<Outcome, PublishError> {
        self.dispatcher.request(draft).await
    }

    /// Publishes an event and returns when it has been taken in; it then runs
    /// in a task of its own. A full lane makes this wait.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn publish(&self, draft: Draft) -> Result<(), PublishError> {
        self.dispatcher.publish(draft).await
    }

    /// Takes an event in, waiting for room if need be, and returns it with
    /// its place in every lane taken; it goes on while [`Running::run`] is
    /// polled. This is how many events are kept under way in a known order.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn submit(&self, draft: Draft) -> Result<Running, PublishError> {
        self.dispatcher.submit(draft).await
    }

    /// Takes an event in now, or says that a lane is full.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request), and [`PublishError::Full`], which gives
    /// the event back.
    pub fn try_submit(&self, draft: Draft) -> Result<Running, PublishError> {
        self.dispatcher.try_submit(draft)
    }

    /// Asks all interceptors of a topic at once and gathers their replies.
    /// Nothing is decided by it, and nobody who subscribes sees the event.
    ///
    /// # Errors
    ///
    /// As [`try_submit`](Self::try_submit).
    pub async fn trigger(&self, draft: Draft, gather: Gather) -> Result<Gathered, PublishError> {
        self.dispatcher.trigger(draft, gather).await
    }

    /// Subscribes to what is admitted from now on, or taken in, as `options`
    /// say.
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

    /// Says which session a source's own session is, for every later event of
    /// `principal` that names the source and its own session, and no session.
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

    /// The capsules of this host.
    pub fn capsules(&self) -> &Generation {
        &self.generation
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

    /// Takes no more events and waits until those taken in have their
    /// outcome. Bound it with a time-out where that matters.
    pub async fn shutdown(&self) {
        self.dispatcher.drain().await;
    }
}
