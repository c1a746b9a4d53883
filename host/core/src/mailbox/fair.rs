//! A queue that is fair among principals, by bytes. Pure state: no lock, no
//! clock, no wakers, and no limit of its own.

use std::mem;

use self::crowd::Crowd;
use super::Quantum;
use crate::types::Principal;

mod crowd;
mod rounds;
#[cfg(test)]
pub(super) mod tests;

/// What is queued, and knows whose it is.
///
/// An item that comes to an empty queue and leaves it alone is not asked.
pub trait Item {
    /// The principal that it belongs to; `None` is the system itself. Always
    /// the same.
    fn principal(&self) -> Option<&Principal>;
}

/// Items of principals, in order for each of them, and served to all of them
/// in turns by deficit round-robin (Shreedhar and Varghese, 1995), newcomers
/// first (as in FlowQueue-CoDel, RFC 8290).
///
/// In each round, every principal with items gets a quantum of bytes as credit
/// and is served what its credit allows, in one turn. An item larger than the
/// credit waits for later rounds to add to it.
///
/// A principal without items that gets one is a newcomer. It goes ahead of
/// those who wait for their turns until it has had its quantum of the round
/// under way; several newcomers are served one item each in turn. So one that
/// needs less than its share does not wait for those who need more. What it
/// was served is remembered until the round is over: having no items in
/// between earns it nothing. Once newcomers were served 256 quanta in a round,
/// further ones wait for the next, and the others have their turns.
///
/// At the end of a round, whoever has items lacks less than its next item to
/// a quantum for each round since it came, and nobody ever has more. So while
/// two of them have items, neither gets further ahead of the other than two
/// quanta and two of the largest items, and if both came to an empty queue,
/// than half of that. (What is dropped counts for neither.)
///
/// One without items has no entry here once the round is over, and keeps no
/// credit. An empty queue knows nobody.
///
/// Rounds in which nobody can be served are never walked through: the round in
/// which an item is due is known when it comes to the head. So each operation
/// costs O(log n) for n principals with items, whatever their sizes; amortized,
/// as the collections grow and shrink and rounds end.
#[derive(Debug)]
pub struct FairQueue<T> {
    quantum: Quantum,
    /// The only item, which came to an empty queue: where the receiver keeps
    /// up there is no other, and all the rest is idle.
    alone: Option<Taken<T>>,
    crowd: Crowd<T>,
}

/// An item that has left a [`FairQueue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// What it counted, at least 1.
    pub bytes: usize,
    /// The item.
    pub item: T,
}

// === impl FairQueue ===

impl<T> FairQueue<T> {
    /// No items yet. Allocates nothing.
    pub fn new(quantum: Quantum) -> Self {
        Self {
            quantum,
            alone: None,
            crowd: Crowd::new(quantum),
        }
    }

    /// Takes the next item out, of the principal whose turn it is.
    #[inline]
    pub fn pop(&mut self) -> Option<Taken<T>> {
        match self.alone.take() {
            Some(alone) => {
                if alone.bytes > self.quantum.get() {
                    self.crowd.starved(self.rounds_in_vain(alone.bytes));
                }
                Some(alone)
            }
            None => self.crowd.pop(),
        }
    }

    /// Takes the oldest item of all out. Its principal keeps the credit for
    /// the rounds it has waited.
    pub fn drop_oldest(&mut self) -> Option<Taken<T>> {
        match self.alone.take() {
            Some(alone) => {
                // It has seen no round but this one.
                self.crowd.starved(self.rounds_in_vain(alone.bytes).min(1));
                Some(alone)
            }
            None => self.crowd.drop_oldest(),
        }
    }

    /// Takes all items out, and leaves nothing but the count of starved
    /// rounds.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let mut empty = Self::new(self.quantum);
        empty.crowd.starved(self.starved_rounds());
        mem::replace(self, empty)
    }

    /// How many items there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.crowd.len() + usize::from(self.alone.is_some())
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.alone.is_none() && self.crowd.len() == 0
    }

    /// What the items count together.
    #[inline]
    pub fn bytes(&self) -> usize {
        match &self.alone {
            Some(alone) => alone.bytes,
            None => self.crowd.bytes(),
        }
    }

    /// How many principals have items.
    pub fn principals(&self) -> usize {
        self.crowd.principals() + usize::from(self.alone.is_some())
    }

    /// How many rounds, ever, a principal with items was served nothing in,
    /// because its head was larger than its credit. They are added when the
    /// wait is over.
    pub fn starved_rounds(&self) -> u64 {
        self.crowd.starved_rounds()
    }

    /// In how many rounds the only item waits for credit.
    fn rounds_in_vain(&self, bytes: usize) -> u64 {
        (bytes.div_ceil(self.quantum.get()) - 1) as u64
    }
}

impl<T: Item> FairQueue<T> {
    /// Adds an item behind the others of its principal. 0 bytes count as 1, so
    /// that none is served for nothing.
    #[inline]
    pub fn push(&mut self, bytes: usize, item: T) {
        let bytes = bytes.max(1);
        let new = Taken { bytes, item };
        if self.is_empty() {
            self.alone = Some(new);
        } else {
            self.push_behind(new);
        }
    }

    /// Adds one that is not alone. Not inlined: it is large, and where the
    /// receiver keeps up it never runs.
    #[inline(never)]
    fn push_behind(&mut self, new: Taken<T>) {
        if let Some(alone) = self.alone.take() {
            self.crowd.push(alone);
        }
        self.crowd.push(new);
    }
}
