//! The one door to whatever answers a hook: a capsule, an external process,
//! a test double.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    dispatch::{Gather, Gathered},
    types::Event,
};

/// The answer to a call, now or later. It lives as long as the call.
pub struct HookFuture<'a>(Later<'a>);

/// What a [`HookFuture`] is: an answer that is there needs no allocation.
enum Later<'a> {
    /// `None` once it was taken.
    Ready(Option<Result<Verdict, HookError>>),
    Pending(Pin<Box<dyn Future<Output = Result<Verdict, HookError>> + Send + 'a>>),
}

/// Answers the calls of one capsule's interceptors.
///
/// The dispatcher never has two calls of one lane under way at once, and
/// drops the future when the time is up: whatever the call held must then be
/// thrown away by the drop alone.
pub trait Hook: fmt::Debug + Send + Sync {
    /// Answers one event.
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a>;
}

/// One call of a hook.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The word the manifest gave the interceptor that fired.
    pub action: &'a str,
    /// The event as published.
    pub event: &'a Arc<Event>,
    /// The payload after the stages before this one.
    pub payload: &'a Bytes,
    /// When the call began: just now.
    pub started: Instant,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

/// The future of a trigger.
pub type OutletFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, OutletError>> + Send + 'a>>;

/// What a capsule may do with the bus while it answers an event. What it
/// publishes is its caller's: it carries the principal of the event `from`
/// which the capsule is asked about, and one hop more.
pub trait Outlet: fmt::Debug + Send + Sync {
    /// Publishes, and does not wait for the outcome.
    ///
    /// # Errors
    ///
    /// [`OutletError`]; nothing was published then.
    fn publish(&self, from: &Arc<Event>, topic: &str, payload: Bytes) -> Result<(), OutletError>;

    /// Asks all interceptors of `topic` at once and gathers their replies.
    fn trigger<'a>(
        &'a self,
        from: &'a Arc<Event>,
        topic: &'a str,
        payload: Bytes,
        gather: Gather,
    ) -> OutletFuture<'a, Gathered>;
}

/// Why a capsule could not publish or trigger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutletError {
    /// The topic is none.
    #[error("bad topic: {0}")]
    BadTopic(String),
    /// The manifest does not grant the topic.
    #[error("not granted: the manifest's [capabilities] do not list this topic")]
    NotGranted,
    /// A capsule published on the way to the event, and so on, too deep.
    #[error("too many hops: an event may be {max} away from one that no capsule made")]
    TooManyHops {
        /// How many are allowed.
        max: u32,
    },
    /// It has published for this principal as often as it may.
    #[error("too often: {per_second} in a second are granted for one principal")]
    TooOften {
        /// How often it may.
        per_second: u32,
    },
    /// There is no room.
    #[error("full: {0}")]
    Full(String),
    /// The event is larger than allowed.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The host is shutting down, or has no bus.
    #[error("closed: the host takes no more events")]
    Closed,
}

/// What a hook says becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let it go on; `Some` replaces the payload for the stages behind.
    Continue(Option<Bytes>),
    /// End the chain with this response.
    Final(Bytes),
    /// End the chain and refuse the event, for this reason.
    Deny(String),
    /// Not mine.
    Skip,
}

/// Why a hook gave no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct HookError {
    /// What family the failure is of.
    pub kind: ErrorKind,
    /// What happened, for the operator.
    pub message: String,
}

/// The families of failures of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The guest executed something that WebAssembly forbids, or panicked.
    Trap,
    /// The time was up.
    Timeout,
    /// The guest wanted more memory than it may have.
    Memory,
    /// The guest's calls went deeper than its stack.
    Stack,
    /// The answer could not be read, or was larger than allowed.
    Output,
    /// Nothing was there to ask: not loaded, or no instance free.
    Unavailable,
    /// Errors in a row have taken the capsule out for a while.
    Quarantined,
    /// The hook itself answered that it failed.
    Guest,
}

// === impl HookFuture ===

impl<'a> HookFuture<'a> {
    /// An answer that is there.
    pub fn ready(answer: Result<Verdict, HookError>) -> Self {
        Self(Later::Ready(Some(answer)))
    }

    /// The answer, if it is there; or itself.
    pub(crate) fn into_ready(self) -> Result<Result<Verdict, HookError>, Self> {
        match self.0 {
            Later::Ready(Some(answer)) => Ok(answer),
            _ => Err(self),
        }
    }

    /// What `future` answers.
    pub fn new(future: impl Future<Output = Result<Verdict, HookError>> + Send + 'a) -> Self {
        Self(Later::Pending(Box::pin(future)))
    }
}

impl Future for HookFuture<'_> {
    type Output = Result<Verdict, HookError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            // Polled again after it was ready, it never is.
            Later::Ready(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            Later::Pending(future) => future.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for HookFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_ready = matches!(self.0, Later::Ready(_));
        f.debug_struct("HookFuture")
            .field("is_ready", &is_ready)
            .finish()
    }
}

// === impl HookError ===

impl HookError {
    /// A failure of family `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

// === impl ErrorKind ===

impl ErrorKind {
    /// Every family, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Trap,
        Self::Timeout,
        Self::Memory,
        Self::Stack,
        Self::Output,
        Self::Unavailable,
        Self::Quarantined,
        Self::Guest,
    ];

    /// The word for it in outcomes, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Output => "output",
            Self::Unavailable => "unavailable",
            Self::Quarantined => "quarantined",
            Self::Guest => "guest",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
