//! The items of a fair queue while there is more than one of them.

use std::{collections::VecDeque, hash::BuildHasher, mem};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use super::{
    Item, Taken,
    rounds::{Account, Rounds},
};
use crate::{mailbox::Quantum, types::Principal};

/// Collections smaller than this are not worth shrinking.
pub(super) const KEPT_CAPACITY: usize = 64;
/// How many quanta newcomers are served ahead of the others in one round: with
/// the smallest quantum 1 MiB, what a mailbox holds by default. No setting but
/// a part of the order, which the quantum scales.
pub(super) const MOST_AHEAD: u64 = 256;

/// Items of principals and the turns of those.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    pub(super) rounds: Rounds,
    /// The principals with items or served in this round. The rest knows them
    /// by their hashes, and by something that others of that hash do not have.
    pub(super) flows: HashTable<Flow<T>>,
    hasher: RandomState,
    /// Those that were served in this round and have had no items since at
    /// some time.
    pub(super) idle: Vec<u64>,
    /// All items in the order of their pushes, and some that are gone. The
    /// first that is not gone is at the head of its flow.
    pub(super) ages: VecDeque<Age>,
    next_seq: u64,
    len: usize,
    bytes: usize,
    /// How many flows have items.
    active: usize,
    starved_rounds: u64,
}

/// One principal and its items, if there are any.
#[derive(Debug)]
pub(super) struct Flow<T> {
    principal: Option<Principal>,
    hash: u64,
    account: Account,
    /// The first item, apart from the others since most are alone.
    head: Option<Queued<T>>,
    /// Those behind it.
    pub(super) rest: VecDeque<Queued<T>>,
    /// Whether it is listed among those without items.
    is_listed: bool,
}

#[derive(Debug)]
pub(super) struct Queued<T> {
    /// Its place in the order of all pushes.
    seq: u64,
    bytes: usize,
    item: T,
}

/// Where an item is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Age {
    seq: u64,
    /// Of its flow.
    hash: u64,
}

/// Why an item leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Served,
    Lost,
}

// === impl Crowd ===

impl<T> Crowd<T> {
    /// No items yet. Allocates nothing.
    pub(super) fn new(quantum: Quantum) -> Self {
        Self {
            rounds: Rounds::new(quantum, MOST_AHEAD),
            flows: HashTable::new(),
            hasher: RandomState::default(),
            idle: Vec::new(),
            ages: VecDeque::new(),
            next_seq: 0,
            len: 0,
            bytes: 0,
            active: 0,
            starved_rounds: 0,
        }
    }

