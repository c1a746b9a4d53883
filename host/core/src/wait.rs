//! How long anything is waited for at most.

use std::time::Duration;

/// The longest that any wait is taken for: a day. No setting, but what keeps
/// settings from doing harm: instants cannot be added to without end.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
