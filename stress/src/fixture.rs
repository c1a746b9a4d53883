//! What the scenarios have in common: who publishes what, and hooks that take
//! their time.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use bytes::Bytes;
use capsule_core::{
    dispatch::{Interceptor, Mode, OnError, Order},
    hook::{Call, Hook, HookFuture, Verdict},
    mailbox::{MailboxConfig, Overflow},
    subscribe::{Condition, Filter},
    types::{Draft, Pattern, Principal, Topic},
};
use tokio::time::{Instant, sleep};

use crate::StressError;

/// Whose event it is, which of theirs, and when it was published: the first
/// bytes of every payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    /// The principal's index.
    pub(crate) principal: u32,
    /// How many the principal published before it.
    pub(crate) number: u32,
    /// Microseconds since the scenario began.
    pub(crate) at_us: u64,
}

/// Lets every event go on after a time of service.
#[derive(Debug)]
pub(crate) struct Service(pub(crate) Duration);

/// Checks that what each principal's events come in is their publish order.
#[derive(Debug)]
pub(crate) struct OrderCheck {
    /// The number that is at least to come, of each principal.
    next: Vec<u32>,
    /// Events seen.
    pub(crate) seen: u64,
    /// Events that came after a later one of their principal, or twice.
    pub(crate) inversions: u64,
    /// Events that were left out before a later one.
    pub(crate) gaps: u64,
}

/// A generator of numbers that look random and are the same in every run:
/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug)]
pub(crate) struct Dice(u64);

/// The principals `prefix0`, `prefix1` and so on.
pub(crate) fn principals(prefix: &str, count: usize) -> Result<Vec<Principal>, StressError> {
    let principal = |index| Principal::new(&format!("{prefix}{index}"));
    (0..count).map(|index| Ok(principal(index)?)).collect()
}

/// An interceptor of `capsule` on `event` that never gives up on its hook
/// before the host's default time is up.
pub(crate) fn interceptor(
    capsule: &str,
    event: &str,
    hook: Arc<dyn Hook>,
) -> Result<Interceptor, StressError> {
    Ok(Interceptor {
        capsule: capsule.into(),
        event: Pattern::new(event)?,
        action: "stress".into(),
        priority: 100,
        on_error: OnError::Continue,
        mode: Mode::Enforce,
        timeout: Duration::from_secs(5),
        order: Order::Principal,
        hook,
        quarantine: None,
    })
}

/// An event of `principal` on `topic`, with a payload of `stamp` and zeros,
/// `bytes` in all or a little more.
pub(crate) fn draft(topic: &Topic, principal: &Principal, stamp: Stamp, bytes: usize) -> Draft {
    Draft::new(topic.clone())
        .with_principal(principal.clone())
        .with_payload(stamp.payload(bytes))
}

/// Wants the topics of `pattern`.
pub(crate) fn on(pattern: &str) -> Result<Filter, StressError> {
    Ok(Filter::everything().any([Condition::Pattern(Pattern::new(pattern)?)]))
}

/// The default queue with another policy.
pub(crate) fn queue(overflow: Overflow) -> MailboxConfig {
    MailboxConfig {
        overflow,
        ..MailboxConfig::default()
    }
}

/// A queue that no scenario fills.
pub(crate) fn endless_queue() -> MailboxConfig {
    MailboxConfig {
        max_bytes: NonZeroUsize::MAX,
        max_items: NonZeroUsize::MAX,
        ..MailboxConfig::default()
    }
}

/// How long after `epoch` it is, in microseconds.
pub(crate) fn micros_since(epoch: Instant) -> u64 {
    epoch.elapsed().as_micros() as u64
}

// === impl Stamp ===

impl Stamp {
    const BYTES: usize = 16;

    /// Reads the stamp that a payload begins with.
    pub(crate) fn of(payload: &Bytes) -> Option<Self> {
        let (principal, rest) = payload.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (at_us, _) = rest.split_first_chunk()?;
        Some(Self {
            principal: u32::from_le_bytes(*principal),
            number: u32::from_le_bytes(*number),
            at_us: u64::from_le_bytes(*at_us),
        })
    }

    fn payload(self, bytes: usize) -> Bytes {
        let mut payload = Vec::with_capacity(bytes.max(Self::BYTES));
        payload.extend(self.principal.to_le_bytes());
        payload.extend(self.number.to_le_bytes());
        payload.extend(self.at_us.to_le_bytes());
        payload.resize(bytes.max(Self::BYTES), 0);
        payload.into()
    }
}

// === impl Service ===

impl Hook for Service {
    fn call<'a>(&'a self, _call: Call<'a>) -> HookFuture<'a> {
        HookFuture::new(async {
            // To sleep for no time takes until the clock's next millisecond.
            if !self.0.is_zero() {
                sleep(self.0).await;
            }
            Ok(Verdict::Continue(None))
        })
    }
}

// === impl OrderCheck ===

impl OrderCheck {
    pub(crate) fn new(principals: usize) -> Self {
        Self {
            next: vec![0; principals],
            seen: 0,
            inversions: 0,
            gaps: 0,
        }
    }

    /// Takes note of the next event. One without a stamp of a known principal
    /// counts as an inversion: no scenario publishes any.
    pub(crate) fn add(&mut self, payload: &Bytes) {
        self.seen += 1;
        let stamp = Stamp::of(payload);
        let next = stamp.and_then(|stamp| self.next.get_mut(stamp.principal as usize));
        match (stamp, next) {
            (Some(stamp), Some(next)) if stamp.number >= *next => {
                self.gaps += u64::from(stamp.number - *next);
                *next = stamp.number + 1;
            }
            _ => self.inversions += 1,
        }
    }
}

// === impl Dice ===

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number of at least 0 and less than 1.
    pub(crate) fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of so many.
    pub(crate) fn pick(&mut self, of: usize) -> usize {
        (self.roll() * of as f64) as usize
    }

    /// The time to the next of events that come on their own, `per_second` on
    /// average.
    pub(crate) fn pause(&mut self, per_second: f64) -> Duration {
        Duration::from_secs_f64(-(1.0 - self.roll()).ln() / per_second)
    }
}
