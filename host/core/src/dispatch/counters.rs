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
    striped::Striped,
    sync::{AtomicU64, Ordering},
};

/// Running totals since the start. Counting is one atomic addition, for which
/// no thread waits for another.
#[derive(Debug, Default)]
pub struct Counters {
    totals: Striped<Totals>,
    /// Events of the host about itself: one count, which numbers them.
    own: AtomicU64,
}

#[derive(Debug, Default)]
struct Totals {
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
        let mut snapshot = Snapshot {
            own: self.own.load(Ordering::Relaxed),
            ..Snapshot::default()
        };
        self.totals
            .iter()
            .for_each(|totals| totals.add_to(&mut snapshot));
        snapshot
    }

    pub(super) fn published(&self) {
        add(&self.totals.mine().published);
    }

    pub(super) fn refused(&self) {
        add(&self.totals.mine().refused);
    }

    pub(super) fn cancelled(&self) {
        add(&self.totals.mine().cancelled);
    }

    pub(super) fn triggered(&self) {
        add(&self.totals.mine().triggered);
    }

    pub(super) fn handed_out(&self, times: u64) {
        self.totals
            .mine()
            .handed_out
            .fetch_add(times, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, lost: &Losses) {
        let totals = self.totals.mine();
        for (counter, (_, lost)) in totals.lost.iter().zip(lost.by_cause()) {
            counter.fetch_add(lost.items, Ordering::Relaxed);
        }
        totals
            .lost_bytes
            .fetch_add(lost.total().bytes, Ordering::Relaxed);
    }

    pub(super) fn shared_lane(&self) {
        add(&self.totals.mine().shared_lanes);
    }

    pub(super) fn quarantine(&self, change: Change) {
        add(match change {
            Change::Out(_) => &self.totals.mine().quarantined,
            Change::Back => &self.totals.mine().recovered,
        });
    }

    /// Counts an event of the host about itself, and gives its number.
    pub(super) fn next_own(&self) -> u64 {
        self.own.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn decided(&self, decision: &Decision, duration: Duration) {
        let totals = self.totals.mine();
        add(match decision {
            Decision::Continue { .. } => &totals.admitted,
            Decision::Final { .. } => &totals.answered,
            Decision::Deny { .. } => &totals.denied,
        });
        totals.durations.add(duration);
    }

    pub(super) fn step(&self, verdict: &StepVerdict) {
        add(&self.totals.mine().steps);
        if let StepVerdict::Error(error) = verdict
            && let Some(counter) = self.totals.mine().errors.get(error.kind as usize)
        {
            add(counter);
        }
    }
}

// === impl Totals ===

impl Totals {
    fn add_to(&self, sum: &mut Snapshot) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        sum.published += read(&self.published);
        sum.admitted += read(&self.admitted);
        sum.answered += read(&self.answered);
        sum.denied += read(&self.denied);
        sum.cancelled += read(&self.cancelled);
        sum.refused += read(&self.refused);
        sum.steps += read(&self.steps);
        for (sum, counter) in sum.errors.iter_mut().zip(&self.errors) {
            *sum += read(counter);
        }
        sum.triggered += read(&self.triggered);
        sum.handed_out += read(&self.handed_out);
        for (sum_of_cause, counter) in sum.lost_by_cause.iter_mut().zip(&self.lost) {
            *sum_of_cause += read(counter);
            sum.lost += read(counter);
        }
        sum.lost_bytes += read(&self.lost_bytes);
        sum.shared_lanes += read(&self.shared_lanes);
        sum.quarantined += read(&self.quarantined);
        sum.recovered += read(&self.recovered);
        self.durations.add_to(&mut sum.durations);
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
