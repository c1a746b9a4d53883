//! Phrases: words in a row, with gaps.

use std::fmt;

use crate::plain;

/// How many words a `*` stands for at most.
const GAP: usize = 3;

#[derive(Debug)]
pub(crate) struct Phrase {
    text: String,
    /// Words in a row; up to [`GAP`] others may stand between two runs.
    runs: Vec<Vec<String>>,
}

// === impl Phrase ===

impl Phrase {
    /// `None` if there is no word in it.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let runs: Vec<_> = text
            .split('*')
            .map(plain::words)
            .filter(|run| !run.is_empty())
            .collect();
        let text = text.to_owned();
        (!runs.is_empty()).then_some(Self { text, runs })
    }

    pub(crate) fn is_in(&self, words: &[String]) -> bool {
        (0..words.len()).any(|start| {
            words
                .get(start..)
                .is_some_and(|rest| follows(&self.runs, rest))
        })
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `words` starts with the runs, one after the other.
fn follows(runs: &[Vec<String>], words: &[String]) -> bool {
    let Some((run, runs)) = runs.split_first() else {
        return true;
    };
    let Some(rest) = words.strip_prefix(run.as_slice()) else {
        return false;
    };
    let skips = if runs.is_empty() { 0 } else { GAP };
    (0..=skips).any(|skip| rest.get(skip..).is_some_and(|rest| follows(runs, rest)))
}
