//! The tree of patterns: immutable once built, so reading it takes no lock.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::types::{MAX_SEGMENTS, Pattern, Topic};

/// An index of a [`Node`].
type NodeId = u32;
/// An interned segment.
type Segment = u32;

const ROOT: NodeId = 0;
/// A segment that no pattern spells out: only wildcards can match it.
const UNKNOWN: Segment = u32::MAX;

/// Values under patterns, found by topic.
///
/// A look-up visits at most two branches a segment (the literal one and `*`)
/// and allocates nothing.
#[derive(Debug)]
pub struct TopicTree<T> {
    segments: HashMap<Box<str>, Segment, RandomState>,
    edges: HashMap<(NodeId, Segment), NodeId, RandomState>,
    nodes: Vec<Node<T>>,
}

/// Collects patterns for a [`TopicTree`].
#[derive(Debug)]
pub struct TopicTreeBuilder<T> {
    tree: TopicTree<T>,
}

#[derive(Debug)]
struct Node<T> {
    /// Where a `*` leads.
    star: Option<NodeId>,
    /// Values of patterns that end here.
    here: Vec<T>,
    /// Values of patterns that end here with `>`.
    below: Vec<T>,
}

// === impl TopicTreeBuilder ===

impl<T> Default for TopicTreeBuilder<T> {
    fn default() -> Self {
        Self {
            tree: TopicTree {
                segments: HashMap::default(),
                edges: HashMap::default(),
                nodes: vec![Node::default()],
            },
        }
    }
}

impl<T> TopicTreeBuilder<T> {
    /// Adds `value` under `pattern`.
    pub fn insert(&mut self, pattern: &Pattern, value: T) {
        let mut at = ROOT;
        for segment in pattern.segments() {
            at = match segment {
                ">" => {
                    self.tree.node_mut(at).below.push(value);
                    return;
                }
                "*" => match self.tree.node(at).star {
                    Some(next) => next,
                    None => {
                        let next = self.tree.add_node();
                        self.tree.node_mut(at).star = Some(next);
                        next
                    }
                },
                _ => self.tree.step(at, segment),
            };
        }
        self.tree.node_mut(at).here.push(value);
    }

    /// The tree; it does not change any more.
    pub fn build(self) -> TopicTree<T> {
        self.tree
    }
}

// === impl TopicTree ===

impl<T> TopicTree<T> {
    /// Calls `found` with every value whose pattern matches `topic`, each
    /// once, in no particular order.
    pub fn for_each_match<'t>(&'t self, topic: &Topic, mut found: impl FnMut(&'t T)) {
        let mut path = [UNKNOWN; MAX_SEGMENTS];
        let mut len = 0;
        for (slot, segment) in path.iter_mut().zip(topic.segments()) {
            *slot = self.segments.get(segment).copied().unwrap_or(UNKNOWN);
            len += 1;
        }
        self.visit(ROOT, path.get(..len).unwrap_or(&path), &mut found);
    }

    fn visit<'t>(&'t self, at: NodeId, path: &[Segment], found: &mut impl FnMut(&'t T)) {
        let node = self.node(at);
        let Some((segment, rest)) = path.split_first() else {
            node.here.iter().for_each(found);
            return;
        };
        node.below.iter().for_each(&mut *found);
        if let Some(next) = self.edges.get(&(at, *segment)) {
            self.visit(*next, rest, found);
        }
        if let Some(next) = node.star {
            self.visit(next, rest, found);
        }
    }

    /// The node that `segment` leads to from `at`, made if need be.
    fn step(&mut self, at: NodeId, segment: &str) -> NodeId {
        let known = self.segments.len() as Segment;
        let segment = match self.segments.get(segment) {
            Some(segment) => *segment,
            None => *self.segments.entry(segment.into()).or_insert(known),
        };
        if let Some(next) = self.edges.get(&(at, segment)) {
            return *next;
        }
        let next = self.add_node();
        self.edges.insert((at, segment), next);
        next
    }

    fn add_node(&mut self) -> NodeId {
        self.nodes.push(Node::default());
        (self.nodes.len() - 1) as NodeId
    }

    #[expect(clippy::indexing_slicing, reason = "ids come from `add_node` alone")]
    fn node(&self, id: NodeId) -> &Node<T> {
        &self.nodes[id as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "ids come from `add_node` alone")]
    fn node_mut(&mut self, id: NodeId) -> &mut Node<T> {
        &mut self.nodes[id as usize]
    }
}

// === impl Node ===

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            star: None,
            here: Vec::new(),
            below: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few distinct segments, so that patterns and topics meet often.
    fn pattern() -> impl Strategy<Value = Pattern> {
        let segment = prop_oneof![3 => "[a-c]", 1 => Just("*".to_owned())];
        (prop::collection::vec(segment, 1..5), any::<bool>()).prop_map(|(mut segments, tail)| {
            if tail {
                segments.push(">".to_owned());
            }
            Pattern::new(&segments.join(".")).unwrap()
        })
    }

    fn topic() -> impl Strategy<Value = Topic> {
        prop::collection::vec("[a-d]", 1..7).prop_map(|s| Topic::new(&s.join(".")).unwrap())
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_a_scan_finds(
            patterns in prop::collection::vec(pattern(), 0..40),
            topics in prop::collection::vec(topic(), 1..20),
        ) {
            let mut builder = TopicTreeBuilder::default();
            for (index, pattern) in patterns.iter().enumerate() {
                builder.insert(pattern, index);
            }
            let tree = builder.build();
            for topic in topics {
                let mut found = Vec::new();
                tree.for_each_match(&topic, |index| found.push(*index));
                found.sort_unstable();
                let want: Vec<_> = (0..patterns.len())
                    .filter(|index| patterns[*index].matches(&topic))
                    .collect();
                prop_assert_eq!(found, want, "topic {}", topic);
            }
        }
    }

    #[test]
    fn the_longest_topic_is_looked_up_whole() {
        let longest = ["a"; MAX_SEGMENTS].join(".");
        let mut builder = TopicTreeBuilder::default();
        builder.insert(&Pattern::new(&longest).unwrap(), ());
        let mut found = 0;
        builder
            .build()
            .for_each_match(&Topic::new(&longest).unwrap(), |()| found += 1);
        assert_eq!(found, 1);
    }
}
