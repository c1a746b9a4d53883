//! Publishing events, and asking other capsules.
//!
//! Both are granted by topic, with `publish` and `trigger` under
//! `[capabilities]` of the manifest, and both are the caller's: what a handler
//! publishes carries the principal, the session and the trace context of the
//! event that it is asked about, and one hop more. A handler cannot choose
//! them, so it cannot speak for another tenant, and loops end.
//!
//! ```
//! use capsule_sdk::{bus, prelude::*};
//! use serde::{Deserialize, Serialize};
//! use std::time::Duration;
//!
//! #[derive(Deserialize, Serialize)]
//! struct ToolCall {
//!     command: String,
//! }
//!
//! #[derive(Default)]
//! struct Review;
//!
//! #[capsule]
//! impl Review {
//!     /// Asks whoever reviews tools; two votes are enough.
//!     #[action]
//!     fn check(&self, Json(call): Json<ToolCall>) -> Result<Verdict> {
//!         let votes = bus::trigger("review.tool")
//!             .payload_json(&call)?
//!             .deadline(Duration::from_millis(200))
//!             .quorum(2)
//!             .send()?;
//!         let veto = votes.iter().find(|vote| matches!(vote.answer, Ok(Verdict::Deny(_))));
//!         let Some(veto) = veto else {
//!             return Ok(Verdict::unchanged());
//!         };
//!         bus::publish_json("audit.veto", &veto.capsule)?;
//!         Ok(Verdict::deny("a reviewer refused it"))
//!     }
//! }
//!
//! // The harness answers, and writes down what is published:
//! use capsule_sdk::testing::Harness;
//! use serde_json::json;
//!
//! # fn main() -> Result<()> {
//! let mut review = Harness::<Review>::new(())?;
//! review.replies("review.tool", [bus::Reply::new("lint", "vote", Verdict::deny("no"))]);
//!
//! let verdict = review
//!     .event("tool.execute.shell")
//!     .call_json("check", &json!({"command": "ls"}))?;
//!
//! assert_eq!(verdict, Verdict::deny("a reviewer refused it"));
//! assert_eq!(review.published()[0].topic, "audit.veto");
//! # Ok(())
//! # }
//! ```

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{Result, Verdict, host};

/// Why nothing was published or triggered. The host has it on record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The topic is none, for this reason.
    BadTopic(String),
    /// The manifest does not grant the topic.
    NotGranted,
    /// Capsules have published too many times on the way to the event that is
    /// answered: the host ends the loop here.
    TooManyHops,
    /// The capsule has tried as often in this second as its manifest grants
    /// for one principal (`publish_per_second`).
    TooOften,
    /// There is no room at the moment; the text says where.
    Full(String),
    /// The event is larger than allowed; the text says where.
    TooLarge(String),
    /// The host shuts down; natively, that no [harness](crate::testing) runs.
    Closed,
}

/// A question to all interceptors of a topic; [`trigger`] makes one.
///
/// Unless it is told otherwise: no payload, as long as the handler has left,
/// and all replies.
#[derive(Clone, Debug)]
#[must_use = "a trigger does nothing until `send`"]
pub struct Trigger {
    topic: String,
    payload: Vec<u8>,
    deadline_ms: u32,
    quorum: Option<u32>,
}

/// What one interceptor said to a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// Its capsule.
    pub capsule: String,
    /// Its action.
    pub action: String,
    /// What it said, or why it said nothing.
    pub answer: Result<Verdict, NoReply>,
}

/// That an interceptor did not reply to a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoReply {
    /// The family of the reason.
    pub cause: Cause,
    /// What happened, for the operator.
    pub message: String,
}

