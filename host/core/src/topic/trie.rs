//! A persistent bag of entries found by hash: a clone shares everything, and
//! a change copies what lies on the way to one entry.
//!
//! Beside a map from a library it holds one entry without an allocation and
//! a few in one, and most nodes of a topic tree have no more. Which entries
//! are equal is the caller's to say.

use std::{array, sync::Arc};

/// Bits of the hash that choose a way of a [`Branch`].
const BITS: u32 = 5;
const WAYS: usize = 1 << BITS;
/// Most entries side by side, where the hash can tell them apart.
const FEW: usize = 8;
/// A branch left with so many is one no more. Less than [`FEW`], so that
/// entries that come and go do not split and join it each time.
const REJOIN: usize = FEW / 2;

/// Entries by hash.
///
/// With good hashes each operation takes time logarithmic in the number of
/// entries; those whose 64 bits are all equal are searched one by one.
#[derive(Clone, Debug, Default)]
pub(super) enum Trie<E> {
    #[default]
    Empty,
    One(E),
    /// Two at least; more than [`FEW`] only if the hash is used up.
    Few(Arc<[E]>),
    Many(Arc<Branch<E>>),
}

#[derive(Clone, Debug)]
pub(super) struct Branch<E> {
    /// Entries below.
    len: usize,
    ways: [Trie<E>; WAYS],
}

// === impl Trie ===

impl<E> Trie<E> {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The entry with `hash` that `is` the wanted one.
    #[inline]
    pub(super) fn get(&self, hash: u64, is: impl Fn(&E) -> bool) -> Option<&E> {
        let (mut at, mut hash) = (self, hash);
        loop {
            match at {
                Self::Empty => return None,
                Self::One(entry) => return Some(entry).filter(|entry| is(entry)),
                Self::Few(entries) => return entries.iter().find(|entry| is(entry)),
                Self::Many(branch) => at = branch.way(hash),
            }
            hash >>= BITS;
        }
    }

    /// Calls `found` with every entry, in no particular order.
    #[inline]
    pub(super) fn for_each<'t>(&'t self, found: &mut impl FnMut(&'t E)) {
        match self {
            Self::Empty => {}
            Self::One(entry) => found(entry),
            Self::Few(entries) => entries.iter().for_each(found),
            Self::Many(branch) => branch.for_each(found),
        }
    }
}

impl<E: Clone> Trie<E> {
    /// As [`Self::get`], to change it; not its hash.
    pub(super) fn get_mut(&mut self, hash: u64, is: impl Fn(&E) -> bool) -> Option<&mut E> {
        let (mut at, mut hash) = (self, hash);
        loop {
            match at {
                Self::Empty => return None,
                Self::One(entry) => return Some(entry).filter(|entry| is(entry)),
                Self::Few(entries) => {
                    return Arc::make_mut(entries).iter_mut().find(|entry| is(entry));
                }
                Self::Many(branch) => at = Arc::make_mut(branch).way_mut(hash),
            }
            hash >>= BITS;
        }
    }

    /// Adds `entry`, beside any equal one.
    pub(super) fn insert(&mut self, entry: E, hash_of: &impl Fn(&E) -> u64) {
        self.insert_at(0, hash_of(&entry), entry, hash_of);
    }

    /// As [`Self::insert`], where `depth` bits of the hash led here.
    fn insert_at(&mut self, depth: u32, hash: u64, entry: E, hash_of: &impl Fn(&E) -> u64) {
        match self {
            Self::Empty => *self = Self::One(entry),
            Self::One(first) => *self = Self::Few(Arc::new([first.clone(), entry])),
            Self::Few(entries) if entries.len() < FEW || depth >= u64::BITS => {
                *entries = entries.iter().cloned().chain([entry]).collect();
            }
            Self::Few(entries) => {
                let mut branch = Branch::new();
                for entry in entries.iter().cloned() {
                    branch.insert(depth, hash_of(&entry), entry, hash_of);
                }
                branch.insert(depth, hash, entry, hash_of);
                *self = Self::Many(Arc::new(branch));
            }
            Self::Many(branch) => Arc::make_mut(branch).insert(depth, hash, entry, hash_of),
        }
    }

    /// Removes the entry with `hash` that `is` the wanted one; whether it
    /// was there.
    pub(super) fn remove(&mut self, hash: u64, is: &impl Fn(&E) -> bool) -> bool {
        self.remove_at(0, hash, is)
    }

    fn remove_at(&mut self, depth: u32, hash: u64, is: &impl Fn(&E) -> bool) -> bool {
        match self {
            Self::Empty => false,
            Self::One(entry) => {
                let found = is(entry);
                if found {
                    *self = Self::Empty;
                }
                found
            }
            Self::Few(entries) => {
                let Some(at) = entries.iter().position(is) else {
                    return false;
                };
                let rest = (0..).zip(entries.iter()).filter(|(index, _)| *index != at);
                *self = Self::few(rest.map(|(_, entry)| entry.clone()).collect());
                true
            }
            Self::Many(branch) => {
                let branch = Arc::make_mut(branch);
                let found = branch.remove(depth, hash, is);
                if branch.len <= REJOIN {
                    let mut rest = Vec::with_capacity(branch.len);
                    branch.for_each(&mut |entry| rest.push(entry.clone()));
                    *self = Self::few(rest);
                }
                found
            }
        }
    }

    fn few(mut entries: Vec<E>) -> Self {
        match entries.len() {
            0 | 1 => entries.pop().map_or(Self::Empty, Self::One),
            _ => Self::Few(entries.into()),
        }
    }
}

// === impl Branch ===

impl<E> Branch<E> {
    fn new() -> Self {
        Self {
            len: 0,
            ways: array::from_fn(|_| Trie::Empty),
        }
    }

    /// Where the lowest bits of `hash` lead.
    #[expect(clippy::indexing_slicing, reason = "the remainder is below `WAYS`")]
    fn way(&self, hash: u64) -> &Trie<E> {
        &self.ways[hash as usize % WAYS]
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is below `WAYS`")]
    fn way_mut(&mut self, hash: u64) -> &mut Trie<E> {
        &mut self.ways[hash as usize % WAYS]
    }

    fn for_each<'t>(&'t self, found: &mut impl FnMut(&'t E)) {
        for way in &self.ways {
            way.for_each(found);
        }
    }
}

impl<E: Clone> Branch<E> {
    fn insert(&mut self, depth: u32, hash: u64, entry: E, hash_of: &impl Fn(&E) -> u64) {
        self.len += 1;
        self.way_mut(hash >> depth)
            .insert_at(depth + BITS, hash, entry, hash_of);
    }

    fn remove(&mut self, depth: u32, hash: u64, is: &impl Fn(&E) -> bool) -> bool {
        let found = self
            .way_mut(hash >> depth)
            .remove_at(depth + BITS, hash, is);
        self.len -= usize::from(found);
        found
    }
}
