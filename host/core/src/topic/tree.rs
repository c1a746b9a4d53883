//! The tree of patterns: a snapshot is a clone, so reading one takes no lock.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use foldhash::fast::RandomState;
use smol_str::SmolStr;

use super::trie::Trie;
use crate::types::{MAX_SEGMENTS, Pattern, Topic};

/// Values under patterns, found by topic.
///
/// A clone takes constant time and shares everything; a change to one of the
/// two copies what lies between the root and the value, and the other keeps
/// answering as before. Insertion and removal take time proportional to the
/// pattern's segments and the logarithm of what the tree holds, however many
/// values or neighbours one pattern has. A look-up visits at most two
/// branches a segment (the literal one and `*`) and allocates nothing.
#[derive(Clone, Debug)]
pub struct TopicTree<T> {
    root: Arc<Node<T>>,
    len: usize,
    hasher: RandomState,
}

/// What the segments on the way to it have in common.
#[derive(Clone, Debug)]
struct Node<T> {
    /// Where segments that are spelled out lead.
    literal: Trie<Edge<T>>,
    /// Where a `*` leads.
    star: Option<Arc<Node<T>>>,
    /// Values of patterns that end here.
    here: Trie<T>,
    /// Values of patterns that end here with `>`.
    below: Trie<T>,
}

#[derive(Clone, Debug)]
struct Edge<T> {
    hash: u64,
    segment: SmolStr,
    node: Arc<Node<T>>,
}

/// A value on its way into a tree or out of it.
struct Keyed<'a, T> {
    value: &'a T,
    hash: u64,
    hasher: &'a RandomState,
}

// === impl TopicTree ===

impl<T> Default for TopicTree<T> {
    fn default() -> Self {
        Self {
            root: Arc::default(),
            len: 0,
            hasher: RandomState::default(),
        }
    }
}

impl<T> TopicTree<T> {
    /// How many values there are; one under two patterns counts twice.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Calls `found` with every value whose pattern matches `topic`, in no
    /// particular order; a value under several such patterns once for each.
    pub fn for_each_match<'t>(&'t self, topic: &Topic, mut found: impl FnMut(&'t T)) {
        if self.is_empty() {
            return;
        }
        let mut path: [(u64, &[u8]); MAX_SEGMENTS] = [(0, &[]); MAX_SEGMENTS];
        let mut len = 0;
        let segments = topic.as_str().as_bytes().split(|byte| *byte == b'.');
        for (slot, segment) in path.iter_mut().zip(segments) {
            *slot = (hash(&self.hasher, segment), segment);
            len += 1;
        }
        self.root
            .visit(path.get(..len).unwrap_or(&path), &mut found);
    }
}

impl<T: Clone + Eq + Hash> TopicTree<T> {
    /// Adds `value` under `pattern`; `false` if it is there already, which
    /// changes nothing.
    pub fn insert(&mut self, pattern: &Pattern, value: T) -> bool {
        let new = !self.contains(pattern, &value);
        if new {
            let keyed = Keyed::new(&value, &self.hasher);
            Arc::make_mut(&mut self.root).insert(pattern.segments(), &keyed);
            self.len += 1;
        }
        new
    }

    /// Removes `value` from under `pattern`, and every node that no pattern
    /// needs any more; `false` if it is not there, which changes nothing.
    pub fn remove(&mut self, pattern: &Pattern, value: &T) -> bool {
        let found = self.contains(pattern, value);
        if found {
            let keyed = Keyed::new(value, &self.hasher);
            Arc::make_mut(&mut self.root).remove(pattern.segments(), &keyed);
            self.len -= 1;
        }
        found
    }

    /// Whether `value` is under this very `pattern`.
    pub fn contains(&self, pattern: &Pattern, value: &T) -> bool {
        let keyed = Keyed::new(value, &self.hasher);
        let mut at = &*self.root;
        for segment in pattern.segments() {
            let next = match segment {
                ">" => return keyed.is_in(&at.below),
                "*" => at.star.as_ref(),
                _ => at.next(hash(&self.hasher, segment.as_bytes()), segment.as_bytes()),
            };
            match next {
                Some(next) => at = next,
                None => return false,
            }
        }
        keyed.is_in(&at.here)
    }
}

#[cfg(test)]
impl<T> TopicTree<T> {
    /// The nodes, without the root.
    pub(super) fn nodes(&self) -> usize {
        self.root.size() - 1
    }
}

