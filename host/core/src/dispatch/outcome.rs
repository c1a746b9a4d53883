//! What became of an event, and why.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use smallvec::SmallVec;

use super::Interceptor;
use crate::{
    hook::{HookError, Verdict},
    observe::Record,
    types::Event,
};

/// What became of an event.
#[derive(Clone, Debug)]
#[must_use = "an outcome may be a denial"]
pub struct Outcome {
    /// The event as published.
    pub event: Arc<Event>,
    /// The end of it.
    pub decision: Decision,
    /// Every interceptor that took part, in order, with its answer.
    pub steps: Steps,
    /// From the event's being taken in to its decision, waiting included.
    pub duration: Duration,
}

/// The steps of a chain: no allocation for a short one.
pub type Steps = SmallVec<[Step; 1]>;

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The event is admitted, with this payload.
    Continue {
        /// As published, or as the last stage that replaced it left it.
        payload: Bytes,
    },
    /// An interceptor answered the publisher.
    Final {
        /// The capsule that did.
        by: Arc<str>,
        /// Its answer.
        response: Bytes,
    },
    /// The event is refused.
    Deny {
        /// The capsule that refused it, or whose failure did.
        by: Arc<str>,
        /// Why.
        reason: String,
    },
}

/// One interceptor's part in an outcome.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which interceptor.
    pub interceptor: Arc<Interceptor>,
    /// What it said.
    pub verdict: StepVerdict,
    /// How long the call took; zero for one that was not made.
    pub duration: Duration,
}

/// What an interceptor said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepVerdict {
    /// Go on.
    Continue {
        /// Whether it replaced the payload.
        changed: bool,
    },
    /// It answered the publisher.
    Final,
    /// It refused the event.
    Deny {
        /// Why.
        reason: String,
    },
    /// Not its concern.
    Skip,
    /// It failed, or was not asked because the chain's time was up.
    Error(HookError),
}

// === impl Outcome ===

impl Outcome {
    /// Whether the event was let through.
    pub fn is_admitted(&self) -> bool {
        matches!(self.decision, Decision::Continue { .. })
    }
}

// === impl Step ===

impl Step {
    /// What observers of `event` are told of it.
    pub(super) fn record(&self, event: &Arc<Event>) -> Record {
        Record::Step {
            event: event.clone(),
            capsule: self.interceptor.capsule.clone(),
            action: self.interceptor.action.clone(),
            verdict: self.verdict.as_str(),
            duration: self.duration,
        }
    }
}

// === impl StepVerdict ===

impl StepVerdict {
    /// What an answer is called.
    pub(super) fn of(answer: &Result<Verdict, HookError>) -> Self {
        match answer {
            Ok(Verdict::Continue(payload)) => Self::Continue {
                changed: payload.is_some(),
            },
            Ok(Verdict::Final(_)) => Self::Final,
            Ok(Verdict::Deny(reason)) => Self::Deny {
                reason: reason.clone(),
            },
            Ok(Verdict::Skip) => Self::Skip,
            Err(error) => Self::Error(error.clone()),
        }
    }

    /// The word for it in outcomes, logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Continue { .. } => "continue",
            Self::Final => "final",
            Self::Deny { .. } => "deny",
            Self::Skip => "skip",
            Self::Error(_) => "error",
        }
    }
}

// === impl Decision ===

impl Decision {
    /// The capsule that decided, where one did.
    pub fn by(&self) -> Option<&Arc<str>> {
        match self {
            Self::Continue { .. } => None,
            Self::Final { by, .. } | Self::Deny { by, .. } => Some(by),
        }
    }

    /// The word for it in outcomes, logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Continue { .. } => "continue",
            Self::Final { .. } => "final",
            Self::Deny { .. } => "deny",
        }
    }
}
