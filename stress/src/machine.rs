//! What the machine says: its clock, and how much memory this process has.

#![expect(
    clippy::disallowed_types,
    reason = "the machine's own time is what is told; tokio's may stand still"
)]

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::StressError;

/// Linux's page size on every platform that the host is built for.
const PAGE_BYTES: u64 = 4096;

/// Measures time on the machine's clock, also where tokio's stands still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

// === impl Stopwatch ===

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// How many of `count` there were in a second.
    pub(crate) fn per_second(self, count: u64) -> f64 {
        count as f64 / self.elapsed().as_secs_f64()
    }
}

/// How many bytes of this process are in memory.
pub(crate) fn resident_bytes() -> Result<u64, StressError> {
    let found = fs::read_to_string("/proc/self/statm")
        .map_err(StressError::io("cannot read /proc/self/statm"))?;
    let pages: Option<u64> = found
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok());
    pages
        .map(|pages| pages * PAGE_BYTES)
        .ok_or(StressError::Statm { found })
}