    /// Takes the next item out, of the principal whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Taken<T>> {
        let (turn, hash) = self.rounds.next()?;
        if self.rounds.come_to(turn) {
            self.forget_idle();
        }
        self.take_head(hash, Leaves::Served, |flow| flow.account.turn() == turn)
    }

    /// Takes the oldest item of all out.
    pub(super) fn drop_oldest(&mut self) -> Option<Taken<T>> {
        loop {
            let Age { seq, hash } = self.ages.pop_front()?;
            let is_its = |flow: &Flow<T>| flow.head.as_ref().is_some_and(|head| head.seq == seq);
            let taken = self.take_head(hash, Leaves::Lost, is_its);
            if taken.is_some() {
                return taken;
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many principals have items.
    pub(super) fn principals(&self) -> usize {
        self.active
    }

    pub(super) fn starved_rounds(&self) -> u64 {
        self.starved_rounds
    }

    /// Counts rounds in which somebody was starved who is not here.
    pub(super) fn starved(&mut self, rounds: u64) {
        self.starved_rounds += rounds;
    }

    /// Takes out the head of the flow that has this hash and is meant.
    fn take_head(
        &mut self,
        hash: u64,
        leaves: Leaves,
        is_meant: impl Fn(&Flow<T>) -> bool,
    ) -> Option<Taken<T>> {
        let mut entry = self.flows.find_entry(hash, is_meant).ok()?;
        let flow = entry.get_mut();
        let head = flow.head.take()?;
        self.starved_rounds += self.rounds.rounds_in_vain(&flow.account);
        match leaves {
            Leaves::Served => self.rounds.serve(&mut flow.account, head.bytes),
            Leaves::Lost => self.rounds.lose(&flow.account, head.bytes),
        }
        flow.head = flow.rest.pop_front();
        if let Some(next) = &flow.head {
            self.rounds.go_on(&mut flow.account, hash, next.bytes);
            let (len, capacity) = (flow.rest.len(), flow.rest.capacity());
            if is_wasteful(len, capacity) {
                flow.rest.shrink_to(2 * len);
            }
        } else {
            self.active -= 1;
            self.rounds.close(&flow.account);
            if self.active == 0 {
                self.forget_all();
            } else if self.rounds.was_served_now(&flow.account) {
                flow.rest = VecDeque::new();
                if !mem::replace(&mut flow.is_listed, true) {
                    self.idle.push(hash);
                }
            } else {
                entry.remove();
                self.shrink_flows();
            }
        }
        self.forget_gone(head.seq);
        Some(self.taken(head))
    }

    fn taken(&mut self, queued: Queued<T>) -> Taken<T> {
        let Queued { bytes, item, .. } = queued;
        self.len -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        Taken { bytes, item }
    }

    /// Forgets those who have no items now that a round is over.
    fn forget_idle(&mut self) {
        for hash in self.idle.drain(..) {
            let Ok(mut entry) = self.flows.find_entry(hash, |flow| flow.is_listed) else {
                continue;
            };
            if entry.get().head.is_some() {
                entry.get_mut().is_listed = false;
            } else {
                entry.remove();
            }
        }
        if is_wasteful(0, self.idle.capacity()) {
            self.idle.shrink_to(KEPT_CAPACITY);
        }
        self.shrink_flows();
    }

    /// Forgets everybody, as nobody has items.
    fn forget_all(&mut self) {
        self.flows.clear();
        self.idle.clear();
        self.ages.clear();
        self.rounds.clear();
        if is_wasteful(0, self.flows.capacity()) {
            self.flows = HashTable::new();
        }
        if is_wasteful(0, self.ages.capacity()) {
            self.ages = VecDeque::new();
        }
        if is_wasteful(0, self.idle.capacity()) {
            self.idle = Vec::new();
        }
    }

    /// Forgets the age of an item that has left, or later those of many.
    fn forget_gone(&mut self, seq: u64) {
        if self.ages.front().is_some_and(|first| first.seq == seq) {
            self.ages.pop_front();
        }
        let Self { ages, flows, .. } = self;
        if ages.len() > 2 * self.len + KEPT_CAPACITY {
            ages.retain(|age| flows.find(age.hash, |flow| flow.has(age.seq)).is_some());
        }
        if is_wasteful(ages.len(), ages.capacity()) {
            ages.shrink_to(2 * ages.len());
        }
    }

    fn shrink_flows(&mut self) {
        let (len, capacity) = (self.flows.len(), self.flows.capacity());
        if is_wasteful(len, capacity) {
            self.flows.shrink_to(2 * len, |flow| flow.hash);
        }
    }
}

impl<T: Item> Crowd<T> {
    /// Adds an item behind the others of its principal.
    pub(super) fn push(&mut self, taken: Taken<T>) {
        let Taken { bytes, item } = taken;
        let seq = self.next_seq;
        self.next_seq += 1;
        self.len += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.enqueue(Queued { seq, bytes, item });
    }

    /// Adds an item to its flow.
    fn enqueue(&mut self, queued: Queued<T>) {
        let Queued { seq, bytes, .. } = queued;
        let principal = queued.item.principal();
        let hash = self.hasher.hash_one(principal);
        self.ages.push_back(Age { seq, hash });
        let is_its = |flow: &Flow<T>| flow.hash == hash && flow.principal.as_ref() == principal;
        match self.flows.entry(hash, is_its, |flow| flow.hash) {
            Entry::Occupied(mut flow) => {
                let flow = flow.get_mut();
                if flow.head.is_some() {
                    flow.rest.push_back(queued);
                } else {
                    self.rounds.reopen(&mut flow.account, hash, bytes);
                    flow.head = Some(queued);
                    self.active += 1;
                }
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Flow {
                    principal: principal.cloned(),
                    hash,
                    account: self.rounds.open(hash, bytes),
                    head: Some(queued),
                    rest: VecDeque::new(),
                    is_listed: false,
                });
                self.active += 1;
            }
        }
    }
}

/// Whether most of a capacity is unused: to be given back then, at a cost that
/// the removals since it was needed have paid for.
fn is_wasteful(len: usize, capacity: usize) -> bool {
    capacity > KEPT_CAPACITY && len < capacity / 4
}

// === impl Flow ===

impl<T> Flow<T> {
    /// Whether one of its items has not left yet: they leave in order.
    fn has(&self, seq: u64) -> bool {
        self.head.as_ref().is_some_and(|head| head.seq <= seq)
    }
}
