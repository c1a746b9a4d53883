//! What stands in for the host where a capsule is tested natively.

use std::{cell::RefCell, collections::HashMap, mem, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    Error, Level, Result,
    bus::{Refusal, Reply},
    testing::{Published, Triggered},
};

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

/// What a capsule did while a harness ran it, and what it is answered.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// The lines it logged.
    pub(crate) logs: Vec<(Level, String)>,
    /// What it published.
    pub(crate) published: Vec<Published>,
    /// What it triggered.
    pub(crate) triggered: Vec<Triggered>,
    /// What it is refused, by topic.
    pub(crate) refusals: HashMap<String, Refusal>,
    /// The replies to its triggers, by topic.
    pub(crate) replies: HashMap<String, Vec<Reply>>,
}

thread_local! {
    /// The recorder of the harness that runs its capsule, `None` while none
    /// does. The functions of the host have no handle on the harness, as they
    /// have none on the host; a test is one thread.
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Writes one line: to the harness that is running, or to standard error.
pub(crate) fn log(level: Level, message: &str) {
    let recorded = with_recorder(|recorder| recorder.logs.push((level, message.to_owned())));
    if recorded.is_none() {
        eprintln!("{level:?}: {message}");
    }
}

/// Publishes to the harness that is running; without one there is no host.
pub(crate) fn publish(topic: &str, payload: &[u8]) -> Result<(), Refusal> {
    let published = with_recorder(|recorder| {
        recorder.refuse(topic)?;
        recorder.published.push(Published {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
        });
        Ok(())
    });
    published.unwrap_or(Err(Refusal::Closed))
}

/// Asks the harness that is running; without one there is no host.
pub(crate) fn trigger(
    topic: &str,
    payload: &[u8],
    deadline_ms: u32,
    quorum: Option<u32>,
) -> Result<Vec<Reply>, Refusal> {
    let replies = with_recorder(|recorder| {
        recorder.refuse(topic)?;
        recorder.triggered.push(Triggered {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            deadline: (deadline_ms > 0).then(|| Duration::from_millis(deadline_ms.into())),
            quorum,
        });
        Ok(recorder.replies.get(topic).cloned().unwrap_or_default())
    });
    replies.unwrap_or(Err(Refusal::Closed))
}

/// Runs `work` and has what it does recorded in `recorder`, also when it
/// panics.
pub(crate) fn record<T>(recorder: &mut Recorder, work: impl FnOnce() -> T) -> T {
    /// Puts back what was there before.
    struct Restore<'a> {
        recorder: &'a mut Recorder,
        before: Option<Recorder>,
    }

    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            let recorded = RECORDER.replace(self.before.take());
            *self.recorder = recorded.unwrap_or_default();
        }
    }

    let before = RECORDER.replace(Some(mem::take(recorder)));
    let _restore = Restore { recorder, before };
    work()
}

fn with_recorder<T>(act: impl FnOnce(&mut Recorder) -> T) -> Option<T> {
    RECORDER.with_borrow_mut(|recorder| recorder.as_mut().map(act))
}

// === impl Recorder ===

impl Recorder {
    fn refuse(&self, topic: &str) -> Result<(), Refusal> {
        self.refusals.get(topic).cloned().map_or(Ok(()), Err)
    }
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
