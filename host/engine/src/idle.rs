//! Which instance to use next, and which to give up first.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, Hash},
    num::NonZeroU64,
};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};
use slab::Slab;
use tokio::time::Instant;

/// Instances of all capsules, idle and in use, and the order of their last use.
///
/// An instance that is in use leaves its slot where it is, so that it is found
/// once and nothing is moved: using one touches its slot, and neither its
/// neighbours nor the order. The order is put right when somebody asks for the
/// oldest; each use costs one such correction at most.
#[derive(Debug)]
pub(crate) struct Idle<O, T> {
    slots: Slab<Slot<O, T>>,
    /// The first slot of each (capsule, owner). Invariant: no list is empty, so
    /// that an owner who stays away costs nothing.
    owners: HashTable<usize>,
    /// Counts uses.
    uses: NonZeroU64,
    /// All idle ones, and maybe some that are in use, by the use that each is
    /// known for: its last, or one before.
    order: BTreeSet<(NonZeroU64, usize)>,
    /// The same by capsule.
    order_of: BTreeSet<(u64, NonZeroU64, usize)>,
}

/// Whose an instance is: `O` says whom it may serve, and it is handed out to
/// that owner alone.
#[derive(Debug)]
pub(crate) struct Key<'a, O> {
    capsule: u64,
    owner: &'a O,
    /// Of both, to be found by.
    hash: u64,
}

/// The number of a slot whose instance is in use. There is one for each, and
/// nothing else frees such a slot or fills it.
#[derive(Debug)]
#[must_use = "it is parked in, or freed"]
pub(crate) struct Taken(usize);

#[derive(Debug)]
struct Slot<O, T> {
    /// `None` while it is in use.
    instance: Option<T>,
    capsule: u64,
    owner: O,
    hash: u64,
    /// Its last use, and when that was.
    used: NonZeroU64,
    since: Instant,
    /// By which use it stands in the order; `None` if it does not.
    known: Option<NonZeroU64>,
    listed: Option<Listed>,
}

/// The neighbours of a slot in the list of its owner. In it are those that are
/// idle, the last used first; or a single one that is in use, so that most
/// owners have a list whose only slot stays in it.
#[derive(Clone, Copy, Debug, Default)]
struct Listed {
    before: Option<usize>,
    behind: Option<usize>,
}

// === impl Idle ===

impl<O, T> Default for Idle<O, T> {
    fn default() -> Self {
        Self {
            slots: Slab::new(),
            owners: HashTable::new(),
            uses: NonZeroU64::MIN,
            order: BTreeSet::new(),
            order_of: BTreeSet::new(),
        }
    }
}

impl<O: Clone + Eq, T> Idle<O, T> {
    /// A slot of `key` with the instance that was used last; with none if all
    /// are in use: one is to be made for it then.
    pub(crate) fn take(&mut self, key: &Key<'_, O>, now: Instant) -> (Taken, Option<T>) {
        if let Some((at, instance)) = self.take_last(key) {
            return (Taken(at), Some(instance));
        }
        let at = self.slots.insert(Slot {
            instance: None,
            capsule: key.capsule,
            owner: key.owner.clone(),
            hash: key.hash,
            used: self.uses,
            since: now,
            known: None,
            listed: None,
        });
        (Taken(at), None)
    }

    /// The instance of `key` that was used last, without its slot.
    pub(crate) fn remove(&mut self, key: &Key<'_, O>) -> Option<T> {
        let (at, instance) = self.take_last(key)?;
        self.free(Taken(at));
        Some(instance)
    }

    fn take_last(&mut self, key: &Key<'_, O>) -> Option<(usize, T)> {
        let slots = &mut self.slots;
        let at = *self.owners.find(key.hash, |at| slots[*at].is_of(key))?;
        let slot = &mut slots[at];
        let instance = slot.instance.take()?;
        if slot.listed.is_some_and(|listed| listed.behind.is_some()) {
            self.unlist(at);
        }
        Some((at, instance))
    }

    /// Puts an instance into its slot, as the most recently used, at `now`.
    pub(crate) fn park(&mut self, taken: Taken, instance: T, now: Instant) {
        let Taken(at) = taken;
        self.uses = self.uses.saturating_add(1);
        let slots = &mut self.slots;
        let slot = &mut slots[at];
        slot.instance = Some(instance);
        slot.used = self.uses;
        slot.since = now;
        let (is_listed, is_known) = (slot.listed.is_some(), slot.known.is_some());
        if !is_listed {
            self.list(at);
        }
        if !is_known {
            self.know(at, Some(self.uses));
        }
    }

    /// Frees the slot of an instance that does not come back.
    pub(crate) fn free(&mut self, taken: Taken) {
        let Taken(at) = taken;
        self.unlist(at);
        self.know(at, None);
        self.slots.remove(at);
    }

    /// When the least recently used instance was last used.
    pub(crate) fn oldest(&mut self) -> Option<Instant> {
        let first = self.first()?;
        Some(self.slots.get(first)?.since)
    }

