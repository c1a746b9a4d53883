//! What a mailbox counts: every item pushed, and what became of it.

use std::ops::{Add, AddAssign};

/// A number of items and what they count together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub items: u64,
    /// What they count, each at least 1.
    pub bytes: u64,
}

/// What a mailbox has counted at one moment.
///
/// Of everything, items and bytes: `pushed` is the sum of `delivered`, `lost`
/// and `queued`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What was pushed, or given up, while the mailbox was open; a push that
    /// is told `Closed` is not counted.
    pub pushed: Tally,
    /// What the receiver got.
    pub delivered: Tally,
    /// What it will never get.
    pub lost: Losses,
    /// What waits for it.
    pub queued: Tally,
    /// What is reserved and not pushed yet.
    pub reserved: Tally,
    /// How many principals have items queued.
    pub principals: usize,
    /// How many publishers wait for room, or have their turn to take it.
    pub waiting: usize,
    /// How many times, ever, a principal's turn came and nothing was
    /// delivered, because the next of its items was larger than its credit.
    pub starved_rounds: u64,
}

/// What was lost, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Made room for a newer one.
    pub dropped_oldest: Tally,
    /// Found no room.
    pub dropped_newest: Tally,
    /// Was larger than all the room there ever is.
    pub too_large: Tally,
    /// Found no room, and closed the mailbox by that: one item at most.
    pub lagged: Tally,
    /// Was to be pushed once there is room, and then its publisher waited no
    /// longer.
    pub given_up: Tally,
    /// Was queued when the receiver closed the mailbox or was dropped.
    pub discarded: Tally,
}

// === impl Tally ===

impl Tally {
    /// One item that counts `bytes`.
    pub(super) fn one(bytes: usize) -> Self {
        Self::of(1, bytes)
    }

    /// So many items that count `bytes` together.
    pub(super) fn of(items: usize, bytes: usize) -> Self {
        Self {
            items: items as u64,
            bytes: bytes as u64,
        }
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_add(other.items),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

// === impl Losses ===

impl Losses {
    /// The words for the causes, in the order of [`by_cause`](Self::by_cause).
    pub const CAUSES: [&str; 6] = [
        "dropped-oldest",
        "dropped-newest",
        "too-large",
        "lagged",
        "given-up",
        "discarded",
    ];

    /// Each cause and what was lost by it.
    pub fn by_cause(&self) -> impl Iterator<Item = (&'static str, Tally)> {
        let lost = [
            self.dropped_oldest,
            self.dropped_newest,
            self.too_large,
            self.lagged,
            self.given_up,
            self.discarded,
        ];
        Self::CAUSES.into_iter().zip(lost)
    }

    /// All of them together.
    pub fn total(&self) -> Tally {
        self.dropped_oldest
            + self.dropped_newest
            + self.too_large
            + self.lagged
            + self.given_up
            + self.discarded
    }
}
