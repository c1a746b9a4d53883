//! A queue that is fair among principals, by bytes. Pure state: no lock, no
//! clock, no wakers, and no limit of its own.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use foldhash::fast::RandomState;
use hashbrown::{HashMap, hash_map::Entry};

use super::Quantum;
use crate::types::Principal;

#[cfg(test)]
pub(super) mod tests;

/// Collections smaller than this are not worth shrinking.
const KEPT_CAPACITY: usize = 64;

/// Items of principals, in order for each of them, and served to all of them
/// in turns by deficit round-robin (Shreedhar and Varghese, 1995).
///
/// In each round, every principal with items gets a quantum of bytes as credit
/// and is served what its credit allows, in one turn. An item larger than the
/// credit waits for later rounds to add to it. Of two principals that have
/// items all the time, neither is ever served more than a quantum and the
/// largest item ahead of the other. One without items has no entry here and
/// keeps no credit.
///
/// Rounds in which nobody can be served are never walked through: the round in
/// which an item is due is known when it comes to the head. So each operation
/// costs O(log n) for n principals with items, whatever their sizes; amortized,
/// as the collections grow and shrink.
#[derive(Debug)]
pub struct FairQueue<T> {
    quantum: Quantum,
    flows: HashMap<Option<Principal>, Flow<T>, RandomState>,
    /// The principals with items by round and number of their turn.
    turns: BTreeMap<(u64, u64), Option<Principal>>,
    /// The principals with items by the number of the item at their head. The
    /// first is the oldest item of all, since each principal's are in order.
    heads: BTreeMap<u64, Option<Principal>>,
    /// The round under way.
    round: u64,
    next_turn: u64,
    next_seq: u64,
    len: usize,
    bytes: usize,
    starved_rounds: u64,
}

/// An item that has left a [`FairQueue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// Whose it is.
    pub principal: Option<Principal>,
    /// What it counted, at least 1.
    pub bytes: usize,
    /// The item.
    pub item: T,
}

/// The items of one principal; there is at least one.
#[derive(Debug)]
struct Flow<T> {
    items: VecDeque<Queued<T>>,
    /// The bytes it was served, plus a quantum for each round before it came.
    /// Its credit is what this lacks to a quantum for each round so far.
    served: u64,
    /// The round of its turn, in which the credit is enough for the head.
    due: u64,
    /// The number of its turn; turns of one round go by it.
    turn: u64,
    /// The round in which it was last served, or else changed its head.
    since: u64,
}

#[derive(Debug)]
struct Queued<T> {
    /// Its place in the order of all pushes.
    seq: u64,
    bytes: usize,
    item: T,
}

// === impl FairQueue ===

impl<T> FairQueue<T> {
    /// No items yet. Allocates nothing.
    pub fn new(quantum: Quantum) -> Self {
        Self {
            quantum,
            flows: HashMap::default(),
            turns: BTreeMap::new(),
            heads: BTreeMap::new(),
            round: 0,
            next_turn: 0,
            next_seq: 0,
            len: 0,
            bytes: 0,
            starved_rounds: 0,
        }
    }

    /// Adds an item behind the others of its principal. 0 bytes count as 1, so
    /// that none is served for nothing.
    pub fn push(&mut self, principal: Option<&Principal>, bytes: usize, item: T) {
        let bytes = bytes.max(1);
        let seq = self.next_seq;
        self.next_seq += 1;
        self.len += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let queued = Queued { seq, bytes, item };
        match self.flows.entry(principal.cloned()) {
            Entry::Occupied(mut flow) => flow.get_mut().items.push_back(queued),
            Entry::Vacant(vacant) => {
                let served = self.round.saturating_mul(self.quantum.get() as u64);
                let due = due(served, bytes, self.quantum).max(self.round);
                let turn = self.next_turn;
                self.next_turn += 1;
                self.turns.insert((due, turn), vacant.key().clone());
                self.heads.insert(seq, vacant.key().clone());
                vacant.insert(Flow {
                    items: VecDeque::from([queued]),
                    served,
                    due,
                    turn,
                    since: self.round,
                });
            }
        }
    }

    /// Takes the next item out, of the principal whose turn it is.
    pub fn pop(&mut self) -> Option<Taken<T>> {
        let (&(due, _), principal) = self.turns.first_key_value()?;
        let principal = principal.clone();
        self.round = due;
        let flow = self.flows.get_mut(&principal)?;
        let bytes = flow.items.front()?.bytes;
        flow.served = flow.served.saturating_add(bytes as u64);
        self.take_head(principal)
    }

    /// Takes the oldest item of all out. Its principal keeps the credit for
    /// the rounds it has waited.
    pub fn drop_oldest(&mut self) -> Option<Taken<T>> {
        let (_, principal) = self.heads.first_key_value()?;
        let principal = principal.clone();
        self.take_head(principal)
    }

    /// Takes all items out, and leaves nothing but the count of starved
    /// rounds.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let mut empty = Self::new(self.quantum);
        empty.starved_rounds = self.starved_rounds;
        mem::replace(self, empty)
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the items count together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many principals have items.
    pub fn principals(&self) -> usize {
        self.flows.len()
    }

    /// How many rounds, ever, a principal with items was served nothing in,
    /// because its head was larger than its credit. They are added when the
    /// wait is over.
    pub fn starved_rounds(&self) -> u64 {
        self.starved_rounds
    }

    fn take_head(&mut self, principal: Option<Principal>) -> Option<Taken<T>> {
        let flow = self.flows.get_mut(&principal)?;
        let Queued { seq, bytes, item } = flow.items.pop_front()?;
        self.len -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.starved_rounds += flow.rounds_in_vain(self.round);
        flow.since = self.round;
        let key = self.heads.remove(&seq)?;
        match flow.items.front() {
            Some(next) => {
                self.heads.insert(next.seq, key);
                let due = due(flow.served, next.bytes, self.quantum).max(self.round);
                if due != flow.due {
                    let key = self.turns.remove(&(flow.due, flow.turn))?;
                    (flow.due, flow.turn) = (due, self.next_turn);
                    self.next_turn += 1;
                    self.turns.insert((flow.due, flow.turn), key);
                }
                let (len, capacity) = (flow.items.len(), flow.items.capacity());
                if is_wasteful(len, capacity) {
                    flow.items.shrink_to(2 * len);
                }
            }
            None => {
                self.turns.remove(&(flow.due, flow.turn));
                self.flows.remove(&key);
                let (len, capacity) = (self.flows.len(), self.flows.capacity());
                if is_wasteful(len, capacity) {
                    self.flows.shrink_to(2 * len);
                }
            }
        }
        Some(Taken {
            principal,
            bytes,
            item,
        })
    }
}

/// The first round whose credit is enough for `bytes` more than were served.
fn due(served: u64, bytes: usize, quantum: Quantum) -> u64 {
    served
        .saturating_add(bytes as u64)
        .div_ceil(quantum.get() as u64)
}

/// Whether most of a capacity is unused: to be given back then, at a cost that
/// the removals since it was needed have paid for.
fn is_wasteful(len: usize, capacity: usize) -> bool {
    capacity > KEPT_CAPACITY && len < capacity / 4
}

// === impl Flow ===

impl<T> Flow<T> {
    /// How many rounds up to this one have passed since it was last served,
    /// without its head being due.
    fn rounds_in_vain(&self, round: u64) -> u64 {
        round
            .min(self.due.saturating_sub(1))
            .saturating_sub(self.since)
    }
}
