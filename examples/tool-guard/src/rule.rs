//! What a rule is, and when a command breaks it. The built-in rules are in
//! `rules.json`, written as in a manifest.

use std::{collections::BTreeMap, slice};

use serde::Deserialize;

/// What is in `rules.json`, and in the manifest's `[config]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rules {
    /// Names of refusals that do not count.
    pub(crate) disabled: Vec<String>,
    /// Tools whose arguments are command lines.
    pub(crate) shells: Vec<String>,
    /// Fields of such arguments that are never run.
    pub(crate) ignored: Vec<String>,
    /// Programs that run the program in their arguments.
    pub(crate) wrappers: BTreeMap<String, Wrapper>,
    /// What `@name` means in rules: paths, `*` for one name, `/**` for a whole
    /// tree, `!` for an exception to those before.
    places: BTreeMap<String, Vec<String>>,
    rules: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wrapper {
    /// Options whose value is the next word: `u user`.
    pub(crate) values: String,
    /// Arguments of its own before the program.
    pub(crate) operands: usize,
    /// It makes one command line of its arguments.
    pub(crate) joins: bool,
}

/// Refuses a command that is named, with all flags and any of the arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// `mkfs*`, `git push` (git with this argument), or `>` (a redirection).
    command: Vec<String>,
    /// Each must be there, in one of its spellings: `r|R|recursive`.
    #[serde(default)]
    flags: Vec<String>,
    /// Texts with a `*`, or `@place`, also behind a text: `of=@device`. A
    /// place that nobody knows is everywhere.
    #[serde(default)]
    args: Vec<String>,
    /// The same of the last argument, where `cp` writes.
    #[serde(default)]
    last: Vec<String>,
}

// === impl Rules ===

impl Rules {
    pub(crate) fn built_in() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("rules.json"))
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.disabled.extend(more.disabled);
        self.shells.extend(more.shells);
        self.ignored.extend(more.ignored);
        self.wrappers.extend(more.wrappers);
        self.rules.extend(more.rules);
        for (name, paths) in more.places {
            self.places.entry(name).or_default().extend(paths);
        }
    }

    /// The first rule that the command breaks.
    pub(crate) fn broken(&self, program: &str, args: &[String]) -> Option<&Rule> {
        let words: Vec<_> = args.iter().filter(|arg| !is_option(arg)).collect();
        let last = words.last().map(slice::from_ref).unwrap_or_default();
        let is_named = |command: &String| match command.split_once(' ') {
            Some((name, word)) => name == program && words.iter().any(|other| *other == word),
            None => is_like(command, program),
        };
        let is_given = |flag: &str| args.iter().any(|arg| is_flag(arg, flag));
        let is_set = |flags: &String| flags.split('|').any(is_given);
        let is_meant = |wanted: &[String], words: &[&String]| {
            let is_any = |wanted: &String| words.iter().any(|word| self.is_meant(wanted, word));
            wanted.is_empty() || wanted.iter().any(is_any)
        };
        self.rules.iter().find(|rule| {
            let Rule { command, flags, .. } = rule;
            command.iter().any(is_named)
                && flags.iter().all(is_set)
                && is_meant(&rule.args, &words)
                && is_meant(&rule.last, last)
        })
    }

    fn is_meant(&self, wanted: &str, word: &str) -> bool {
        let Some((before, place)) = wanted.split_once('@') else {
            return is_like(wanted, word);
        };
        let Some(path) = word.strip_prefix(before).map(path) else {
            return false;
        };
        let Some(patterns) = self.places.get(place) else {
            return true;
        };
        let is_of = |pattern: &&String| is_in(&path, pattern.trim_start_matches('!'));
        let pattern = patterns.iter().rfind(is_of);
        pattern.is_some_and(|pattern| !pattern.starts_with('!'))
    }
}

pub(crate) fn is_option(word: &str) -> bool {
    word.starts_with('-') && word.len() > 1
}

/// Whether `word` sets the flag: alone (`-r`), in a bundle (`-fr`), or long,
/// also cut short (`--recurs`), also with a single dash (`-delete`).
pub(crate) fn is_flag(word: &str, flag: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    match (name.strip_prefix("--"), name.strip_prefix('-')) {
        (Some(long), _) => flag.len() > 1 && !long.is_empty() && flag.starts_with(long),
        (None, Some(short)) if flag.len() == 1 => short.contains(flag),
        (None, short) => short == Some(flag),
    }
}

/// Whether `text` is `pattern`, in which one `*` is any text.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else {
        return pattern == text;
    };
    text.strip_prefix(start)
        .is_some_and(|rest| rest.ends_with(end))
}

/// Whether a pattern of `places` means `path`.
fn is_in(path: &str, pattern: &str) -> bool {
    let tree = pattern.strip_suffix("/**");
    let mut names = path.split('/');
    let mut wanted = tree.unwrap_or(pattern).split('/');
    wanted.all(|want| names.next().is_some_and(|name| want == "*" || want == name))
        && (tree.is_some() || names.next().is_none())
}

/// The path without detours, as far as it can be told before the shell expands
/// it: `/tmp/../etc/` is `/etc`. Whatever may be empty or anything counts as
/// nothing: `/$x/` and `/*` are `/`.
fn path(word: &str) -> String {
    let (start, rest) = word.split_at(word.find('/').unwrap_or(word.len()));
    let start = match start {
        "$HOME" | "${HOME}" => "/home/~",
        home if home.starts_with('~') => "/home/~",
        "$PWD" => ".",
        // A variable alone is somebody's directory.
        variable if variable.starts_with('$') && rest.is_empty() => return word.to_owned(),
        start => start,
    };
    let word = format!("{start}{rest}");
    let is_absolute = word.starts_with('/');
    let is_wild = |name: &str| name.contains(['*', '?', '[', '{']) && name != "{}";
    let is_any = |name: &mut &str| match name.strip_prefix('$') {
        Some(variable) => !variable.contains(":?"),
        None => is_wild(name) && !name.contains(char::is_alphanumeric),
    };
    let mut names: Vec<&str> = Vec::new();
    for name in word.split('/').filter(|name| !matches!(*name, "" | ".")) {
        match name {
            ".." if names.last().is_some_and(|last| *last != "..") => drop(names.pop()),
            ".." if is_absolute => {}
            name if is_absolute && names.is_empty() && is_wild(name) => break,
            name => names.push(name),
        }
    }
    while names.pop_if(is_any).is_some() {}
    match (is_absolute, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}