    /// The same among the instances of one capsule.
    pub(crate) fn oldest_of(&mut self, capsule: u64) -> Option<Instant> {
        let first = self.first_of(capsule)?;
        Some(self.slots.get(first)?.since)
    }

    /// Gives up the least recently used instance of all.
    pub(crate) fn evict(&mut self) -> Option<T> {
        let first = self.first()?;
        self.give_up(first)
    }

    /// Gives up the least recently used instance of one capsule.
    pub(crate) fn evict_of(&mut self, capsule: u64) -> Option<T> {
        let first = self.first_of(capsule)?;
        self.give_up(first)
    }

    /// Gives up all instances of a capsule that is going away. Calls borrow
    /// their capsule, so that none is in use then.
    pub(crate) fn purge(&mut self, capsule: u64) -> Vec<T> {
        std::iter::from_fn(|| self.evict_of(capsule)).collect()
    }

    /// How many instances are idle or in use.
    #[cfg(test)]
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    fn give_up(&mut self, idle: usize) -> Option<T> {
        let instance = self.slots.get_mut(idle)?.instance.take();
        self.free(Taken(idle));
        instance
    }

    /// The least recently used of the idle ones.
    fn first(&mut self) -> Option<usize> {
        loop {
            let &(nth, at) = self.order.first()?;
            if self.is_in_order(at, nth) {
                return Some(at);
            }
        }
    }

    fn first_of(&mut self, capsule: u64) -> Option<usize> {
        loop {
            let from = (capsule, NonZeroU64::MIN, 0);
            let &(of, nth, at) = self.order_of.range(from..).next()?;
            if of != capsule {
                return None;
            }
            if self.is_in_order(at, nth) {
                return Some(at);
            }
        }
    }

    /// Whether a slot that stands in the order with some use is idle since; if
    /// not, it is put where it belongs.
    fn is_in_order(&mut self, at: usize, known: NonZeroU64) -> bool {
        let slots = &self.slots;
        let slot = &slots[at];
        let used = slot.instance.is_some().then_some(slot.used);
        if used == Some(known) {
            return true;
        }
        self.know(at, used);
        false
    }

    /// Puts a slot where `used` belongs in the order, or takes it out.
    fn know(&mut self, at: usize, used: Option<NonZeroU64>) {
        let slots = &mut self.slots;
        let slot = &mut slots[at];
        let capsule = slot.capsule;
        if let Some(known) = std::mem::replace(&mut slot.known, used) {
            self.order.remove(&(known, at));
            self.order_of.remove(&(capsule, known, at));
        }
        if let Some(used) = used {
            self.order.insert((used, at));
            self.order_of.insert((capsule, used, at));
        }
    }

    /// Puts a slot that is idle now before the others of its owner.
    fn list(&mut self, at: usize) {
        let slots = &mut self.slots;
        let hash = slots[at].hash;
        let is_it = |first: &usize| slots[*first].is_like(&slots[at]);
        let behind = match self.owners.entry(hash, is_it, |first| slots[*first].hash) {
            Entry::Occupied(mut first) => {
                let behind = std::mem::replace(first.get_mut(), at);
                let slot = &mut slots[behind];
                if slot.instance.is_some() {
                    slot.listed.get_or_insert_default().before = Some(at);
                    Some(behind)
                } else {
                    slot.listed = None;
                    None
                }
            }
            Entry::Vacant(new) => {
                new.insert(at);
                None
            }
        };
        slots[at].listed = Some(Listed {
            before: None,
            behind,
        });
    }

    /// Takes a slot out of the list of its owner, if it is in it.
    fn unlist(&mut self, at: usize) {
        let slots = &mut self.slots;
        let Some(Listed { before, behind }) = slots[at].listed.take() else {
            return;
        };
        if let Some(listed) = behind.and_then(|behind| slots[behind].listed.as_mut()) {
            listed.before = before;
        }
        if let Some(before) = before {
            if let Some(listed) = &mut slots[before].listed {
                listed.behind = behind;
            }
            return;
        }
        let hash = slots[at].hash;
        if let Ok(mut first) = self.owners.find_entry(hash, |first| *first == at) {
            match behind {
                Some(behind) => *first.get_mut() = behind,
                None => drop(first.remove()),
            }
        }
    }
}

// === impl Key ===

impl<'a, O: Hash> Key<'a, O> {
    /// That of `owner` in `capsule`; all keys that meet are made with one
    /// hasher.
    pub(crate) fn new(capsule: u64, owner: &'a O, hasher: &RandomState) -> Self {
        Self {
            hash: hasher.hash_one((capsule, owner)),
            capsule,
            owner,
        }
    }
}

// === impl Slot ===

impl<O: Eq, T> Slot<O, T> {
    fn is_of(&self, key: &Key<'_, O>) -> bool {
        self.capsule == key.capsule && self.owner == *key.owner
    }

    /// Whether it is of the same owner.
    fn is_like(&self, other: &Self) -> bool {
        self.capsule == other.capsule && self.owner == other.owner
    }
}

#[cfg(test)]
mod tests;
