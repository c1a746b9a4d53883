//! Takes a capsule that keeps failing out for a while.
//!
//! The count is kept for each principal: a tenant whose payloads crash a
//! capsule takes it out for itself, not for others. While it is out, calls
//! fail at once, so a guard denies and costs nothing. When the time is up, one
//! call is let through as a probe: a good answer brings the capsule back, a
//! failure takes it out for twice as long.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    hook::{ErrorKind, HookError},
    types::Principal,
};

/// When a capsule is taken out, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantineConfig {
    /// Failures in a row that take it out. Default 5.
    pub failures: u32,
    /// How long it is out at first; between half of it and all of it, at
    /// random. Default 1 s.
    pub first: Duration,
    /// How long it is out at most. Default 5 min.
    pub longest: Duration,
    /// Principals whose failures are counted at once, for one capsule. For
    /// those beyond it is never taken out. Default 10,000.
    pub max_principals: usize,
}

/// The failures in a row of one capsule.
#[derive(Debug)]
pub struct Quarantine {
    config: QuarantineConfig,
    /// How many principals have failures in a row: none, most of the time,
    /// and then nothing is locked.
    troubled: AtomicUsize,
    troubles: Mutex<HashMap<Option<Principal>, Trouble>>,
    jitter: RandomState,
}

/// Leave for one call. To be told how the call went; dropped untold, nothing
/// is counted.
#[derive(Debug)]
#[must_use]
pub struct Permit<'a> {
    quarantine: &'a Quarantine,
    principal: Option<&'a Principal>,
    is_probe: bool,
}

/// What telling how a call went has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The capsule was taken out for so long.
    Out(Duration),
    /// It was out, and is back.
    Back,
}

#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    /// How often it was taken out in a row.
    times_out: u32,
    /// Until when it is out.
    until: Option<Instant>,
    /// A probe is under way.
    probing: bool,
}

// === impl QuarantineConfig ===

impl Default for QuarantineConfig {
    fn default() -> Self {
        Self {
            failures: 5,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5 * 60),
            max_principals: 10_000,
        }
    }
}

// === impl Quarantine ===

impl Quarantine {
    /// Nothing has failed yet.
    pub fn new(config: QuarantineConfig) -> Self {
        Self {
            config,
            troubled: AtomicUsize::new(0),
            troubles: Mutex::default(),
            jitter: RandomState::default(),
        }
    }

    /// Leave to call the capsule for `principal` now.
    ///
    /// # Errors
    ///
    /// Of the family [`ErrorKind::Quarantined`] while the capsule is out.
    pub fn admit<'a>(
        &'a self,
        principal: Option<&'a Principal>,
        now: Instant,
    ) -> Result<Permit<'a>, HookError> {
        let mut permit = Permit {
            quarantine: self,
            principal,
            is_probe: false,
        };
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return Ok(permit);
        }
        let mut troubles = self.troubles.lock();
        let out = troubles
            .get_mut(&principal.cloned())
            .and_then(|trouble| Some((trouble.until?, trouble)));
        let Some((until, trouble)) = out else {
            return Ok(permit);
        };
        if now < until || trouble.probing {
            return Err(trouble.refusal(until.saturating_duration_since(now)));
        }
        trouble.probing = true;
        permit.is_probe = true;
        Ok(permit)
    }

    fn succeeded(&self, principal: Option<&Principal>) -> Option<Change> {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut troubles = self.troubles.lock();
        let was = troubles.remove(&principal.cloned());
        self.troubled.store(troubles.len(), Ordering::Relaxed);
        was?.until.map(|_| Change::Back)
    }

    fn failed(&self, principal: Option<&Principal>, now: Instant) -> Option<Change> {
        let mut change = None;
        let mut troubles = self.troubles.lock();
        let key = principal.cloned();
        let max = self.config.max_principals;
        if troubles.len() >= max && !troubles.contains_key(&key) {
            let stale = |t: &Trouble| t.until.is_none_or(|until| now > until);
            troubles.retain(|_, trouble| !stale(trouble));
        }
        if troubles.len() < max || troubles.contains_key(&key) {
            let trouble = troubles.entry(key).or_default();
            trouble.failures = trouble.failures.saturating_add(1);
            if trouble.failures >= self.config.failures {
                trouble.times_out = trouble.times_out.saturating_add(1);
                let time_out = self.time_out(principal, trouble.times_out);
                trouble.until = Some(now + time_out);
                change = Some(Change::Out(time_out));
            }
            trouble.probing = false;
        }
        self.troubled.store(troubles.len(), Ordering::Relaxed);
        change
    }

    /// How long it is out for the `nth` time in a row.
    fn time_out(&self, principal: Option<&Principal>, nth: u32) -> Duration {
        let doubled = 1_u32.checked_shl(nth - 1).unwrap_or(u32::MAX);
        let whole = self.config.first.saturating_mul(doubled);
        let whole = whole.min(self.config.longest);
        // Spread, so that not all come back at one moment.
        let random = self.jitter.hash_one((principal, nth)) as u16;
        whole / 2 + whole.mul_f64(f64::from(random) / f64::from(u16::MAX) / 2.0)
    }
}

