//! Why an event was not taken in.

use std::sync::Arc;

use crate::{
    lane::NoRoom,
    types::{Draft, Topic},
};

/// Why an event was not taken in. The event comes back where it can be tried
/// again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Topics under `host.` are the host's own.
    #[error("topic `{topic}` is reserved: only the host publishes under `host.`")]
    Reserved {
        /// The topic.
        topic: Topic,
    },
    /// There is no room for the event at the moment.
    #[error("{full}")]
    Full {
        /// What is full.
        full: NoRoom,
        /// The event.
        draft: Draft,
    },
    /// The event alone is larger than all events under way may be.
    #[error(
        "an event of {bytes} bytes is larger than the host takes: {max} bytes \
         (`in_flight_bytes` under [dispatch])"
    )]
    TooLarge {
        /// What the event counts.
        bytes: u64,
        /// What all events under way may count together.
        max: u64,
    },
    /// The event alone is larger than what somebody who subscribes to it has
    /// room for.
    #[error(
        "an event of {bytes} bytes is larger than the queue of the subscription \
         `{subscription}`: {max} bytes"
    )]
    TooLargeFor {
        /// The subscription.
        subscription: Arc<str>,
        /// What the event counts.
        bytes: usize,
        /// What the queue holds.
        max: usize,
    },
    /// The host is shutting down.
    #[error("the host is shutting down and takes no more events")]
    Closed {
        /// The event.
        draft: Draft,
    },
}
