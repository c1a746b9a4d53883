//! The imports of the component. Each is called where it is asked for, so that
//! what a capsule does not ask for does not become an import of its.

use crate::{
    Level, Verdict,
    bus::{Cause, NoReply, Refusal, Reply},
    guest::bindings::capsule::host::{bus, config, context, log as imported, types},
};

/// The event that the running hook is asked about.
#[derive(Debug)]
pub(crate) struct Event;

/// The manifest's `[config]` table.
#[derive(Debug)]
pub(crate) struct Table;

/// Writes one line to the host's log.
pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Trace => imported::Level::Trace,
        Level::Debug => imported::Level::Debug,
        Level::Info => imported::Level::Info,
        Level::Warn => imported::Level::Warn,
        Level::Error => imported::Level::Error,
    };
    imported::write(level, message);
}

/// Publishes an event of the caller's.
pub(crate) fn publish(topic: &str, payload: &[u8]) -> Result<(), Refusal> {
    Ok(bus::publish(topic, payload)?)
}

/// Asks the interceptors of a topic.
pub(crate) fn trigger(
    topic: &str,
    payload: &[u8],
    deadline_ms: u32,
    quorum: Option<u32>,
) -> Result<Vec<Reply>, Refusal> {
    let replies = bus::trigger(topic, payload, deadline_ms, quorum)?;
    Ok(replies.into_iter().map(Reply::from).collect())
}

// === impl Event ===

impl Event {
    pub(crate) fn topic(&self) -> String {
        context::topic()
    }

    pub(crate) fn principal(&self) -> Option<String> {
        context::principal()
    }

    pub(crate) fn session(&self) -> Option<String> {
        context::session()
    }

    pub(crate) fn event_id(&self) -> String {
        context::event_id()
    }

    pub(crate) fn source(&self) -> String {
        context::source()
    }

    pub(crate) fn time_ms(&self) -> u64 {
        context::time_ms()
    }

    pub(crate) fn hops(&self) -> u32 {
        context::hops()
    }

    pub(crate) fn remaining_ms(&self) -> u64 {
        context::remaining_ms()
    }

    pub(crate) fn traceparent(&self) -> Option<String> {
        context::traceparent()
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn all(&self) -> String {
        config::all()
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        config::get(key)
    }
}

// === impl bus ===

impl From<bus::Refusal> for Refusal {
    fn from(refusal: bus::Refusal) -> Self {
        match refusal {
            bus::Refusal::BadTopic(reason) => Self::BadTopic(reason),
            bus::Refusal::NotGranted => Self::NotGranted,
            bus::Refusal::TooManyHops => Self::TooManyHops,
            bus::Refusal::TooOften => Self::TooOften,
            bus::Refusal::Full(place) => Self::Full(place),
            bus::Refusal::TooLarge(limit) => Self::TooLarge(limit),
            bus::Refusal::Closed => Self::Closed,
        }
    }
}

impl From<bus::Reply> for Reply {
    fn from(reply: bus::Reply) -> Self {
        Self {
            capsule: reply.capsule,
            action: reply.action,
            answer: reply.answer.map(Verdict::from).map_err(NoReply::from),
        }
    }
}

impl From<types::Verdict> for Verdict {
    fn from(verdict: types::Verdict) -> Self {
        match verdict {
            types::Verdict::Continue(payload) => Self::Continue(payload),
            types::Verdict::Final(response) => Self::Final(response),
            types::Verdict::Deny(reason) => Self::Deny(reason),
            types::Verdict::Skip => Self::Skip,
        }
    }
}

impl From<bus::NoReply> for NoReply {
    fn from(no_reply: bus::NoReply) -> Self {
        Self {
            cause: no_reply.cause.into(),
            message: no_reply.message,
        }
    }
}

impl From<bus::Cause> for Cause {
    fn from(cause: bus::Cause) -> Self {
        match cause {
            bus::Cause::Trap => Self::Trap,
            bus::Cause::Timeout => Self::Timeout,
            bus::Cause::Memory => Self::Memory,
            bus::Cause::Stack => Self::Stack,
            bus::Cause::Output => Self::Output,
            bus::Cause::Unavailable => Self::Unavailable,
            bus::Cause::Quarantined => Self::Quarantined,
            bus::Cause::Guest => Self::Guest,
            bus::Cause::WouldBlock => Self::WouldBlock,
            bus::Cause::Full => Self::Full,
            bus::Cause::Late => Self::Late,
            bus::Cause::NotNeeded => Self::NotNeeded,
        }
    }
}
