//! Runs a capsule natively, so that `cargo test` tests what it decides.

use std::time::Duration;

use serde::Serialize;

use crate::{
    Capsule, Config, Context, Level, Result, Verdict,
    bus::{Refusal, Reply},
    host::{self, Event, Recorder, Table},
};

/// One instance of a capsule, without a host.
///
/// State is kept from event to event, as in the instance of one principal. A
/// panic of a handler is a panic of the test.
#[derive(Debug)]
pub struct Harness<C> {
    capsule: C,
    recorder: Recorder,
}

/// What a capsule published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
}

/// What a capsule asked others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Triggered {
    /// Whom: the interceptors of this topic.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// How long it would have waited; `None` is as long as it may.
    pub deadline: Option<Duration>,
    /// How many replies would have been enough; `None` waits for all.
    pub quorum: Option<u32>,
}

/// One event on its way to a [`Harness`].
///
/// Unless it is told otherwise: no principal, session or traceparent, id
/// `event-1`, source `test`, time 0, no hops and 1000 ms left.
#[derive(Debug)]
#[must_use = "an event does nothing until `call` or `call_json`"]
pub struct TestEvent<'a, C> {
    harness: &'a mut Harness<C>,
    event: Event,
}

// === impl Harness ===

impl<C: Capsule> Harness<C> {
    /// Starts the capsule with `config` as the manifest's `[config]` table;
    /// `()` is an empty one.
    ///
    /// # Errors
    ///
    /// If `config` is not a table, or the capsule's start fails.
    pub fn new(config: impl Serialize) -> Result<Self> {
        let config = Config::new(Table::new(&config)?);
        let mut recorder = Recorder::default();
        let capsule = host::record(&mut recorder, || C::start(&config))?;
        Ok(Self { capsule, recorder })
    }

    /// An event with this topic, to be sent with
    /// [`call`](TestEvent::call) or [`call_json`](TestEvent::call_json).
    pub fn event(&mut self, topic: &str) -> TestEvent<'_, C> {
        TestEvent {
            harness: self,
            event: Event::new(topic),
        }
    }

    /// What the capsule has logged since it was started, oldest first.
    pub fn logs(&self) -> Vec<(Level, String)> {
        self.recorder.logs.clone()
    }

    /// What the capsule has published since it was started, oldest first;
    /// without what was [refused](Self::refuse).
    pub fn published(&self) -> Vec<Published> {
        self.recorder.published.clone()
    }

    /// What the capsule has triggered since it was started, oldest first;
    /// without what was [refused](Self::refuse).
    pub fn triggered(&self) -> Vec<Triggered> {
        self.recorder.triggered.clone()
    }

    /// Answers triggers of `topic` with these replies from now on. Unless it is
    /// told otherwise nobody intercepts a topic, and there are none.
    pub fn replies(&mut self, topic: &str, replies: impl IntoIterator<Item = Reply>) {
        let replies = replies.into_iter().collect();
        self.recorder.replies.insert(topic.to_owned(), replies);
    }

    /// Refuses what the capsule publishes or triggers on `topic` from now on.
    /// Unless it is told otherwise the harness takes everything, whatever the
    /// manifest grants.
    pub fn refuse(&mut self, topic: &str, refusal: Refusal) {
        self.recorder.refusals.insert(topic.to_owned(), refusal);
    }
}

// === impl TestEvent ===

impl<C: Capsule> TestEvent<'_, C> {
    /// Sets the tenant on whose behalf the event is published.
    pub fn principal(mut self, principal: &str) -> Self {
        self.event.principal = Some(principal.to_owned());
        self
    }

    /// Sets the session the event belongs to.
    pub fn session(mut self, session: &str) -> Self {
        self.event.session = Some(session.to_owned());
        self
    }

    /// Sets the event's id.
    pub fn event_id(mut self, id: &str) -> Self {
        self.event.id = id.to_owned();
        self
    }

    /// Sets who published the event.
    pub fn source(mut self, source: &str) -> Self {
        self.event.source = source.to_owned();
        self
    }

    /// Sets when the event was published, in milliseconds since the Unix epoch.
    pub fn time_ms(mut self, time_ms: u64) -> Self {
        self.event.time_ms = time_ms;
        self
    }

    /// Sets how many times a capsule published on the way to this event.
    pub fn hops(mut self, hops: u32) -> Self {
        self.event.hops = hops;
        self
    }

    /// Sets how much time the handler has left, in milliseconds.
    pub fn remaining_ms(mut self, remaining_ms: u64) -> Self {
        self.event.remaining_ms = remaining_ms;
        self
    }

    /// Sets the event's W3C `traceparent`.
    pub fn traceparent(mut self, traceparent: &str) -> Self {
        self.event.traceparent = Some(traceparent.to_owned());
        self
    }

    /// Hands the event to the capsule, with these bytes as its payload.
    ///
    /// # Errors
    ///
    /// What the host would get: the capsule has no such action, cannot read
    /// the payload, or fails.
    pub fn call(self, action: &str, payload: impl Into<Vec<u8>>) -> Result<Verdict> {
        let Self { harness, event } = self;
        let cx = Context::new(event);
        let Harness { capsule, recorder } = harness;
        host::record(recorder, || capsule.hook(action, payload.into(), &cx))
    }

    /// Hands the event to the capsule, with `payload` as JSON.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call), or if `payload` cannot be written as JSON.
    pub fn call_json(self, action: &str, payload: &impl Serialize) -> Result<Verdict> {
        let payload = serde_json::to_vec(payload)?;
        self.call(action, payload)
    }
}
