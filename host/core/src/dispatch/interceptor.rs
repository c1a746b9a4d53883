//! One entry of a manifest, bound to what answers it.

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

use crate::{hook::Hook, quarantine::Quarantine, types::Pattern};

/// One (pattern, action, priority, policy) of a capsule.
#[derive(Clone, Debug)]
pub struct Interceptor {
    /// The capsule's id.
    pub capsule: Arc<str>,
    /// Which topics it wants to see.
    pub event: Pattern,
    /// What is handed to the hook.
    pub action: Arc<str>,
    /// Its place in a chain: lower goes first.
    pub priority: i32,
    /// What a failure of it does to the event.
    pub on_error: OnError,
    /// Whether its verdict counts.
    pub mode: Mode,
    /// How long one call may take, time in host calls included.
    pub timeout: Duration,
    /// What order its capsule's calls need.
    pub order: Order,
    /// What answers.
    pub hook: Arc<dyn Hook>,
    /// Takes the capsule out while it keeps failing; shared by all of its
    /// interceptors. `None` asks it every time.
    pub quarantine: Option<Arc<Quarantine>>,
}

/// What a failure of an interceptor does to the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The event goes on: a broken capsule does not block the pipeline.
    #[default]
    Continue,
    /// The event is refused: a guard never lets anything pass by failing.
    Deny,
}

/// Whether an interceptor's verdict counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It is recorded and never applied.
    Monitor,
}

/// What order the calls of a capsule need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// One after the other for each principal.
    #[default]
    Principal,
    /// One after the other for each session of a principal.
    Session,
    /// None: one principal's events may be answered at the same time.
    None,
}

// === impl Interceptor ===

impl Interceptor {
    /// Whether its verdict is recorded and never applied.
    pub fn monitors(&self) -> bool {
        self.mode == Mode::Monitor
    }
}

// === impl OnError ===

impl OnError {
    /// The word for it in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for OnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Mode ===

impl Mode {
    /// The word for it in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Monitor => "monitor",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Order ===

impl Order {
    /// The word for it in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Session => "session",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
