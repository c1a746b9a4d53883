//! Which instance to use next, and which to give up first.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};
use slab::Slab;
use tokio::time::Instant;

/// Idle instances of all capsules in the order of their last use. Taking and
/// parking cost the same however many there are, and in the long run allocate
/// nothing.
#[derive(Debug)]
pub(crate) struct Idle<O, T> {
    parked: Slab<Parked<O, T>>,
    /// All of them, least recently used first.
    all: List,
    /// Those of each capsule that was ever parked, in the same order.
    capsules: HashMap<u64, List, RandomState>,
    /// Those of each (capsule, owner), in the same order. Invariant: no list
    /// is empty, so that an owner who stays away costs nothing.
    owners: HashTable<List>,
}

/// Whose an instance is: `O` says whom it may serve, and it is handed out to
/// that owner alone.
#[derive(Debug)]
pub(crate) struct Key<O> {
    capsule: u64,
    owner: O,
    /// Of both, to be found by.
    hash: u64,
}

#[derive(Debug)]
struct Parked<O, T> {
    key: Key<O>,
    /// When it was last used.
    since: Instant,
    /// Its neighbours in the three lists that it is in.
    links: [Link; 3],
    instance: T,
}

/// The ends of a list of what is parked.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    ends: Option<(usize, usize)>,
}

/// The neighbours of one in a list.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    before: Option<usize>,
    behind: Option<usize>,
}

/// Which of the three lists, as the links count them.
#[derive(Clone, Copy, Debug)]
enum Which {
    All,
    OfCapsule,
    OfOwner,
}

// === impl Idle ===

impl<O, T> Default for Idle<O, T> {
    fn default() -> Self {
        Self {
            parked: Slab::new(),
            all: List::default(),
            capsules: HashMap::default(),
            owners: HashTable::new(),
        }
    }
}

impl<O: Eq, T> Idle<O, T> {
    /// Adds an instance as the most recently used, at `now`.
    pub(crate) fn park(&mut self, key: Key<O>, instance: T, now: Instant) {
        let (capsule, hash) = (key.capsule, key.hash);
        let at = self.parked.insert(Parked {
            key,
            since: now,
            links: Default::default(),
            instance,
        });
        let parked = &mut self.parked;
        self.all.push(Which::All, at, parked);
        let of_capsule = self.capsules.entry(capsule).or_default();
        of_capsule.push(Which::OfCapsule, at, parked);
        let is_it = |list: &List| list.is_of(&parked[at].key, parked);
        match self.owners.entry(hash, is_it, |list| list.hash(parked)) {
            Entry::Occupied(mut list) => list.get_mut().push(Which::OfOwner, at, parked),
            Entry::Vacant(new) => {
                new.insert(List::of(at));
            }
        }
    }

    /// Takes the most recently used instance of `key`.
    pub(crate) fn take(&mut self, key: &Key<O>) -> Option<T> {
        let parked = &self.parked;
        let is_it = |list: &List| list.is_of(key, parked);
        let (_, last) = self.owners.find(key.hash, is_it)?.ends?;
        Some(self.remove(last))
    }

