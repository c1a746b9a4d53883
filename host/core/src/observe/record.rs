//! What observers are told.

use std::{sync::Arc, time::Duration};

use super::Category;
use crate::{
    hook::HookError,
    mailbox::{Item, Tally},
    types::{ENVELOPE_BYTES, Event, Principal},
};

/// One thing that the host did.
///
/// Records of one event come in the order in which they happened; those of
/// events that run side by side are mixed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Record {
    /// An event was taken in.
    Published {
        /// The event.
        event: Arc<Event>,
    },
    /// An event was let through, to those who subscribe to it.
    Admitted {
        /// The event.
        event: Arc<Event>,
        /// Whether its chain replaced the payload.
        changed: bool,
    },
    /// An interceptor took part in an event.
    Step {
        /// The event.
        event: Arc<Event>,
        /// The capsule.
        capsule: Arc<str>,
        /// Its action.
        action: Arc<str>,
        /// What it said: `continue`, `final`, `deny`, `skip` or `error`.
        verdict: &'static str,
        /// How long the call took.
        duration: Duration,
    },
    /// A chain came to its end.
    Verdict {
        /// The event.
        event: Arc<Event>,
        /// What it came to: `continue`, `final` or `deny`.
        verdict: &'static str,
        /// Who decided, where a capsule did.
        by: Option<Arc<str>>,
        /// From the event's being taken in, waiting included.
        duration: Duration,
    },
    /// An event was refused.
    Denied {
        /// The event.
        event: Arc<Event>,
        /// The capsule that refused it, or whose failure did.
        by: Arc<str>,
        /// Why.
        reason: String,
    },
    /// An interceptor failed.
    Error {
        /// The event.
        event: Arc<Event>,
        /// The capsule.
        capsule: Arc<str>,
        /// Its action.
        action: Arc<str>,
        /// What happened.
        error: HookError,
    },
    /// Something was lost on the way to a consumer.
    Dropped {
        /// The subscription or observer that did not get it.
        consumer: Arc<str>,
        /// What was lost.
        lost: Tally,
    },
    /// The host published an event about itself.
    Lifecycle {
        /// The event.
        event: Arc<Event>,
    },
    /// The interceptors were replaced.
    Reload {
        /// How many there are now.
        interceptors: usize,
    },
    /// Something that whoever answers for the host wants on paper.
    Audit(Audit),
}

/// Something that whoever answers for the host wants on paper.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Audit {
    /// A principal found as many lanes of a capsule as there may be, and
    /// shares one with others now.
    LaneShared {
        /// Whose events are slower than they might be.
        principal: Option<Principal>,
        /// On the event that was the first to.
        event: Arc<Event>,
    },
    /// A capsule wanted to publish or trigger and was refused.
    Refused {
        /// The capsule.
        capsule: Arc<str>,
        /// The event that it was asked about.
        event: Arc<Event>,
        /// Where it wanted to publish.
        topic: String,
        /// Why not.
        reason: String,
    },
    /// A capsule was taken out for a principal, or brought back.
    Quarantine {
        /// The capsule.
        capsule: Arc<str>,
        /// For whom.
        principal: Option<Principal>,
        /// Taken out for so long; `None`: it is back.
        out_for: Option<Duration>,
    },
}

// === impl Record ===

impl Record {
    /// What it is about.
    pub fn category(&self) -> Category {
        match self {
            Self::Published { .. } => Category::Published,
            Self::Admitted { .. } => Category::Admitted,
            Self::Step { .. } => Category::Step,
            Self::Verdict { .. } => Category::Verdict,
            Self::Denied { .. } => Category::Denied,
            Self::Error { .. } => Category::Error,
            Self::Dropped { .. } => Category::Dropped,
            Self::Lifecycle { .. } => Category::Lifecycle,
            Self::Reload { .. } => Category::Reload,
            Self::Audit(_) => Category::Audit,
        }
    }

    /// The event it is about, where it is about one.
    pub fn event(&self) -> Option<&Arc<Event>> {
        match self {
            Self::Published { event }
            | Self::Admitted { event, .. }
            | Self::Step { event, .. }
            | Self::Verdict { event, .. }
            | Self::Denied { event, .. }
            | Self::Error { event, .. }
            | Self::Lifecycle { event }
            | Self::Audit(Audit::LaneShared { event, .. } | Audit::Refused { event, .. }) => {
                Some(event)
            }
            Self::Dropped { .. } | Self::Reload { .. } | Self::Audit(Audit::Quarantine { .. }) => {
                None
            }
        }
    }

    /// What it counts against a budget of bytes: all that it keeps alive.
    pub(super) fn size(&self) -> usize {
        let event = self.event().map_or(0, |event| event.size(&event.payload));
        let text = match self {
            Self::Denied { reason, .. } => reason.len(),
            Self::Audit(Audit::Refused { topic, reason, .. }) => topic.len() + reason.len(),
            Self::Error { error, .. } => error.message.len(),
            _ => 0,
        };
        ENVELOPE_BYTES + event + text
    }
}

impl Item for Record {
    fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Audit(Audit::Quarantine { principal, .. }) => principal.as_ref(),
            other => other.event().and_then(|event| event.principal.as_ref()),
        }
    }
}
