//! Which patterns match a topic, in time that depends on the topic's length
//! and not on the number of patterns.

mod tree;
mod trie;

#[cfg(test)]
mod tests;

pub use self::tree::TopicTree;
