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
    striped::{Count, Striped},
    sync::{AtomicU64, Ordering},
};

/// Running totals since the start. Each thread counts for itself, and none waits
/// for another.
#[derive(Debug, Default)]
pub struct Counters {
    totals: Striped<Totals>,
    /// Events of the host about itself: one count, which numbers them.
    own: AtomicU64,
}

#[derive(Debug, Default)]
struct Totals {
    published: Count,
    admitted: Count,
    answered: Count,
    denied: Count,
    refused: Count,
    cancelled: Count,
    triggered: Count,
    steps: Count,
    errors: [Count; ErrorKind::ALL.len()],
    handed_out: Count,
    lost: [Count; Losses::CAUSES.len()],
    lost_bytes: Count,
    shared_lanes: Count,
    quarantined: Count,
    recovered: Count,
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
        self.totals.count(|totals| totals.published.add(1));
    }

    pub(super) fn refused(&self) {
        self.totals.count(|totals| totals.refused.add(1));
    }

    pub(super) fn cancelled(&self) {
        self.totals.count(|totals| totals.cancelled.add(1));
    }

    pub(super) fn triggered(&self) {
        self.totals.count(|totals| totals.triggered.add(1));
    }

    pub(super) fn handed_out(&self, times: u64) {
        self.totals.count(|totals| totals.handed_out.add(times));
    }

    pub(super) fn lost(&self, lost: &Losses) {
        self.totals.count(|totals| {
            for (counter, (_, lost)) in totals.lost.iter().zip(lost.by_cause()) {
                counter.add(lost.items);
            }
            totals.lost_bytes.add(lost.total().bytes);
        });
    }

    pub(super) fn shared_lane(&self) {
        self.totals.count(|totals| totals.shared_lanes.add(1));
    }

    pub(super) fn quarantine(&self, change: Change) {
        self.totals.count(|totals| match change {
            Change::Out(_) => totals.quarantined.add(1),
            Change::Back => totals.recovered.add(1),
        });
    }

    /// Counts an event of the host about itself, and gives its number.
    pub(super) fn next_own(&self) -> u64 {
        self.own.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn decided(&self, decision: &Decision, duration: Duration) {
        self.totals.count(|totals| {
            match decision {
                Decision::Continue { .. } => totals.admitted.add(1),
                Decision::Final { .. } => totals.answered.add(1),
                Decision::Deny { .. } => totals.denied.add(1),
            }
            totals.durations.add(duration);
        });
    }

    pub(super) fn step(&self, verdict: &StepVerdict) {
        self.totals.count(|totals| {
            totals.steps.add(1);
            if let StepVerdict::Error(error) = verdict
                && let Some(counter) = totals.errors.get(error.kind as usize)
            {
                counter.add(1);
            }
        });
    }
}

// === impl Totals ===

impl Totals {
    fn add_to(&self, sum: &mut Snapshot) {
        sum.published += self.published.read();
        sum.admitted += self.admitted.read();
        sum.answered += self.answered.read();
        sum.denied += self.denied.read();
        sum.cancelled += self.cancelled.read();
        sum.refused += self.refused.read();
        sum.steps += self.steps.read();
        for (sum, counter) in sum.errors.iter_mut().zip(&self.errors) {
            *sum += counter.read();
        }
        sum.triggered += self.triggered.read();
        sum.handed_out += self.handed_out.read();
        for (sum_of_cause, counter) in sum.lost_by_cause.iter_mut().zip(&self.lost) {
            *sum_of_cause += counter.read();
            sum.lost += counter.read();
        }
        sum.lost_bytes += self.lost_bytes.read();
        sum.shared_lanes += self.shared_lanes.read();
        sum.quarantined += self.quarantined.read();
        sum.recovered += self.recovered.read();
        self.durations.add_to(&mut sum.durations);
    }
}
