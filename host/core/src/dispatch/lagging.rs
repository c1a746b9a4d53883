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

    /// Reports what was lost by `cause` now, and from then on once in an
    /// interval until nothing is.
    pub(super) fn report(shared: &Arc<Shared>, cause: Arc<str>) {
        publish(shared, &cause);
        let Ok(runtime) = Handle::try_current() else {
            shared.lagging.forget(&cause);
            return;
        };
        let (interval, shared) = (shared.lagging.interval, Arc::downgrade(shared));
        // Ends with the dispatcher, or an interval later; nobody waits for it.
        runtime.spawn(follow(shared, cause, interval));
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

    fn forget(&self, cause: &Arc<str>) {
        self.causes.lock().remove(cause);
    }
}

async fn follow(shared: Weak<Shared>, cause: Arc<str>, interval: Duration) {
    loop {
        sleep(interval).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if !publish(&shared, &cause) {
            return;
        }
    }
}

fn publish(shared: &Arc<Shared>, cause: &Arc<str>) -> bool {
    let Some(lost) = shared.lagging.take(cause) else {
        return false;
    };
    let report = json!({
        "consumer": &**cause,
        "lost": { "events": lost.items, "bytes": lost.bytes },
    });
    shared.publish_own(LAGGED, &report);
    true
}
