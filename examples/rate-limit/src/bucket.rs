//! The token bucket: pure, with the time as an argument.

use std::fmt;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    events: u32,
    per_seconds: u32,
    burst: u32,
}

/// What is left of a rate.
///
/// It counts time and not tokens: each event costs `period / events` of it,
/// and whole numbers keep it exact for ever. The unit is a millisecond
/// divided by `events`, so that the cost is a whole number too.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    level: u64,
    /// The latest time seen; `None` before the first event.
    latest_ms: Option<u64>,
}

// === impl Rate ===

impl Rate {
    pub(crate) fn new(
        events: u32,
        per_seconds: u32,
        burst: Option<u32>,
    ) -> Result<Self, &'static str> {
        let burst = burst.unwrap_or(events);
        if events == 0 || per_seconds == 0 || burst == 0 {
            return Err("`events`, `per_seconds` and `burst` must be at least 1");
        }
        Ok(Self {
            events,
            per_seconds,
            burst,
        })
    }

    /// What one event costs.
    fn cost(self) -> u64 {
        u64::from(self.per_seconds) * 1000
    }

    fn full(self) -> u64 {
        self.cost().saturating_mul(u64::from(self.burst))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events in {} s", self.events, self.per_seconds)
    }
}

// === impl Bucket ===

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            level: rate.full(),
            latest_ms: None,
        }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one event at `now_ms`, or says in how many milliseconds after
    /// `now_ms` there will be one to take.
    ///
    /// Events may come with times out of order. Time that goes back fills
    /// nothing and is not held against later events: only what lies beyond
    /// the latest time seen counts.
    pub(crate) fn take(&mut self, now_ms: u64) -> Result<(), u64> {
        let latest = self.latest_ms.unwrap_or(now_ms);
        let passed = now_ms.saturating_sub(latest);
        let filled = passed.saturating_mul(u64::from(self.rate.events));
        self.level = self.level.saturating_add(filled).min(self.rate.full());
        self.latest_ms = Some(latest.max(now_ms));
        match self.level.checked_sub(self.rate.cost()) {
            Some(left) => {
                self.level = left;
                Ok(())
            }
            None => {
                let missing = self.rate.cost() - self.level;
                let behind = latest.saturating_sub(now_ms);
                Err(missing
                    .div_ceil(u64::from(self.rate.events))
                    .saturating_add(behind))
            }
        }
    }
}
