//! What the dispatcher counts: every event, every step, every error.

use std::time::Duration;

use super::{
    Decision, StepVerdict,
    meter::{Histogram, HistogramSnapshot},
};
use crate::{
    hook::ErrorKind,
    mailbox::Losses,
    quarantine::Change,
    sync::{AtomicU64, Ordering},
};

/// Running totals since the start. Counting is one atomic addition.
#[derive(Debug, Default)]
pub struct Counters {
    published: AtomicU64,
    admitted: AtomicU64,
    answered: AtomicU64,
    denied: AtomicU64,
    refused: AtomicU64,
    cancelled: AtomicU64,
    triggered: AtomicU64,
    steps: AtomicU64,
    errors: [AtomicU64; ErrorKind::ALL.len()],
    handed_out: AtomicU64,
    lost: [AtomicU64; Losses::CAUSES.len()],
    lost_bytes: AtomicU64,
    shared_lanes: AtomicU64,
    quarantined: AtomicU64,
    recovered: AtomicU64,
    /// Events of the host about itself.
    own: AtomicU64,
    durations: Histogram,
}

/// The totals at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Events that were scattered to gather replies.
    pub triggered: u64,
    /// Times that an event was handed to a subscription.
    pub handed_out: u64,
    /// Events and records that consumers lost, and events that were queued for
    /// a subscription when it was dropped.
    pub lost: u64,
    /// The same by cause, as [`Losses::CAUSES`] orders them.
    pub lost_by_cause: [u64; Losses::CAUSES.len()],
    /// Their bytes.
    pub lost_bytes: u64,
    /// Events that visited a lane which principals share because a capsule had
    /// as many as it may.
    pub shared_lanes: u64,
    /// Times that a capsule was taken out for a principal.
    pub quarantined: u64,
    /// Times that one was brought back.
    pub recovered: u64,
    /// Events that the host published about itself.
    pub own: u64,
    /// How long chains took, waiting included.
    pub durations: HistogramSnapshot,
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
            triggered: read(&self.triggered),
            handed_out: read(&self.handed_out),
            lost: self.lost.iter().map(read).sum(),
            lost_by_cause: self.lost.each_ref().map(read),
            lost_bytes: read(&self.lost_bytes),
            shared_lanes: read(&self.shared_lanes),
            quarantined: read(&self.quarantined),
            recovered: read(&self.recovered),
            own: read(&self.own),
            durations: self.durations.snapshot(),
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

    pub(super) fn triggered(&self) {
        add(&self.triggered);
    }

    pub(super) fn handed_out(&self, times: u64) {
        self.handed_out.fetch_add(times, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, lost: &Losses) {
        for (counter, (_, lost)) in self.lost.iter().zip(lost.by_cause()) {
            counter.fetch_add(lost.items, Ordering::Relaxed);
        }
        self.lost_bytes
            .fetch_add(lost.total().bytes, Ordering::Relaxed);
    }

    pub(super) fn shared_lane(&self) {
        add(&self.shared_lanes);
    }

    pub(super) fn quarantine(&self, change: Change) {
        add(match change {
            Change::Out(_) => &self.quarantined,
            Change::Back => &self.recovered,
        });
    }

    /// Counts an event of the host about itself, and gives its number.
    pub(super) fn next_own(&self) -> u64 {
        self.own.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn decided(&self, decision: &Decision, duration: Duration) {
        add(match decision {
            Decision::Continue { .. } => &self.admitted,
            Decision::Final { .. } => &self.answered,
            Decision::Deny { .. } => &self.denied,
        });
        self.durations.add(duration);
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
