//! Lets the first of many by, and counts the others.

use std::time::Duration;

use tokio::time::Instant;

use crate::sync::Mutex;

/// Lets one by in an interval, so that what happens again and again does not
/// fill a log.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    opened: Option<Instant>,
    held_back: u64,
}

// === impl Throttle ===

impl Throttle {
    /// `Some` for the first in an `interval`, with how many were held back
    /// since the last that was let by.
    pub(super) fn pass(&self, now: Instant, interval: Duration) -> Option<u64> {
        let mut window = self.0.lock();
        let is_open = |opened| now.saturating_duration_since(opened) < interval;
        if window.opened.is_some_and(is_open) {
            window.held_back += 1;
            return None;
        }
        window.opened = Some(now);
        Some(std::mem::take(&mut window.held_back))
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn one_in_an_interval_passes_and_says_how_many_did_not() {
        let throttle = Throttle::default();
        let (start, interval) = (Instant::now(), Duration::from_secs(10));
        let at = |seconds| start + Duration::from_secs(seconds);
        let cases = [
            (0, Some(0)),
            (0, None),
            (9, None),
            (10, Some(2)),
            (19, None),
            (100, Some(1)),
            (110, Some(0)),
        ];
        for (seconds, want) in cases {
            assert_eq!(throttle.pass(at(seconds), interval), want, "{seconds} s");
        }
    }
}
