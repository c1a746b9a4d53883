//! The limits of a dispatcher.

use std::time::Duration;

use crate::{lane::LaneConfig, mailbox::MailboxConfig, session::SessionConfig};

/// The longest that any wait is taken for: a day. Instants cannot be added to
/// without end.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// How far an event may be from one that no capsule made. Default 8.
    pub max_hops: u32,
    /// How often at most it is reported that a consumer lags. Default 10 s.
    pub lag_report_interval: Duration,
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
            max_hops: 8,
            lag_report_interval: Duration::from_secs(10),
            sessions: SessionConfig::default(),
            queue: MailboxConfig::default(),
        }
    }
}
