//! Why something could not be measured.

use std::{io, process::ExitStatus};

use capsule_core::{
    dispatch::PublishError,
    types::{PrincipalError, TopicError},
};
use capsule_host::StartError;

/// Why something could not be measured; what lies behind it is its source. A
/// figure that is not reached is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A topic or pattern of a measurement's own is none.
    #[error("bad topic")]
    Topic(#[from] TopicError),
    /// A principal of a measurement's own is none.
    #[error("bad principal")]
    Principal(#[from] PrincipalError),
    /// A host does not start.
    #[error("the host does not start")]
    Start(#[from] StartError),
    /// An event that nothing refuses was not taken in.
    #[error("not taken in: {0}")]
    Publish(Box<PublishError>),
    /// What a measurement stands on beside the host: the raw engine, or one
    /// of the host's peers.
    #[error("{who}: {reason}")]
    Peer {
        /// Which.
        who: &'static str,
        /// What it says.
        reason: String,
    },
    /// A task of a measurement panicked.
    #[error("a task failed")]
    Task(#[from] tokio::task::JoinError),
    /// A file, a pipe, a process or the runtime.
    #[error("{what}")]
    Io {
        /// What could not be done.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// A child process failed.
    #[error("`{program}` failed: {status}")]
    Child {
        /// Which.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A report or a measurement is not the JSON it should be.
    #[error("bad JSON")]
    Json(#[from] serde_json::Error),
    /// A chart could not be drawn.
    #[error("a chart cannot be drawn: {reason}")]
    Chart {
        /// Why not.
        reason: String,
    },
    /// Something measured does something else than what is measured.
    #[error("not as expected: {what}")]
    Unexpected {
        /// What it does.
        what: String,
    },
}

// === impl BenchError ===

impl BenchError {
    /// What could not be done, to be told why.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Who failed, to be told why: the whole chain of causes where `E` shows
    /// it.
    pub fn peer<E: std::fmt::Display>(who: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Peer {
            who,
            reason: format!("{error:#}"),
        }
    }

    /// What was seen instead of what was to be.
    pub fn unexpected(what: impl Into<String>) -> Self {
        Self::Unexpected { what: what.into() }
    }
}

impl From<PublishError> for BenchError {
    fn from(error: PublishError) -> Self {
        Self::Publish(Box::new(error))
    }
}
