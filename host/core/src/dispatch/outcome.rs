//! What became of an event, and why.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use smallvec::SmallVec;

use super::{Interceptor, routing::Route};
use crate::{
    hook::{HookError, Verdict},
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

/// The steps of a chain, in order: each interceptor that took part with its
/// answer. As long as they are kept, so is the chain, with its hooks and with
/// what is known of those who subscribed to the topic.
#[derive(Clone)]
pub struct Steps {
    route: Arc<Route>,
    taken: Taken,
}

/// Steps, without the interceptors: no allocation for a short chain.
#[derive(Clone, Debug)]
pub(super) struct Taken(SmallVec<[(StepVerdict, Duration); 1]>);

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
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Which interceptor.
    pub interceptor: &'a Arc<Interceptor>,
    /// What it said.
    pub verdict: &'a StepVerdict,
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

// === impl Steps ===

impl Steps {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.taken.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first.
    pub fn first(&self) -> Option<Step<'_>> {
        self.iter().next()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Step<'_>> {
        let asked = self.route.chain.interceptors();
        asked
            .zip(&self.taken.0)
            .map(|(interceptor, (verdict, duration))| Step {
                interceptor,
                verdict,
                duration: *duration,
            })
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

// === impl Taken ===

impl Taken {
    /// None yet, of a chain of so many stages.
    pub(super) fn new(stages: usize) -> Self {
        Self(SmallVec::with_capacity(stages))
    }

    /// Adds what the next stage said.
    pub(super) fn push(&mut self, verdict: StepVerdict, duration: Duration) {
        self.0.push((verdict, duration));
    }

    /// The steps of the chain of `route`.
    pub(super) fn of(self, route: Arc<Route>) -> Steps {
        Steps { route, taken: self }
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
