//! Variables that a line sets for itself: `X=/; rm -rf $X`.

use std::collections::HashMap;

use crate::{program, shell::Word};

/// Where expansion stops: a word made longer than this is left as it is.
const MOST: usize = 4096;

/// What the line has set so far, as far as it can be read.
#[derive(Debug)]
pub(crate) struct Variables {
    values: HashMap<String, String>,
    /// What the line has put into `IFS`: words fall apart at these as well.
    separators: String,
}

// === impl Variables ===

impl Variables {
    /// `given` are the values of `$0`, `$1` and so on.
    pub(crate) fn new(given: &[Word]) -> Self {
        let mut values: HashMap<String, String> = given
            .iter()
            .enumerate()
            .map(|(i, word)| (i.to_string(), word.text.clone()))
            .collect();
        if let Some(all) = given.get(1..) {
            values.extend(["@", "*"].map(|name| (name.to_owned(), program::joined(all))));
        }
        values.insert("IFS".to_owned(), " ".to_owned());
        Self {
            values,
            separators: String::new(),
        }
    }

    /// Remembers what a command sets: `X=1`, `export X=1`, `for x in …`,
    /// `read x`.
    pub(crate) fn learn(&mut self, words: &[Word]) {
        let first = words.first().map(|word| word.text.as_str());
        match first {
            Some("for" | "select") => {
                if let [_, name, _, values @ ..] = words {
                    self.values
                        .insert(name.text.clone(), program::joined(values));
                }
            }
            Some("read") => {
                let names = program::operands(words.get(1..).unwrap_or_default());
                let unknown = names
                    .into_iter()
                    .map(|name| (name.text.clone(), "$()".to_owned()));
                self.values.extend(unknown);
            }
            _ => {
                let declares = matches!(first, Some("export" | "local" | "declare" | "readonly"));
                let set = if declares {
                    words
                } else {
                    program::assignments(words)
                };
                let split = |word: &Word| {
                    let (name, value) = word.text.split_once('=')?;
                    Some((name.to_owned(), value.to_owned()))
                };
                self.values.extend(set.iter().filter_map(split));
            }
        }
        // `rm${IFS}-rf${IFS}/` is a command with two arguments.
        let separators = self.values.insert("IFS".to_owned(), " ".to_owned());
        self.separators.extend(separators);
    }

    /// The words as the shell would make them of what is known, also those
    /// that a value with blanks falls apart into.
    pub(crate) fn expand(&self, words: &[Word]) -> Vec<Word> {
        words.iter().flat_map(|word| self.word(word)).collect()
    }

    fn word(&self, word: &Word) -> Vec<Word> {
        let mut text = String::new();
        let mut copied = 0;
        for at in &word.live {
            let Some(rest) = word.text.get(*at..).filter(|_| *at >= copied) else {
                continue;
            };
            if let Some((length, value)) = self.value(rest) {
                text.push_str(word.text.get(copied..*at).unwrap_or_default());
                text.push_str(&value);
                copied = at + length;
            }
        }
        text.push_str(word.text.get(copied..).unwrap_or_default());
        let is_value = program::assignments(std::slice::from_ref(word)).len() == 1;
        if copied == 0 || text.len() > MOST {
            return vec![word.clone()];
        }
        if is_value {
            return vec![piece(&text, word)];
        }
        text.split(|c: char| c.is_whitespace() || self.separators.contains(c))
            .filter(|text| !text.is_empty())
            .map(|text| piece(text, word))
            .collect()
    }

    /// The value of the expansion that `text` starts with, and its length.
    fn value(&self, text: &str) -> Option<(usize, String)> {
        let Some(braced) = text.strip_prefix("${") else {
            let name = text.strip_prefix('$')?;
            let end = end_of_name(name);
            return Some((end + 1, self.values.get(name.get(..end)?)?.clone()));
        };
        let mut open = 1;
        let close = braced.find(|c| {
            open += i32::from(c == '{') - i32::from(c == '}');
            open == 0
        })?;
        let inside = braced.get(..close)?;
        let end = end_of_name(inside);
        let (name, operator) = inside.split_at(end);
        // `${x:-y}` is y where nothing is known of x; `${x%y}` begins like x.
        let other = operator
            .trim_start_matches(':')
            .strip_prefix(['-', '=', '+']);
        let value = self.values.get(name).map(String::as_str).or(other)?;
        Some((close + 3, value.to_owned()))
    }
}

fn end_of_name(text: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.starts_with(['@', '*']) {
        true => 1,
        false => text.find(|c| !is_name(c)).unwrap_or(text.len()),
    }
}

/// A word of which nobody knows any more what was quoted.
fn piece(text: &str, of: &Word) -> Word {
    let live = text
        .match_indices(['*', '?', '[', '{', '$'])
        .map(|(at, _)| at);
    Word {
        text: text.to_owned(),
        live: live.collect(),
        inner: of.inner.clone(),
    }
}