/// Why an interceptor did not reply to a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// It executed something that WebAssembly forbids, or panicked.
    Trap,
    /// It did not answer within its own time-out.
    Timeout,
    /// It wanted more memory than it may have.
    Memory,
    /// Its calls went deeper than its stack.
    Stack,
    /// Its answer could not be read, or is larger than there is room for.
    Output,
    /// It is not loaded, or had no instance free.
    Unavailable,
    /// It has failed too often and is out for a while.
    Quarantined,
    /// It answered that it failed.
    Guest,
    /// It is busy with an event that waits for this trigger.
    WouldBlock,
    /// Too many events wait for it.
    Full,
    /// The trigger's deadline passed first.
    Late,
    /// Enough others replied first.
    NotNeeded,
}

/// Publishes an event with these bytes as its payload, and does not wait for
/// what becomes of it.
///
/// # Errors
///
/// [`Refusal`] says why it was not published.
pub fn publish(topic: &str, payload: impl AsRef<[u8]>) -> Result<(), Refusal> {
    host::publish(topic, payload.as_ref())
}

/// Publishes an event with `payload` as JSON, and does not wait for what
/// becomes of it.
///
/// # Errors
///
/// As for [`publish`], or if `payload` cannot be written as JSON.
pub fn publish_json(topic: &str, payload: &impl Serialize) -> Result<()> {
    Ok(publish(topic, serde_json::to_vec(payload)?)?)
}

/// A question to all interceptors of `topic`, to be sent with
/// [`send`](Trigger::send).
pub fn trigger(topic: &str) -> Trigger {
    Trigger {
        topic: topic.to_owned(),
        payload: Vec::new(),
        deadline_ms: 0,
        quorum: None,
    }
}

// === impl Refusal ===

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadTopic(reason) => write!(f, "bad topic: {reason}"),
            Self::NotGranted => f.write_str("not granted: [capabilities] does not list the topic"),
            Self::TooManyHops => f.write_str("too many hops: this loop of publishing ends here"),
            Self::TooOften => f.write_str("too often: see `publish_per_second`"),
            Self::Full(place) => write!(f, "full: {place}"),
            Self::TooLarge(limit) => write!(f, "too large: {limit}"),
            Self::Closed => f.write_str("closed: the host takes no more events"),
        }
    }
}

impl std::error::Error for Refusal {}

// === impl Trigger ===

impl Trigger {
    /// Sets the payload that each interceptor sees.
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Sets the payload that each interceptor sees, as JSON.
    ///
    /// # Errors
    ///
    /// If `payload` cannot be written as JSON.
    pub fn payload_json(self, payload: &impl Serialize) -> Result<Self> {
        Ok(self.payload(serde_json::to_vec(payload)?))
    }

    /// Waits no longer than this, in whole milliseconds and at least one; and
    /// never longer than the handler has left. Leave some of that for what is
    /// done with the replies.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        let ms = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        self.deadline_ms = ms.max(1);
        self
    }

    /// Stops waiting when so many have replied; skips and failures do not
    /// count. 0 waits for all.
    pub fn quorum(mut self, replies: u32) -> Self {
        self.quorum = Some(replies).filter(|replies| *replies > 0);
        self
    }

    /// Asks, waits, and returns the replies in the order of the chain, one for
    /// each interceptor; none where nobody intercepts the topic.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says why nobody was asked.
    pub fn send(self) -> Result<Vec<Reply>, Refusal> {
        host::trigger(&self.topic, &self.payload, self.deadline_ms, self.quorum)
    }
}

// === impl Reply ===

impl Reply {
    /// A reply, for a test.
    pub fn new(capsule: &str, action: &str, verdict: Verdict) -> Self {
        Self {
            capsule: capsule.to_owned(),
            action: action.to_owned(),
            answer: Ok(verdict),
        }
    }

    /// That an interceptor did not reply, for a test.
    pub fn none(capsule: &str, action: &str, cause: Cause, message: &str) -> Self {
        Self {
            capsule: capsule.to_owned(),
            action: action.to_owned(),
            answer: Err(NoReply {
                cause,
                message: message.to_owned(),
            }),
        }
    }

    /// The bytes that it would have the payload or the response be, where it
    /// says so.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.answer {
            Ok(Verdict::Continue(Some(bytes)) | Verdict::Final(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

// === impl NoReply ===

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NoReply {}
