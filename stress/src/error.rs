//! Why a scenario could not be run to its end.

use std::io;

use capsule_core::{broker, dispatch::PublishError, types::PrincipalError, types::TopicError};

/// Why a scenario could not be run to its end. A claim that fails is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StressError {
    /// A topic or pattern of the scenario's own is none.
    #[error("bad topic: {0}")]
    Topic(#[from] TopicError),
    /// A principal of the scenario's own is none.
    #[error("bad principal: {0}")]
    Principal(#[from] PrincipalError),
    /// A hook's name is none.
    #[error("bad hook: {0}")]
    HookName(#[from] broker::HookNameError),
    /// The broker takes no subscriber.
    #[error("no subscription of a hook: {0}")]
    Hook(#[from] broker::SubscribeError),
    /// An event that nothing refuses was not taken in.
    #[error("not taken in: {0}")]
    Publish(#[from] PublishError),
    /// A task of the scenario panicked.
    #[error("a task of the scenario failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The runtime, a file under `/proc` or a child process.
    #[error("{what}: {source}")]
    Io {
        /// What could not be done.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// `/proc/self/statm` is not what it is on Linux.
    #[error("`/proc/self/statm` has no resident size: {found:?}")]
    Statm {
        /// What it has.
        found: String,
    },
    /// The child process failed.
    #[error("the child process failed: {status}")]
    Child {
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// What the child process measured cannot be read.
    #[error("the child process said what cannot be read: {0}")]
    Measurement(#[from] serde_json::Error),
    /// Something goes on longer than any scenario should.
    #[error("{what} has not ended in time")]
    Endless {
        /// What goes on.
        what: &'static str,
    },
}

// === impl StressError ===

impl StressError {
    /// What could not be done, to be told why.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
