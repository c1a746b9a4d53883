//! The typed reader: one table at a time, one key at a time, collecting what
//! is wrong instead of stopping at it.

use toml::de::DeTable;

use super::value::Value;
use crate::{
    keys::{Key, Number, Table},
    problem::{Problems, join},
    suggest::{self, Meant},
    words::Word,
};

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Section<'t> {
    path: String,
    at: usize,
    entries: &'t DeTable<'t>,
    problems: &'t Problems<'t>,
    /// Keys that an unknown one was taken for: they are not missing as well.
    misspelt: Vec<&'static str>,
}

// === impl Section ===

impl<'t> Section<'t> {
    /// Begins to read the top level of a file.
    pub(super) fn root(
        table: &'static Table,
        entries: &'t DeTable<'t>,
        problems: &'t Problems<'t>,
    ) -> Self {
        Self::of(table, String::new(), 0, entries, problems)
    }

    /// Begins to read `value`, which should be a table.
    pub(super) fn new(table: &'static Table, value: &Value<'t>) -> Option<Self> {
        let entries = value.table()?;
        Some(Self::of(
            table,
            value.path.clone(),
            value.at,
            entries,
            value.problems(),
        ))
    }

    /// Refuses every key that `table` does not have.
    fn of(
        table: &'static Table,
        path: String,
        at: usize,
        entries: &'t DeTable<'t>,
        problems: &'t Problems<'t>,
    ) -> Self {
        let mut misspelt = Vec::new();
        let unknown = entries
            .keys()
            .filter(|key| !table.keys.contains(&key.as_ref().as_ref()));
        for key in unknown {
            let found: &str = key.as_ref();
            let message = format!(
                "is not a key of {}, which has {}",
                table.title,
                table.keys.join(", ")
            );
            let remedy = match suggest::key(found, table) {
                Meant::Here(meant) => {
                    misspelt.push(meant);
                    format!("did you mean `{}`?", suggest::written(meant, table))
                }
                Meant::In(other) => suggest::home(found, other),
                Meant::KeyOfLine => "remove it: the event is the key of the line".into(),
                Meant::Unknown => {
                    "remove it; what the capsule itself should read belongs in `[config]`".into()
                }
            };
            problems.add(key.span().start, &join(&path, found), message, remedy);
        }
        Self {
            path,
            at,
            entries,
            problems,
            misspelt,
        }
    }

    /// The value of `key`, where it is set.
    pub(super) fn get(&self, key: Key) -> Option<Value<'t>> {
        let value = self.entries.get(key.name)?;
        let path = join(&self.path, key.name);
        Some(Value::new(path, key, value, self.problems))
    }

    /// The value of `key`; that it is not set is a problem.
    pub(super) fn require(&self, key: Key) -> Option<Value<'t>> {
        let value = self.get(key);
        if value.is_none() && !self.is_misspelt(key) {
            let path = join(&self.path, key.name);
            let remedy = format!("add `{}`", key.example);
            self.problems.add(self.at, &path, "is missing", remedy);
        }
        value
    }

    /// Whether an unknown key was taken for `key`.
    pub(super) fn is_misspelt(&self, key: Key) -> bool {
        self.misspelt.contains(&key.name)
    }

    /// A whole number, where it is set and within its range.
    pub(super) fn number<T: TryFrom<i64>>(&self, number: Number) -> Option<T> {
        self.get(number.key)?.number(number)
    }

    /// `true` or `false`, or `default`.
    pub(super) fn flag(&self, key: Key, default: bool) -> bool {
        self.get(key)
            .and_then(|value| value.flag())
            .unwrap_or(default)
    }

    /// One of a few words, or the default one.
    pub(super) fn word<W: Word + Default>(&self, key: Key) -> W {
        self.get(key)
            .and_then(|value| value.word())
            .unwrap_or_default()
    }

    /// The elements of a list, none where it is not set.
    pub(super) fn list(&self, key: Key) -> Vec<Value<'t>> {
        self.get(key).map(|value| value.list()).unwrap_or_default()
    }

    /// Says what is wrong with the table as a whole.
    pub(super) fn refuse(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.add(self.at, &self.path, message, remedy);
    }
}
