//! Says that consumers lose events, and how many: for each at most once in a
//! while, so that the reports do not add to the flood.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::json;
use tokio::{runtime::Handle, time::sleep};

use super::shared::Shared;
use crate::{mailbox::Tally, sync::Mutex};

const LAGGED: &str = "host.bus.lagged";

/// What each consumer that lags has lost since it was last reported.
#[derive(Debug)]
pub(super) struct Lagging {
    interval: Duration,
    causes: Mutex<HashMap<Arc<str>, Tally>>,
}

/// Reports one cause. Dropped, also with the runtime it waits in, it leaves
/// the next loss to be the first again.
struct Follower {
    shared: Weak<Shared>,
    cause: Arc<str>,
    has_ended: bool,
}

// === impl Lagging ===

impl Lagging {
    /// Each cause is reported once in an `interval` at most.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            causes: Mutex::default(),
        }
    }

    /// Counts a loss. `true` if it is the first of its cause in a while, and
    /// to be reported by the caller.
    pub(super) fn count(&self, cause: &Arc<str>, lost: Tally) -> bool {
        let mut causes = self.causes.lock();
        match causes.get_mut(cause) {
            Some(since) => {
                *since += lost;
                false
            }
            None => {
                causes.insert(cause.clone(), lost);
                true
            }
        }
    }

    /// Reports what is lost by `cause` soon, and from then on once in an
    /// interval until nothing is.
    ///
    /// A report may be lost by others who lag, and that be reported too. Each
    /// is made in a task of its own, so that they do not nest.
    pub(super) fn report(shared: &Arc<Shared>, cause: Arc<str>) {
        let mut follower = Follower {
            shared: Arc::downgrade(shared),
            cause,
            has_ended: false,
        };
        match Handle::try_current() {
            // Ends with the dispatcher, or an interval later; nobody waits for
            // it.
            Ok(runtime) => {
                runtime.spawn(follower.follow(shared.lagging.interval));
            }
            // Nothing can wait here: it is said at once, unless that is within
            // the report of another cause.
            Err(_) if shared.lagging.causes() == 1 => {
                follower.publish();
            }
            Err(_) => {}
        }
    }

    /// What was lost since the last report; `None` ends the cause.
    fn take(&self, cause: &Arc<str>) -> Option<Tally> {
        let mut causes = self.causes.lock();
        let lost = std::mem::take(causes.get_mut(cause)?);
        if lost.is_zero() {
            causes.remove(cause);
            return None;
        }
        Some(lost)
    }

    /// How many causes have lost something within the interval.
    pub(super) fn causes(&self) -> usize {
        self.causes.lock().len()
    }

    fn forget(&self, cause: &Arc<str>) {
        self.causes.lock().remove(cause);
    }
}

// === impl Follower ===

impl Follower {
    async fn follow(mut self, interval: Duration) {
        while self.publish() {
            sleep(interval).await;
        }
    }

    /// Says what was lost since it was said last; `false` if that is nothing.
    fn publish(&mut self) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return false;
        };
        let Some(lost) = shared.lagging.take(&self.cause) else {
            // Who counts the next loss is the first again, and has a follower
            // of its own.
            self.has_ended = true;
            return false;
        };
        let report = json!({
            "consumer": &*self.cause,
            "lost": { "events": lost.items, "bytes": lost.bytes },
        });
        shared.publish_own(LAGGED, &report);
        true
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if !self.has_ended
            && let Some(shared) = self.shared.upgrade()
        {
            shared.lagging.forget(&self.cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::DispatchConfig;

    #[test]
    fn a_follower_that_ends_forgets_no_loss_that_came_after() {
        let shared = Arc::new(Shared::new(DispatchConfig::default()));
        let cause: Arc<str> = "slow".into();
        let follower = || Follower {
            shared: Arc::downgrade(&shared),
            cause: cause.clone(),
            has_ended: false,
        };
        let mut old = follower();
        assert!(!old.publish(), "nothing is lost, so it ends");
        let lost = Tally { items: 7, bytes: 7 };
        assert!(shared.lagging.count(&cause, lost), "the first again");
        drop(old);
        assert!(follower().publish(), "it is reported");
    }
}