// === impl Trouble ===

impl Trouble {
    fn refusal(&self, left: Duration) -> HookError {
        HookError::new(
            ErrorKind::Quarantined,
            format!(
                "it failed {} times in a row and is asked again in {:.1} s",
                self.failures,
                left.as_secs_f64()
            ),
        )
    }
}

// === impl Permit ===

impl Permit<'_> {
    /// Tells how the call went. A hook that answered that it failed is well,
    /// and one that nobody could ask has not failed: neither counts. Says
    /// whether the capsule was taken out by that, or is back.
    pub fn told<T>(
        mut self,
        answer: &Result<T, HookError>,
        now: impl FnOnce() -> Instant,
    ) -> Option<Change> {
        match answer.as_ref().map_err(|error| error.kind) {
            Err(ErrorKind::Unavailable | ErrorKind::Quarantined) => None,
            Ok(_) | Err(ErrorKind::Guest) => {
                self.is_probe = false;
                self.quarantine.succeeded(self.principal)
            }
            Err(_) => {
                self.is_probe = false;
                self.quarantine.failed(self.principal, now())
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_probe {
            return;
        }
        // The probe ended without an answer: the next call is one.
        let mut troubles = self.quarantine.troubles.lock();
        if let Some(trouble) = troubles.get_mut(&self.principal.cloned()) {
            trouble.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Result<(), HookError> = Ok(());

    fn err(kind: ErrorKind) -> Result<(), HookError> {
        Err(HookError::new(kind, "broken"))
    }

    /// Calls once and tells the answer.
    fn call(
        quarantine: &Quarantine,
        principal: Option<&Principal>,
        answer: &Result<(), HookError>,
        now: Instant,
    ) -> bool {
        match quarantine.admit(principal, now) {
            Ok(permit) => {
                permit.told(answer, || now);
                true
            }
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Quarantined);
                false
            }
        }
    }

    /// Rule: errors in a row take a capsule out, and one probe brings it back.
    #[test]
    fn failures_in_a_row_take_out_and_a_probe_brings_back() {
        let quarantine = Quarantine::new(QuarantineConfig::default());
        let start = Instant::now();
        let trap = err(ErrorKind::Trap);
        for _ in 0..4 {
            assert!(call(&quarantine, None, &trap, start));
        }
        assert!(call(&quarantine, None, &OK, start), "not in a row");
        for _ in 0..5 {
            assert!(call(&quarantine, None, &trap, start));
        }
        assert!(!call(&quarantine, None, &OK, start), "it is out");
        let alice = Principal::new("alice").unwrap();
        assert!(call(&quarantine, Some(&alice), &OK, start), "for one alone");

        let later = start + Duration::from_secs(1);
        let probe = quarantine.admit(None, later).unwrap();
        assert!(quarantine.admit(None, later).is_err(), "one probe");
        drop(probe);
        assert!(
            call(&quarantine, None, &OK, later),
            "a probe that was cancelled does not block the next"
        );
        assert!(call(&quarantine, None, &trap, later), "it is back");
    }

    #[test]
    fn each_time_out_is_longer_up_to_the_longest() {
        let config = QuarantineConfig::default();
        let quarantine = Quarantine::new(config);
        let trap = err(ErrorKind::Trap);
        let mut now = Instant::now();
        for _ in 0..config.failures {
            assert!(call(&quarantine, None, &trap, now));
        }
        let mut whole = config.first;
        for _ in 0..12 {
            assert!(!call(
                &quarantine,
                None,
                &trap,
                now + whole / 2 - Duration::from_millis(1)
            ));
            now += whole;
            assert!(
                call(&quarantine, None, &trap, now),
                "out for at most {whole:?}"
            );
            whole = (whole * 2).min(config.longest);
        }
    }

    #[test]
    fn an_answer_that_is_a_failure_and_one_that_nobody_gave_do_not_count() {
        let quarantine = Quarantine::new(QuarantineConfig::default());
        let now = Instant::now();
        for kind in [ErrorKind::Guest, ErrorKind::Unavailable] {
            for _ in 0..20 {
                assert!(call(&quarantine, None, &err(kind), now), "{kind}");
            }
        }
    }

    #[test]
    fn principals_beyond_the_bound_are_not_counted() {
        let config = QuarantineConfig {
            max_principals: 10,
            ..QuarantineConfig::default()
        };
        let quarantine = Quarantine::new(config);
        let now = Instant::now();
        for n in 0..100 {
            let principal = Principal::new(&format!("p{n}")).unwrap();
            assert!(call(
                &quarantine,
                Some(&principal),
                &err(ErrorKind::Trap),
                now
            ));
        }
        assert_eq!(quarantine.troubles.lock().len(), 10);
    }
}
