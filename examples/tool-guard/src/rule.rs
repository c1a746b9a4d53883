//! What a rule is, and when a command breaks it. The built-in rules are
//! written in `rules.json` as a manifest would write its own.

use serde::Deserialize;

use crate::{place::Place, program, shell::Word};

/// Kinds of places that `args` can name behind a `@`.
const CLASSES: &[&str] = &["protected", "system", "device", "here", "unknown"];

/// Refuses a command that is named, with all the flags, and any of the
/// arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// What the refusal is called.
    pub(crate) name: String,
    /// Programs, with a `*` if need be (`mkfs*`), or a program and its first
    /// argument (`git push`). `>` stands for a redirection into a file.
    pub(crate) command: Vec<String>,
    /// Each entry must be there, in one of its spellings: `r|R|recursive`.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    /// One argument must match one entry: a text with `*`, or `@protected`,
    /// `@system`, `@device`, `@here`, `@unknown`, with a text before it if
    /// need be (`of=@device`). No entries: any argument, or none.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// Which arguments count.
    #[serde(default)]
    pub(crate) which: Which,
}

/// Which arguments of a command a rule is about.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Which {
    /// All of them.
    #[default]
    Any,
    /// The last one: where `cp` writes.
    Last,
    /// All but the last one: what `mv` takes away.
    Sources,
}

// === impl Rule ===

impl Rule {
    pub(crate) fn built_in() -> Result<Vec<Self>, serde_json::Error> {
        serde_json::from_str(include_str!("rules.json"))
    }

    /// Says what is wrong with a rule that could never hold.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.command.is_empty() {
            return Err("`command` is empty".to_owned());
        }
        let unknown = |entry: &&String| {
            entry
                .split_once('@')
                .is_some_and(|(_, class)| !CLASSES.contains(&class))
        };
        match self.args.iter().find(unknown) {
            Some(entry) => Err(format!(
                "`{entry}` in `args`: after `@` there may be {}",
                CLASSES.join(", ")
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn matches(&self, name: &str, words: &[Word], protected: &[String]) -> bool {
        self.command.iter().any(|wanted| named(wanted, name, words))
            && self.flags.iter().all(|flag| {
                let mut spellings = flag.split('|');
                spellings.any(|spelling| options(words).any(|word| is_flag(&word.text, spelling)))
            })
            && (self.args.is_empty() || self.hits(words, protected))
    }

    fn hits(&self, words: &[Word], protected: &[String]) -> bool {
        let arguments = program::operands(words);
        let last = arguments.len().saturating_sub(1);
        let (from, to) = match self.which {
            Which::Any => (0, arguments.len()),
            Which::Last => (last, arguments.len()),
            Which::Sources => (0, last),
        };
        arguments.iter().take(to).skip(from).any(|word| {
            let hit = |pattern: &String| match pattern.split_once('@') {
                Some((before, class)) => is_of(word, before, class, protected),
                None => glob(pattern, &word.text),
            };
            self.args.iter().any(hit)
        })
    }
}

fn named(wanted: &str, name: &str, words: &[Word]) -> bool {
    match wanted.split_once(' ') {
        None => glob(&wanted.to_ascii_lowercase(), name),
        Some((program, first)) => {
            let given = program::after_options(program, words).first();
            program.eq_ignore_ascii_case(name) && given.is_some_and(|word| word.text == first)
        }
    }
}

fn options(words: &[Word]) -> impl Iterator<Item = &Word> {
    words.iter().take_while(|word| word.text != "--")
}

/// Whether `word` sets the flag: alone (`-r`), in a bundle (`-fr`), or long,
/// also cut short as getopt allows (`--recurs`), also with a single dash.
fn is_flag(word: &str, flag: &str) -> bool {
    let Some(rest) = word.strip_prefix('-') else {
        return false;
    };
    let given = rest.split('=').next().unwrap_or(rest);
    match given.strip_prefix('-') {
        Some(long) => flag.len() > 1 && !long.is_empty() && flag.starts_with(long),
        None if flag.len() > 1 => given == flag,
        None => given.contains(flag),
    }
}

fn is_of(word: &Word, before: &str, class: &str, protected: &[String]) -> bool {
    let Some(rest) = word.text.strip_prefix(before) else {
        return false;
    };
    let shifted = |at: &usize| at.checked_sub(before.len());
    let place = Place::new(&Word {
        text: rest.to_owned(),
        live: word.live.iter().filter_map(shifted).collect(),
        inner: Vec::new(),
    });
    match class {
        "protected" => place.is_protected(protected),
        "system" => place.is_system(),
        "device" => place.is_device(),
        "here" => place.is_here(),
        "unknown" => place.is_unknown(),
        _ => false,
    }
}

/// Whether `text` is `pattern`, in which `*` is any text. One star is enough
/// for names, and cannot be made slow.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}
