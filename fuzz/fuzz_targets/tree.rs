//! The topic tree against a list of patterns and values that is scanned.

#![no_main]

use capsule_core::{
    topic::TopicTree,
    types::{Pattern, Topic},
};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};

#[derive(Arbitrary, Debug)]
enum Step {
    Insert(Segments, u8),
    Remove(Segments, u8),
    RemoveSome(u8),
    Snapshot,
    LookUp(Segments),
}

/// A byte for each: a wildcard or one of a few texts, enough of them for
/// nodes to branch.
#[derive(Arbitrary, Debug)]
struct Segments(Vec<u8>);

#[derive(Clone, Default)]
struct Both {
    tree: TopicTree<u8>,
    model: Vec<(Pattern, u8)>,
}

impl Segments {
    fn text(&self) -> String {
        let segments: Vec<_> = self
            .0
            .iter()
            .map(|byte| match byte {
                0..=191 => format!("s{}", byte % 48),
                192..=239 => "*".to_owned(),
                _ => ">".to_owned(),
            })
            .collect();
        segments.join(".")
    }
}

impl Both {
    fn insert(&mut self, pattern: Pattern, value: u8) {
        let entry = (pattern, value);
        let new = !self.model.contains(&entry);
        assert_eq!(self.tree.insert(&entry.0, value), new);
        if new {
            self.model.push(entry);
        }
    }

    fn remove(&mut self, pattern: Pattern, value: u8) {
        let entry = (pattern, value);
        let at = self.model.iter().position(|known| *known == entry);
        assert_eq!(self.tree.contains(&entry.0, &value), at.is_some());
        assert_eq!(self.tree.remove(&entry.0, &value), at.is_some());
        at.map(|at| self.model.swap_remove(at));
    }

    fn look_up(&self, topic: &Topic) {
        let mut found = Vec::new();
        self.tree.for_each_match(topic, |value| found.push(*value));
        found.sort_unstable();
        let matching = self
            .model
            .iter()
            .filter(|(pattern, _)| pattern.matches(topic));
        let mut want: Vec<_> = matching.map(|(_, value)| *value).collect();
        want.sort_unstable();
        assert_eq!(found, want, "topic {topic}");
        assert_eq!(self.tree.len(), self.model.len());
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let mut now = Both::default();
    let mut then = Both::default();
    for step in steps {
        match step {
            Step::Insert(segments, value) => {
                if let Ok(pattern) = Pattern::new(&segments.text()) {
                    now.insert(pattern, value);
                }
            }
            Step::Remove(segments, value) => {
                if let Ok(pattern) = Pattern::new(&segments.text()) {
                    now.remove(pattern, value);
                }
            }
            Step::RemoveSome(index) => {
                if let Some((pattern, value)) = now.model.get(usize::from(index)).cloned() {
                    now.remove(pattern, value);
                }
            }
            Step::Snapshot => then = now.clone(),
            Step::LookUp(segments) => {
                if let Ok(topic) = Topic::new(&segments.text()) {
                    now.look_up(&topic);
                    then.look_up(&topic);
                }
            }
        }
    }
    for (pattern, value) in now.model.clone() {
        now.remove(pattern, value);
    }
    assert!(now.tree.is_empty());
    // Where a pattern remains, so does its topic.
    for (pattern, _) in &then.model {
        let text = pattern.as_str().replace(['*', '>'], "s0");
        if let Ok(topic) = Topic::new(&text) {
            now.look_up(&topic);
            then.look_up(&topic);
        }
    }
});
