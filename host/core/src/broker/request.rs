//! What a subscriber of a hook receives.

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, Serializer};
use tokio::time::Instant;
use uuid::Uuid;

use crate::types::Event;

/// What is sent to all subscribers of a hook. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Message {
    /// The event as published.
    pub event: Arc<Event>,
    /// Its payload as it stands when the hook is reached.
    pub payload: Bytes,
    /// What the subscribers are to do with it.
    pub action: Arc<str>,
}

/// A message that has come to one subscriber.
#[derive(Clone, Debug)]
pub struct Request {
    /// What was sent.
    pub message: Message,
    /// Where the answer goes; `None` if nobody waits for one.
    pub reply_to: Option<ReplyTo>,
}

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The question, in an answer to it.
    pub hook_id: HookId,
    /// From when on an answer is not accepted any more.
    pub deadline: Instant,
}

/// The id of one question: a random UUID (version 4) that nobody can guess.
/// Knowing one does not help a subscriber that was not asked: only those that
/// were may answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HookId(Uuid);

/// A text is not the id of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hook id is a UUID")]
pub struct HookIdError;

// === impl HookId ===

impl HookId {
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for HookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for HookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for HookId {
    type Err = HookIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self).map_err(|_| HookIdError)
    }
}

impl Serialize for HookId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