// === impl Node ===

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            literal: Trie::Empty,
            star: None,
            here: Trie::Empty,
            below: Trie::Empty,
        }
    }
}

impl<T> Node<T> {
    fn is_empty(&self) -> bool {
        self.literal.is_empty()
            && self.star.is_none()
            && self.here.is_empty()
            && self.below.is_empty()
    }

    /// Where the literal `segment` leads.
    fn next(&self, hash: u64, segment: &[u8]) -> Option<&Arc<Self>> {
        self.literal
            .get(hash, |edge| edge.is(hash, segment))
            .map(|edge| &edge.node)
    }

    fn visit<'t>(&'t self, path: &[(u64, &[u8])], found: &mut impl FnMut(&'t T)) {
        let Some(((hash, segment), rest)) = path.split_first() else {
            self.here.for_each(found);
            return;
        };
        self.below.for_each(found);
        if let Some(next) = self.next(*hash, segment) {
            next.visit(rest, found);
        }
        if let Some(next) = &self.star {
            next.visit(rest, found);
        }
    }

    #[cfg(test)]
    fn size(&self) -> usize {
        let mut size = 1 + self.star.as_ref().map_or(0, |star| star.size());
        self.literal.for_each(&mut |edge| size += edge.node.size());
        size
    }
}

impl<T: Clone + Eq + Hash> Node<T> {
    /// Adds a value that is not there.
    fn insert<'p>(&mut self, mut pattern: impl Iterator<Item = &'p str>, new: &Keyed<'_, T>) {
        let Some(segment) = pattern.next() else {
            return new.insert_into(&mut self.here);
        };
        match segment {
            ">" => new.insert_into(&mut self.below),
            "*" => Arc::make_mut(self.star.get_or_insert_default()).insert(pattern, new),
            _ => {
                let hash = hash(new.hasher, segment.as_bytes());
                let is = |edge: &Edge<T>| edge.is(hash, segment.as_bytes());
                if let Some(edge) = self.literal.get_mut(hash, is) {
                    return Arc::make_mut(&mut edge.node).insert(pattern, new);
                }
                let mut node = Self::default();
                node.insert(pattern, new);
                let edge = Edge {
                    hash,
                    segment: segment.into(),
                    node: Arc::new(node),
                };
                self.literal.insert(edge, &|edge| edge.hash);
            }
        }
    }

    /// Removes a value that is there.
    fn remove<'p>(&mut self, mut pattern: impl Iterator<Item = &'p str>, old: &Keyed<'_, T>) {
        let Some(segment) = pattern.next() else {
            return old.remove_from(&mut self.here);
        };
        match segment {
            ">" => old.remove_from(&mut self.below),
            "*" => {
                let next = Arc::make_mut(self.star.get_or_insert_default());
                next.remove(pattern, old);
                if next.is_empty() {
                    self.star = None;
                }
            }
            _ => {
                let hash = hash(old.hasher, segment.as_bytes());
                let is = |edge: &Edge<T>| edge.is(hash, segment.as_bytes());
                let Some(edge) = self.literal.get_mut(hash, is) else {
                    return;
                };
                let next = Arc::make_mut(&mut edge.node);
                next.remove(pattern, old);
                if next.is_empty() {
                    self.literal.remove(hash, &is);
                }
            }
        }
    }
}

// === impl Edge ===

impl<T> Edge<T> {
    fn is(&self, hash: u64, segment: &[u8]) -> bool {
        self.hash == hash && self.segment.as_bytes() == segment
    }
}

// === impl Keyed ===

impl<'a, T: Clone + Eq + Hash> Keyed<'a, T> {
    fn new(value: &'a T, hasher: &'a RandomState) -> Self {
        Self {
            value,
            hash: hasher.hash_one(value),
            hasher,
        }
    }

    fn is_in(&self, values: &Trie<T>) -> bool {
        values.get(self.hash, |value| value == self.value).is_some()
    }

    fn insert_into(&self, values: &mut Trie<T>) {
        values.insert(self.value.clone(), &|value| self.hasher.hash_one(value));
    }

    fn remove_from(&self, values: &mut Trie<T>) {
        values.remove(self.hash, &|value| value == self.value);
    }
}

/// Of a segment; it need not tell where one ends, as `str`'s does.
fn hash(hasher: &RandomState, segment: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(segment);
    hasher.finish()
}
