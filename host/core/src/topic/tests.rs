//! The tree against a model: a list of patterns and values, scanned.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{trie::Trie, *};
use crate::types::{MAX_SEGMENTS, Pattern, Topic};

type Model = Vec<(Pattern, u8)>;

#[derive(Clone, Debug)]
enum Change {
    Insert(Pattern, u8),
    /// One of those there are.
    Remove(prop::sample::Index),
    /// One that may not be there.
    RemoveAny(Pattern, u8),
}

/// Few distinct segments, so that patterns and topics meet often; first ones
/// many enough for a node to branch.
fn pattern() -> impl Strategy<Value = Pattern> {
    let first = prop_oneof![3 => "[a-c]", 3 => "[a-z]", 1 => Just("*".to_owned())];
    let segment = prop_oneof![3 => "[a-c]", 1 => Just("*".to_owned())];
    let rest = prop::collection::vec(segment, 0..4);
    (first, rest, any::<bool>()).prop_map(|(first, mut segments, tail)| {
        segments.insert(0, first);
        if tail {
            segments.push(">".to_owned());
        }
        Pattern::new(&segments.join(".")).unwrap()
    })
}

fn topic() -> impl Strategy<Value = Topic> {
    prop::collection::vec("[a-d]", 1..7).prop_map(|s| Topic::new(&s.join(".")).unwrap())
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (pattern(), 0..50u8).prop_map(|(pattern, value)| Change::Insert(pattern, value)),
        1 => any::<prop::sample::Index>().prop_map(Change::Remove),
        1 => (pattern(), 0..50u8).prop_map(|(pattern, value)| Change::RemoveAny(pattern, value)),
    ]
}

/// Makes `change` to both.
fn apply(change: Change, tree: &mut TopicTree<u8>, model: &mut Model) {
    let known = |model: &Model, entry: &_| model.iter().position(|known| known == entry);
    match change {
        Change::Insert(pattern, value) => {
            let entry = (pattern, value);
            let new = known(model, &entry).is_none();
            assert_eq!(tree.insert(&entry.0, value), new);
            if new {
                model.push(entry);
            }
        }
        Change::Remove(_) if model.is_empty() => {}
        Change::Remove(index) => {
            let (pattern, value) = model.swap_remove(index.index(model.len()));
            assert!(tree.remove(&pattern, &value));
        }
        Change::RemoveAny(pattern, value) => {
            let entry = (pattern, value);
            let at = known(model, &entry);
            assert_eq!(tree.remove(&entry.0, &value), at.is_some());
            at.map(|at| model.swap_remove(at));
        }
    }
}

fn same_answers(tree: &TopicTree<u8>, model: &Model, topics: &[Topic]) {
    for topic in topics {
        let mut found = Vec::new();
        tree.for_each_match(topic, |value| found.push(*value));
        found.sort_unstable();
        let matching = model.iter().filter(|(pattern, _)| pattern.matches(topic));
        let mut want: Vec<_> = matching.map(|(_, value)| *value).collect();
        want.sort_unstable();
        assert_eq!(found, want, "topic {topic}");
    }
}

/// The nodes that a tree of exactly these patterns needs.
fn nodes_needed(model: &Model) -> usize {
    let mut prefixes = HashSet::new();
    for (pattern, _) in model {
        let segments: Vec<_> = pattern.segments().filter(|s| *s != ">").collect();
        prefixes.extend((1..=segments.len()).map(|len| segments[..len].join(".")));
    }
    prefixes.len()
}

proptest! {
    #[test]
    fn the_tree_finds_what_a_scan_finds(
        changes in prop::collection::vec(change(), 0..120),
        topics in prop::collection::vec(topic(), 1..20),
    ) {
        let (mut tree, mut model) = (TopicTree::default(), Model::new());
        for change in changes {
            apply(change, &mut tree, &mut model);
        }
        same_answers(&tree, &model, &topics);
        prop_assert_eq!(tree.len(), model.len());
    }

    #[test]
    fn a_snapshot_answers_as_of_its_time(
        before in prop::collection::vec(change(), 0..80),
        after in prop::collection::vec(change(), 0..80),
        topics in prop::collection::vec(topic(), 1..20),
    ) {
        let (mut tree, mut model) = (TopicTree::default(), Model::new());
        for change in before {
            apply(change, &mut tree, &mut model);
        }
        let (snapshot, then) = (tree.clone(), model.clone());
        for change in after {
            apply(change, &mut tree, &mut model);
        }
        same_answers(&snapshot, &then, &topics);
        same_answers(&tree, &model, &topics);
        prop_assert_eq!(snapshot.len(), then.len());
    }

    #[test]
    fn churn_leaves_nothing_behind(
        changes in prop::collection::vec(change(), 0..80),
    ) {
        let (mut tree, mut model) = (TopicTree::default(), Model::new());
        for change in changes {
            apply(change, &mut tree, &mut model);
            prop_assert_eq!(tree.nodes(), nodes_needed(&model));
        }
        for (pattern, value) in model {
            prop_assert!(tree.contains(&pattern, &value));
            prop_assert!(tree.remove(&pattern, &value));
        }
        prop_assert_eq!((tree.len(), tree.nodes()), (0, 0));
        prop_assert!(tree.is_empty());
    }

    /// Of few bits, and some of them only at the end of the hash: many
    /// entries collide there in part and in whole.
    #[test]
    fn entries_survive_colliding_hashes(
        changes in prop::collection::vec((any::<bool>(), 0..200u64), 0..400),
    ) {
        let hash_of = |entry: &u64| ((entry % 3) << 62) | ((entry % 2) << 40) | (entry % 4);
        let (mut trie, mut model) = (Trie::default(), HashSet::new());
        for (insert, entry) in changes {
            let is = |known: &u64| *known == entry;
            prop_assert_eq!(trie.get(hash_of(&entry), is).is_some(), model.contains(&entry));
            prop_assert_eq!(trie.get_mut(hash_of(&entry), is).is_some(), model.contains(&entry));
            if !insert {
                prop_assert_eq!(trie.remove(hash_of(&entry), &is), model.remove(&entry));
            } else if model.insert(entry) {
                trie.insert(entry, &hash_of);
            }
        }
        let mut found = HashSet::new();
        trie.for_each(&mut |entry| assert!(found.insert(*entry), "{entry} twice"));
        prop_assert_eq!(&found, &model);
        for entry in model {
            prop_assert!(trie.remove(hash_of(&entry), &|known| *known == entry));
        }
        prop_assert!(trie.is_empty());
    }
}

#[test]
fn the_longest_topic_is_looked_up_whole() {
    let longest = ["a"; MAX_SEGMENTS].join(".");
    let mut tree = TopicTree::default();
    tree.insert(&Pattern::new(&longest).unwrap(), ());
    let mut found = 0;
    tree.for_each_match(&Topic::new(&longest).unwrap(), |()| found += 1);
    assert_eq!(found, 1);
}

#[test]
fn a_popular_pattern_gives_up_all_its_values() {
    let pattern = Pattern::new("a.>").unwrap();
    let topic = Topic::new("a.b").unwrap();
    let mut tree = TopicTree::default();
    for value in 0..10_000 {
        assert!(tree.insert(&pattern, value));
    }
    let full = tree.clone();
    for value in 0..10_000 {
        assert!(tree.remove(&pattern, &value));
    }
    assert_eq!((tree.len(), tree.nodes()), (0, 0));
    let mut found = Vec::new();
    full.for_each_match(&topic, |value| found.push(*value));
    found.sort_unstable();
    assert_eq!(found, (0..10_000).collect::<Vec<_>>());
}
