//! The limits of a dispatcher.

use std::{num::NonZeroUsize, time::Duration};

pub(super) use crate::wait::LONGEST_WAIT;
use crate::{lane::LaneConfig, mailbox::MailboxConfig, session::SessionConfig};

/// The limits of a [`Dispatcher`](super::Dispatcher).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchConfig {
    /// How many events may be under way, in each lane and in all; the next one
    /// waits or is refused, as its publisher asks.
    pub lanes: LaneConfig,
    /// How long the hooks of one chain may take together. Waiting for a turn
    /// behind earlier events does not count: their own time-outs bound it.
    /// Default 5 s.
    pub chain_deadline: Duration,
    /// How long a trigger that does not say waits for all replies. Default 5 s.
    pub trigger_deadline: Duration,
    /// How far an event may be from one that no capsule made. Default 8.
    pub max_hops: u32,
    /// How often at most it is reported that a consumer lags. Default 10 s.
    pub lag_report_interval: Duration,
    /// How often at most failures of one family, of one action of one capsule,
    /// are logged as a warning; the others are logged for debugging, and all
    /// are counted. Default 10 s.
    pub failure_log_interval: Duration,
    /// Topics whose route each thread that publishes remembers; each has two
    /// places, which later ones take over. A place takes 8 bytes while it is
    /// empty. Default 4096.
    pub cached_topics: NonZeroUsize,
    /// How many sessions may be registered.
    pub sessions: SessionConfig,
    /// The queue of a subscription that does not say otherwise.
    pub queue: MailboxConfig,
}

// === impl DispatchConfig ===

impl Default for DispatchConfig {
    fn default() -> Self {
        Self {
            lanes: LaneConfig::default(),
            chain_deadline: Duration::from_secs(5),
            trigger_deadline: Duration::from_secs(5),
            max_hops: 8,
            lag_report_interval: Duration::from_secs(10),
            failure_log_interval: Duration::from_secs(10),
            cached_topics: const { NonZeroUsize::new(4096).unwrap() },
            sessions: SessionConfig::default(),
            queue: MailboxConfig::default(),
        }
    }
}
