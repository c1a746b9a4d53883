//! What is counted of one interceptor.

use std::time::Duration;

use tokio::time::Instant;

use super::{StepVerdict, throttle::Throttle};
use crate::{
    hook::ErrorKind,
    striped::{Count, Striped},
};

/// Upper ends of the buckets of a [`HistogramSnapshot`], in microseconds: from what a
/// reused instance takes to what no hook should. Not a setting: whoever adds up
/// several hosts needs the same ends in each.
pub const BUCKETS_US: [u64; 12] = [
    1, 4, 16, 64, 256, 1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 5_000_000,
];

/// What is counted of one action of one capsule: resolved when the interceptor
/// is installed, so that counting is a few additions. It outlives
/// reloads.
#[derive(Debug, Default)]
pub struct Meter {
    totals: Striped<Totals>,
    warnings: [Throttle; ErrorKind::ALL.len()],
}

#[derive(Debug, Default)]
struct Totals {
    continued: Count,
    changed: Count,
    answered: Count,
    denied: Count,
    skipped: Count,
    errors: [Count; ErrorKind::ALL.len()],
    durations: Histogram,
}

/// The totals of a [`Meter`] at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterSnapshot {
    /// Steps that let the event go on as it was.
    pub continued: u64,
    /// Steps that replaced the payload.
    pub changed: u64,
    /// Steps that answered the publisher.
    pub answered: u64,
    /// Steps that refused the event.
    pub denied: u64,
    /// Steps that were none of its concern.
    pub skipped: u64,
    /// Steps that failed, by family, as [`ErrorKind::ALL`] orders them.
    pub errors: [u64; ErrorKind::ALL.len()],
    /// How long the calls took.
    pub durations: HistogramSnapshot,
}

/// How often what took how long.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// One for each of [`BUCKETS_US`], and one for what took longer.
    buckets: [Count; BUCKETS_US.len() + 1],
    sum_us: Count,
}

/// How often what took how long, up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// One for each of [`BUCKETS_US`], and one for what took longer.
    pub buckets: [u64; BUCKETS_US.len() + 1],
    /// All durations together, in microseconds.
    pub sum_us: u64,
}

// === impl Meter ===

impl Meter {
    /// Counts one step.
    pub(super) fn count(&self, verdict: &StepVerdict, duration: Duration) {
        self.totals.count(|totals| {
            let counter = match verdict {
                StepVerdict::Continue { changed: false } => Some(&totals.continued),
                StepVerdict::Continue { changed: true } => Some(&totals.changed),
                StepVerdict::Final => Some(&totals.answered),
                StepVerdict::Deny { .. } => Some(&totals.denied),
                StepVerdict::Skip => Some(&totals.skipped),
                StepVerdict::Error(error) => totals.errors.get(error.kind as usize),
            };
            if let Some(counter) = counter {
                counter.add(1);
            }
            totals.durations.add(duration);
        });
    }

    /// Whether a failure is to be a warning in the log: the first of its family
    /// in an `interval` is, with how many since the last one were not.
    pub(super) fn warnings(
        &self,
        kind: ErrorKind,
        now: Instant,
        interval: Duration,
    ) -> Option<u64> {
        self.warnings.get(kind as usize)?.pass(now, interval)
    }

    /// The totals now. They are read one after the other, not at one instant.
    pub fn snapshot(&self) -> MeterSnapshot {
        let mut snapshot = MeterSnapshot::default();
        self.totals
            .iter()
            .for_each(|totals| totals.add_to(&mut snapshot));
        snapshot
    }
}

// === impl Totals ===

impl Totals {
    fn add_to(&self, sum: &mut MeterSnapshot) {
        sum.continued += self.continued.read();
        sum.changed += self.changed.read();
        sum.answered += self.answered.read();
        sum.denied += self.denied.read();
        sum.skipped += self.skipped.read();
        for (sum, counter) in sum.errors.iter_mut().zip(&self.errors) {
            *sum += counter.read();
        }
        self.durations.add_to(&mut sum.durations);
    }
}

// === impl Histogram ===

impl Histogram {
    pub(super) fn add(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|end| *end < us);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.add(1);
        }
        self.sum_us.add(us);
    }

    pub(super) fn add_to(&self, sum: &mut HistogramSnapshot) {
        for (sum, counter) in sum.buckets.iter_mut().zip(&self.buckets) {
            *sum += counter.read();
        }
        sum.sum_us += self.sum_us.read();
    }
}

// === impl HistogramSnapshot ===

impl HistogramSnapshot {
    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}