    /// When the least recently used instance was last used.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let (first, _) = self.all.ends?;
        Some(self.parked.get(first)?.since)
    }

    /// The same among the instances of one capsule.
    pub(crate) fn oldest_of(&self, capsule: u64) -> Option<Instant> {
        let (first, _) = self.capsules.get(&capsule)?.ends?;
        Some(self.parked.get(first)?.since)
    }

    /// Gives up the least recently used instance of all.
    pub(crate) fn evict(&mut self) -> Option<T> {
        let (first, _) = self.all.ends?;
        Some(self.remove(first))
    }

    /// Gives up the least recently used instance of one capsule.
    pub(crate) fn evict_of(&mut self, capsule: u64) -> Option<T> {
        let (first, _) = self.capsules.get(&capsule)?.ends?;
        Some(self.remove(first))
    }

    /// Gives up all instances of a capsule that is going away.
    pub(crate) fn purge(&mut self, capsule: u64) -> Vec<T> {
        let gone = std::iter::from_fn(|| self.evict_of(capsule)).collect();
        self.capsules.remove(&capsule);
        gone
    }

    fn remove(&mut self, at: usize) -> T {
        let parked = &mut self.parked;
        let (capsule, hash) = (parked[at].key.capsule, parked[at].key.hash);
        self.all.unlink(Which::All, at, parked);
        if let Some(of_capsule) = self.capsules.get_mut(&capsule) {
            of_capsule.unlink(Which::OfCapsule, at, parked);
        }
        let is_it = |list: &List| list.is_of(&parked[at].key, parked);
        if let Ok(mut list) = self.owners.find_entry(hash, is_it) {
            list.get_mut().unlink(Which::OfOwner, at, parked);
            if list.get().ends.is_none() {
                list.remove();
            }
        }
        parked.remove(at).instance
    }
}

// === impl Key ===

impl<O: Hash> Key<O> {
    /// That of `owner` in `capsule`; all keys that meet are made with one
    /// hasher.
    pub(crate) fn new(capsule: u64, owner: O, hasher: &RandomState) -> Self {
        Self {
            hash: hasher.hash_one((capsule, &owner)),
            capsule,
            owner,
        }
    }
}

// === impl List ===

impl List {
    /// The list of one.
    fn of(at: usize) -> Self {
        Self {
            ends: Some((at, at)),
        }
    }

    /// Whether it is that of an owner.
    fn is_of<O: Eq, T>(&self, key: &Key<O>, parked: &Slab<Parked<O, T>>) -> bool {
        self.ends.is_some_and(|(first, _)| {
            let first = &parked[first].key;
            first.capsule == key.capsule && first.owner == key.owner
        })
    }

    /// The hash of an owner's.
    fn hash<O, T>(&self, parked: &Slab<Parked<O, T>>) -> u64 {
        self.ends.map_or(0, |(first, _)| parked[first].key.hash)
    }

    /// Adds one at the end.
    fn push<O, T>(&mut self, which: Which, at: usize, parked: &mut Slab<Parked<O, T>>) {
        let first = match self.ends {
            Some((first, last)) => {
                parked[last].link(which).behind = Some(at);
                parked[at].link(which).before = Some(last);
                first
            }
            None => at,
        };
        self.ends = Some((first, at));
    }

    /// Takes one out.
    fn unlink<O, T>(&mut self, which: Which, at: usize, parked: &mut Slab<Parked<O, T>>) {
        let Link { before, behind } = std::mem::take(parked[at].link(which));
        if let Some(before) = before {
            parked[before].link(which).behind = behind;
        }
        if let Some(behind) = behind {
            parked[behind].link(which).before = before;
        }
        self.ends = self.ends.and_then(|(first, last)| {
            let first = if first == at { behind? } else { first };
            let last = if last == at { before? } else { last };
            Some((first, last))
        });
    }
}

// === impl Parked ===

