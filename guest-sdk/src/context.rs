//! The event a handler is asked about.

use crate::host;

/// What is known of the event beside its payload.
///
/// Each answer is a call to the host, made when it is asked for: ask once and
/// keep it.
#[derive(Debug)]
pub struct Context {
    event: host::Event,
}

// === impl Context ===

impl Context {
    pub(crate) fn new(event: host::Event) -> Self {
        Self { event }
    }

    /// The event's topic, as published.
    pub fn topic(&self) -> String {
        self.event.topic()
    }

    /// The tenant on whose behalf the event was published; `None` is the
    /// system itself.
    pub fn principal(&self) -> Option<String> {
        self.event.principal()
    }

    /// The session the event belongs to, where the publisher named one.
    pub fn session(&self) -> Option<String> {
        self.event.session()
    }

    /// The event's id: the publisher's own, or the host's.
    pub fn event_id(&self) -> String {
        self.event.event_id()
    }

    /// Who published the event, as the host knows it.
    pub fn source(&self) -> String {
        self.event.source()
    }

    /// When the event was published, in milliseconds since the Unix epoch.
    ///
    /// Decide by this and not by a clock: it is the same when an event is
    /// replayed.
    pub fn time_ms(&self) -> u64 {
        self.event.time_ms()
    }

    /// How many times a capsule published on the way to this event.
    pub fn hops(&self) -> u32 {
        self.event.hops()
    }

    /// How much time the handler has left, in milliseconds, rounded down.
    pub fn remaining_ms(&self) -> u64 {
        self.event.remaining_ms()
    }

    /// The W3C `traceparent` of the event, where it has one.
    pub fn traceparent(&self) -> Option<String> {
        self.event.traceparent()
    }
}
