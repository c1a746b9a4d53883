//! What the dispatcher counts: every event, every step, every error.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Decision, StepVerdict};
use crate::hook::ErrorKind;

/// Running totals since the start. Counting is one atomic addition.
#[derive(Debug, Default)]
pub struct Counters {
    published: AtomicU64,
    admitted: AtomicU64,
    answered: AtomicU64,
    denied: AtomicU64,
    refused: AtomicU64,
    cancelled: AtomicU64,
    steps: AtomicU64,
    errors: [AtomicU64; ErrorKind::ALL.len()],
}

/// The totals at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Events taken in. Each of them is, in the end, one of `admitted`,
    /// `answered`, `denied` and `cancelled`.
    pub published: u64,
    /// Events let through.
    pub admitted: u64,
    /// Events answered by a `Final`.
    pub answered: u64,
    /// Events refused by a capsule, or by a guard's failure.
    pub denied: u64,
    /// Events whose publisher stopped waiting before the end.
    pub cancelled: u64,
    /// Events not taken in because a lane was full, and said so.
    pub refused: u64,
    /// Interceptors that took part in an event.
    pub steps: u64,
    /// Interceptors that failed, by family, as [`ErrorKind::ALL`] orders them.
    pub errors: [u64; ErrorKind::ALL.len()],
}

// === impl Counters ===

impl Counters {
    /// The totals now. They are read one after the other, not at one instant.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            published: read(&self.published),
            admitted: read(&self.admitted),
            answered: read(&self.answered),
            denied: read(&self.denied),
            cancelled: read(&self.cancelled),
            refused: read(&self.refused),
            steps: read(&self.steps),
            errors: self.errors.each_ref().map(read),
        }
    }

    pub(super) fn published(&self) {
        add(&self.published);
    }

    pub(super) fn refused(&self) {
        add(&self.refused);
    }

    pub(super) fn cancelled(&self) {
        add(&self.cancelled);
    }

    pub(super) fn decided(&self, decision: &Decision) {
        add(match decision {
            Decision::Continue { .. } => &self.admitted,
            Decision::Final { .. } => &self.answered,
            Decision::Deny { .. } => &self.denied,
        });
    }

    pub(super) fn step(&self, verdict: &StepVerdict) {
        add(&self.steps);
        if let StepVerdict::Error(error) = verdict
            && let Some(counter) = self.errors.get(error.kind as usize)
        {
            add(counter);
        }
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
