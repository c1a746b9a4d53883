//! Which instance to use next, and which to give up first.

use std::{collections::HashMap, hash::Hash};

use hashlink::{LinkedHashMap, LinkedHashSet};
use smallvec::SmallVec;

/// Idle instances of all capsules in the order of their last use. Taking and
/// parking cost the same however many there are, and in the long run allocate
/// nothing.
///
/// `O` says whom an instance may serve: it is handed out to that owner alone.
#[derive(Debug)]
pub(crate) struct Idle<O, T> {
    next: u64,
    /// Least recently used first, by the number each got when it was parked.
    all: LinkedHashMap<u64, Parked<O, T>>,
    capsules: HashMap<u64, OfCapsule<O>>,
}

#[derive(Debug)]
struct Parked<O, T> {
    capsule: u64,
    owner: O,
    instance: T,
}

#[derive(Debug)]
struct OfCapsule<O> {
    /// Least recently used first.
    order: LinkedHashSet<u64>,
    /// Oldest first. Invariant: no list is empty, so that an owner who stays
    /// away costs nothing.
    owners: HashMap<O, SmallVec<[u64; 2]>>,
}

// === impl Idle ===

impl<O: Eq + Hash + Clone, T> Idle<O, T> {
    pub(crate) fn new() -> Self {
        Self {
            next: 0,
            all: LinkedHashMap::new(),
            capsules: HashMap::new(),
        }
    }

    /// Adds an instance as the most recently used.
    pub(crate) fn park(&mut self, capsule: u64, owner: O, instance: T) {
        let number = self.next;
        self.next += 1;
        let of = self.capsules.entry(capsule).or_insert_with(OfCapsule::new);
        of.order.insert(number);
        of.owners.entry(owner.clone()).or_default().push(number);
        let parked = Parked {
            capsule,
            owner,
            instance,
        };
        self.all.insert(number, parked);
    }

    /// Takes the most recently used instance that may serve `owner`.
    pub(crate) fn take(&mut self, capsule: u64, owner: &O) -> Option<T> {
        let of = self.capsules.get(&capsule)?;
        let number = *of.owners.get(owner)?.last()?;
        self.remove(number)
    }

    /// Gives up the least recently used instance of all.
    pub(crate) fn evict(&mut self) -> Option<T> {
        let number = *self.all.front()?.0;
        self.remove(number)
    }

    /// Gives up the least recently used instance of one capsule.
    pub(crate) fn evict_of(&mut self, capsule: u64) -> Option<T> {
        let number = *self.capsules.get(&capsule)?.order.front()?;
        self.remove(number)
    }

    /// Gives up all instances of a capsule that is going away.
    pub(crate) fn purge(&mut self, capsule: u64) -> Vec<T> {
        let gone = std::iter::from_fn(|| self.evict_of(capsule)).collect();
        self.capsules.remove(&capsule);
        gone
    }

    fn remove(&mut self, number: u64) -> Option<T> {
        let parked = self.all.remove(&number)?;
        let of = self.capsules.get_mut(&parked.capsule)?;
        of.order.remove(&number);
        if let Some(numbers) = of.owners.get_mut(&parked.owner) {
            numbers.retain(|n| *n != number);
            if numbers.is_empty() {
                of.owners.remove(&parked.owner);
            }
        }
        Some(parked.instance)
    }
}

// === impl OfCapsule ===

impl<O> OfCapsule<O> {
    fn new() -> Self {
        Self {
            order: LinkedHashSet::new(),
            owners: HashMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parked(instances: &[(u64, char, u32)]) -> Idle<char, u32> {
        let mut idle = Idle::new();
        for &(capsule, owner, instance) in instances {
            idle.park(capsule, owner, instance);
        }
        idle
    }

    #[test]
    fn an_instance_goes_to_its_owner_alone() {
        let mut idle = parked(&[(1, 'a', 10), (2, 'a', 20), (1, 'b', 11)]);
        assert_eq!(idle.take(1, &'a'), Some(10));
        assert_eq!(idle.take(1, &'a'), None, "b's must not serve a");
        assert_eq!(idle.take(2, &'b'), None, "capsule 1's must not serve 2");
        assert_eq!(idle.take(1, &'b'), Some(11));
    }

    #[test]
    fn the_warmest_is_used_and_the_coldest_is_given_up() {
        let mut idle = parked(&[(1, 'a', 1), (2, 'b', 2), (1, 'a', 3), (2, 'b', 4)]);
        assert_eq!(idle.take(1, &'a'), Some(3));
        assert_eq!(idle.evict(), Some(1));
        idle.park(1, 'a', 3);
        assert_eq!(idle.evict_of(2), Some(2));
        assert_eq!(idle.evict(), Some(4));
        assert_eq!(idle.evict(), Some(3));
        assert_eq!(idle.evict(), None);
    }

    #[test]
    fn nothing_is_kept_of_what_is_gone() {
        let mut idle = parked(&[(1, 'a', 1), (1, 'b', 2), (2, 'a', 3), (2, 'b', 4)]);
        assert_eq!(idle.purge(1), [1, 2]);
        assert_eq!(idle.take(2, &'a'), Some(3));
        let of: Vec<_> = idle.capsules.keys().collect();
        assert_eq!(of, [&2], "a purged capsule leaves nothing behind");
        let owners: Vec<_> = idle.capsules[&2].owners.keys().collect();
        assert_eq!(owners, [&'b'], "an owner without instances costs nothing");
    }
}
