//! One who publishes as regularly as a clock.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use capsule_core::{
    dispatch::{Dispatcher, Outcome, PublishError, StepVerdict},
    hook::ErrorKind,
    types::{Principal, Topic},
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use crate::{
    StressError,
    fixture::{Stamp, draft, micros_since},
};

/// When the last event is published.
const END: Duration = Duration::from_secs(70);

/// Publishes one event after the other.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) topic: Topic,
    pub(super) principal: Principal,
    pub(super) index: usize,
    pub(super) every: Duration,
}

/// What became of a publisher's events. One that was refused has no fate.
pub(super) type Fates = BTreeMap<Stamp, Option<Fate>>;

/// What became of an event that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// What it came to, and what each stage said.
    pub(super) told: String,
    /// Whether it was let through.
    pub(super) is_admitted: bool,
    /// Whether one of its stages had no answer in time.
    pub(super) timed_out: bool,
    /// How long its outcome took.
    pub(super) took: Duration,
}

// === impl Publisher ===

impl Publisher {
    /// Publishes until the end, and waits for what becomes of all of them.
    pub(super) async fn publish(self) -> Result<Fates, StressError> {
        let epoch = Instant::now();
        // Not all at the same moment.
        let mut next = epoch + Duration::from_millis(7 * self.index as u64 % 100);
        let fates = Arc::new(Mutex::new(Fates::new()));
        let running = TaskTracker::new();
        for number in 0.. {
            if next > epoch + END {
                break;
            }
            sleep_until(next).await;
            next += self.every;
            let stamp = Stamp {
                principal: self.index as u32,
                number,
                at_us: micros_since(epoch),
            };
            let draft = draft(&self.topic, &self.principal, stamp, 64);
            match self.dispatcher.try_submit(draft) {
                Ok(event) => {
                    let fates = fates.clone();
                    running.spawn(async move {
                        let fate = Fate::of(&event.run().await);
                        fates.lock().insert(stamp, Some(fate));
                    });
                }
                Err(PublishError::Full { .. }) => {
                    fates.lock().insert(stamp, None);
                }
                Err(other) => return Err(other.into()),
            }
        }
        running.close();
        running.wait().await;
        let fates = std::mem::take(&mut *fates.lock());
        Ok(fates)
    }
}

// === impl Fate ===

impl Fate {
    fn of(outcome: &Outcome) -> Self {
        let timed_out = |verdict: &StepVerdict| matches!(verdict, StepVerdict::Error(error) if error.kind == ErrorKind::Timeout);
        let mut told = outcome.decision.as_str().to_owned();
        for step in outcome.steps.iter() {
            told = format!("{told} {}", step.verdict.as_str());
        }
        Self {
            told,
            is_admitted: outcome.is_admitted(),
            timed_out: outcome.steps.iter().any(|step| timed_out(step.verdict)),
            took: outcome.duration,
        }
    }
}