impl<O, T> Parked<O, T> {
    fn link(&mut self, which: Which) -> &mut Link {
        let [all, of_capsule, of_owner] = &mut self.links;
        match which {
            Which::All => all,
            Which::OfCapsule => of_capsule,
            Which::OfOwner => of_owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hashes alike, so that owners meet in the table.
    fn key(capsule: u64, owner: char) -> Key<char> {
        Key {
            capsule,
            owner,
            hash: 0,
        }
    }

    fn parked(instances: &[(u64, char, u32)]) -> Idle<char, u32> {
        let mut idle = Idle::default();
        for &(capsule, owner, instance) in instances {
            idle.park(key(capsule, owner), instance, Instant::now());
        }
        idle
    }

    #[test]
    fn an_instance_goes_to_its_owner_alone() {
        let mut idle = parked(&[(1, 'a', 10), (2, 'a', 20), (1, 'b', 11)]);
        assert_eq!(idle.take(&key(1, 'a')), Some(10));
        assert_eq!(idle.take(&key(1, 'a')), None, "b's must not serve a");
        assert_eq!(
            idle.take(&key(2, 'b')),
            None,
            "capsule 1's must not serve 2"
        );
        assert_eq!(idle.take(&key(1, 'b')), Some(11));
    }

    #[test]
    fn the_warmest_is_used_and_the_coldest_is_given_up() {
        let mut idle = parked(&[(1, 'a', 1), (2, 'b', 2), (1, 'a', 3), (2, 'b', 4)]);
        assert_eq!(idle.take(&key(1, 'a')), Some(3));
        assert_eq!(idle.evict(), Some(1));
        idle.park(key(1, 'a'), 3, Instant::now());
        assert_eq!(idle.evict_of(2), Some(2));
        assert_eq!(idle.evict(), Some(4));
        assert_eq!(idle.evict(), Some(3));
        assert_eq!(idle.evict(), None);
    }

    #[test]
    fn nothing_is_kept_of_what_is_gone() {
        let mut idle = parked(&[(1, 'a', 1), (1, 'b', 2), (2, 'a', 3), (2, 'b', 4)]);
        assert_eq!(idle.purge(1), [1, 2]);
        assert_eq!(idle.take(&key(2, 'a')), Some(3));
        let of: Vec<_> = idle.capsules.keys().collect();
        assert_eq!(of, [&2], "a purged capsule leaves nothing behind");
        assert_eq!(
            idle.owners.len(),
            1,
            "an owner without instances costs nothing"
        );
        assert_eq!(idle.parked.len(), 1);
    }

    #[derive(Clone, Debug)]
    enum Op {
        Park(u64, char),
        Take(u64, char),
        Evict,
        EvictOf(u64),
        Purge(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        let capsule = 0..3_u64;
        let owner = prop::sample::select(vec!['a', 'b', 'c']);
        let both = (capsule.clone(), owner);
        prop_oneof![
            4 => both.clone().prop_map(|(capsule, owner)| Op::Park(capsule, owner)),
            3 => both.prop_map(|(capsule, owner)| Op::Take(capsule, owner)),
            1 => Just(Op::Evict),
            1 => capsule.clone().prop_map(Op::EvictOf),
            1 => capsule.prop_map(Op::Purge),
        ]
    }

    proptest! {
        /// Against a plain list, least recently used first.
        #[test]
        fn it_does_what_a_list_does(ops in prop::collection::vec(op(), 1..200)) {
            let mut idle = Idle::default();
            let mut list: Vec<(u64, char, usize)> = Vec::new();
            for (number, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Park(capsule, owner) => {
                        idle.park(key(capsule, owner), number, Instant::now());
                        list.push((capsule, owner, number));
                    }
                    Op::Take(capsule, owner) => {
                        let at = list.iter().rposition(|p| (p.0, p.1) == (capsule, owner));
                        let want = at.map(|at| list.remove(at).2);
                        prop_assert_eq!(idle.take(&key(capsule, owner)), want);
                    }
                    Op::Evict => {
                        let want = (!list.is_empty()).then(|| list.remove(0).2);
                        prop_assert_eq!(idle.evict(), want);
                    }
                    Op::EvictOf(capsule) => {
                        let at = list.iter().position(|p| p.0 == capsule);
                        let want = at.map(|at| list.remove(at).2);
                        prop_assert_eq!(idle.evict_of(capsule), want);
                    }
                    Op::Purge(capsule) => {
                        let gone = list.extract_if(.., |p| p.0 == capsule);
                        let gone: Vec<_> = gone.map(|p| p.2).collect();
                        prop_assert_eq!(idle.purge(capsule), gone);
                    }
                }
                prop_assert_eq!(idle.parked.len(), list.len());
                let mut owners: Vec<_> = list.iter().map(|p| (p.0, p.1)).collect();
                owners.sort_unstable();
                owners.dedup();
                prop_assert_eq!(idle.owners.len(), owners.len());
            }
        }
    }
}
