//! What the parts of a dispatcher share.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::{
    Counters, DispatchConfig, delivery::Delivery, gate::Gate, lagging::Lagging, routing::Route,
    routing::Routing,
};
use crate::{
    lane::Lanes,
    mailbox::Losses,
    observe::{Category, Observers, Record},
    subscribe::{Message, Subscriber, View},
    types::{Draft, Kind, Topic},
};

/// What the parts of a dispatcher share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: DispatchConfig,
    pub(super) routing: Routing,
    pub(super) lanes: Lanes<Delivery>,
    pub(super) observers: Arc<Observers>,
    pub(super) counters: Counters,
    pub(super) lagging: Lagging,
    /// Events under way.
    pub(super) gate: Gate,
    /// Tasks of events whose publisher does not wait.
    pub(super) tasks: TaskTracker,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(config: DispatchConfig) -> Self {
        Self {
            routing: Routing::new(config.cached_topics),
            lanes: Lanes::new(config.lanes),
            observers: Arc::default(),
            counters: Counters::default(),
            lagging: Lagging::new(config.lag_report_interval),
            gate: Gate::default(),
            tasks: TaskTracker::new(),
            config,
        }
    }

    /// Hands a message to everybody who wants it and never makes anybody
    /// wait, each in time that depends on nobody else's queue.
    pub(super) fn hand_out(self: &Arc<Self>, route: &Route, message: Arc<Message>, view: View) {
        let bytes = message.size();
        let audience = route.audience(view);
        let handed_out = audience.hand_out(message, bytes, |subscriber, lost| {
            self.lost(subscriber, lost);
        });
        self.counters.handed_out(handed_out);
    }

    /// Reports what a subscriber lost.
    pub(super) fn lost(self: &Arc<Self>, subscriber: &Subscriber, lost: Losses) {
        if !lost.total().is_zero() {
            self.dropped(&subscriber.options().name, lost);
        }
    }

    /// Tells those observers that want it.
    #[inline]
    pub(super) fn tell(self: &Arc<Self>, category: Category, record: impl FnOnce() -> Record) {
        if self.observers.want(category) {
            self.tell_now(category, record());
        }
    }

    #[cold]
    fn tell_now(self: &Arc<Self>, category: Category, record: Record) {
        for (observer, lost) in self.observers.tell(category, || record) {
            self.dropped(&observer, lost);
        }
    }

    /// Publishes an event of the host itself: it meets no chain and no bound.
    pub(super) fn publish_own(self: &Arc<Self>, topic: &'static str, payload: &Value) {
        let Ok(topic) = Topic::new(topic) else {
            return;
        };
        if !topic.is_reserved() {
            return;
        }
        let route = self.routing.route(&topic);
        let is_wanted = !route.is_deaf() || self.observers.want(Category::Lifecycle);
        if !is_wanted {
            return;
        }
        let draft = Draft::new(topic)
            .with_payload(payload.to_string())
            .made_by(Kind::Host, 0);
        let event = draft.into_event(self.counters.next_own());
        self.tell(Category::Lifecycle, || Record::Lifecycle {
            event: event.clone(),
        });
        let message = Arc::new(Message {
            payload: event.payload.clone(),
            event,
        });
        let bytes = message.size();
        for view in [View::Raw, View::Admitted] {
            for subscriber in route.audience(view).wanting(message.event.facts()) {
                self.lost(subscriber, subscriber.push(&message, bytes).lost(bytes));
            }
        }
    }

    fn dropped(self: &Arc<Self>, consumer: &Arc<str>, lost: Losses) {
        self.counters.lost(&lost);
        let lost = lost.total();
        if self.lagging.count(consumer, lost) {
            Lagging::report(self, consumer.clone());
        }
        // Of what an observer of losses loses itself nobody is told but that
        // observer: it would never end.
        let _untold = self.observers.tell(Category::Dropped, || Record::Dropped {
            consumer: consumer.clone(),
            lost,
        });
    }
}
