//! What stands in for the host where a capsule is tested natively.

use std::{cell::RefCell, mem};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Level, Result};

/// The event a handler is asked about, as a test made it up.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) topic: String,
    pub(crate) principal: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) time_ms: u64,
    pub(crate) hops: u32,
    pub(crate) remaining_ms: u64,
    pub(crate) traceparent: Option<String>,
}

/// A `[config]` table.
#[derive(Clone, Debug)]
pub(crate) struct Table(Map<String, Value>);

thread_local! {
    /// The lines logged while a harness runs its capsule, `None` otherwise.
    /// The logging macros have no handle on the harness, as they have none on
    /// the host; a test is one thread.
    static CAPTURED: RefCell<Option<Vec<(Level, String)>>> = const { RefCell::new(None) };
}

/// Writes one line: to the harness that is running, or to standard error.
pub(crate) fn log(level: Level, message: &str) {
    let line = (level, message.to_owned());
    let uncaptured = CAPTURED.with_borrow_mut(|lines| match lines {
        Some(lines) => {
            lines.push(line);
            None
        }
        None => Some(line),
    });
    if let Some((level, message)) = uncaptured {
        eprintln!("{level:?}: {message}");
    }
}

/// Runs `work` and returns the lines it logged.
pub(crate) fn capture<T>(work: impl FnOnce() -> T) -> (T, Vec<(Level, String)>) {
    /// Puts back what was there before, also when `work` panics.
    struct Restore(Option<Vec<(Level, String)>>);

    impl Restore {
        fn swap(&mut self) {
            CAPTURED.with_borrow_mut(|lines| mem::swap(lines, &mut self.0));
        }
    }

    impl Drop for Restore {
        fn drop(&mut self) {
            self.swap();
        }
    }

    let mut restore = Restore(Some(Vec::new()));
    restore.swap();
    let result = work();
    let lines = CAPTURED.with_borrow_mut(|lines| lines.as_mut().map(mem::take));
    (result, lines.unwrap_or_default())
}

// === impl Event ===

impl Event {
    /// An event of the system itself, with a second left to answer it.
    pub(crate) fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            principal: None,
            session: None,
            id: "event-1".to_owned(),
            source: "test".to_owned(),
            time_ms: 0,
            hops: 0,
            remaining_ms: 1000,
            traceparent: None,
        }
    }

    pub(crate) fn topic(&self) -> String {
        self.topic.clone()
    }

    pub(crate) fn principal(&self) -> Option<String> {
        self.principal.clone()
    }

    pub(crate) fn session(&self) -> Option<String> {
        self.session.clone()
    }

    pub(crate) fn event_id(&self) -> String {
        self.id.clone()
    }

    pub(crate) fn source(&self) -> String {
        self.source.clone()
    }

    pub(crate) fn time_ms(&self) -> u64 {
        self.time_ms
    }

    pub(crate) fn hops(&self) -> u32 {
        self.hops
    }

    pub(crate) fn remaining_ms(&self) -> u64 {
        self.remaining_ms
    }

    pub(crate) fn traceparent(&self) -> Option<String> {
        self.traceparent.clone()
    }
}

// === impl Table ===

impl Table {
    /// The table that `config` is written as.
    pub(crate) fn new(config: &impl Serialize) -> Result<Self> {
        match serde_json::to_value(config)? {
            Value::Object(table) => Ok(Self(table)),
            Value::Null => Ok(Self(Map::new())),
            other => Err(Error::msg(format!("[config] is a table, and not {other}"))),
        }
    }

    pub(crate) fn all(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).map(Value::to_string)
    }
}
