//! One value, and the checks that many keys share.

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use crate::{
    keys::{Key, Number},
    problem::{Problems, join, quoted},
    suggest,
    words::Word,
};

/// A value that is being read.
#[derive(Clone, Debug)]
pub(super) struct Value<'t> {
    /// Its key, as a path from the top of the file.
    pub(super) path: String,
    /// Which key it is; that of its list for an element.
    key: Key,
    /// Where problems with it are shown, in bytes from the start.
    pub(super) at: usize,
    pub(super) value: &'t DeValue<'t>,
    problems: &'t Problems<'t>,
}

// === impl Value ===

impl<'t> Value<'t> {
    /// The value that `path` leads to.
    pub(super) fn new(
        path: String,
        key: Key,
        value: &'t Spanned<DeValue<'t>>,
        problems: &'t Problems<'t>,
    ) -> Self {
        Self {
            path,
            key,
            at: value.span().start,
            value: value.as_ref(),
            problems,
        }
    }

    /// The `value` that stands under `name` in this one.
    pub(super) fn below(&self, name: &str, key: Key, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self::new(join(&self.path, name), key, value, self.problems)
    }

    /// The problems found in its file.
    pub(super) fn problems(&self) -> &'t Problems<'t> {
        self.problems
    }

    /// The line it is on, from 1.
    pub(super) fn line(&self) -> usize {
        self.problems.source().place(self.at).0
    }

    /// Says what is wrong with it, and what would be right.
    pub(super) fn refuse(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.add(self.at, &self.path, message, remedy);
    }

    /// Says what is wrong with it, and gives the key's example.
    pub(super) fn refuse_for_example(&self, message: impl Into<String>) {
        self.refuse(message, format!("write for example `{}`", self.key.example));
    }

    /// A table, or a problem.
    pub(super) fn table(&self) -> Option<&'t DeTable<'t>> {
        self.expect("a table", self.value.as_table())
    }

    /// A string, or a problem.
    pub(super) fn text(&self) -> Option<&'t str> {
        self.expect("a string", self.value.as_str())
    }

    /// A boolean, or a problem.
    pub(super) fn flag(&self) -> Option<bool> {
        self.expect("true or false", self.value.as_bool())
    }

    /// The elements of a list, or a problem.
    pub(super) fn list(&self) -> Vec<Self> {
        let elements = self.expect("a list", self.value.as_array());
        (0..)
            .zip(elements.into_iter().flatten())
            .map(|(index, element): (usize, _)| {
                let path = format!("{}[{index}]", self.path);
                Self::new(path, self.key, element, self.problems)
            })
            .collect()
    }

    /// A whole number of any size, or the problem that it is not `wanted`.
    pub(super) fn integer(&self, wanted: &str) -> Option<&'t DeInteger<'t>> {
        self.expect(wanted, self.value.as_integer())
    }

    /// A whole number within its range, or a problem.
    pub(super) fn number<T: TryFrom<i64>>(&self, number: Number) -> Option<T> {
        let Number { min, max, unit, .. } = number;
        let wanted = match unit {
            "" => "a whole number".to_owned(),
            _ => format!("a whole number of {unit}"),
        };
        let digits = self.integer(&wanted)?;
        let found = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        let valid = found
            .filter(|found| (min..=max).contains(found))
            .and_then(|found| T::try_from(found).ok());
        if valid.is_none() {
            let space = if unit.is_empty() { "" } else { " " };
            self.refuse_for_example(format!(
                "must be {min} to {max}{space}{unit}, not {}",
                shown_number(&digits.to_string()),
            ));
        }
        valid
    }

    /// One of a few words, or a problem.
    pub(super) fn word<W: Word>(&self) -> Option<W> {
        let found = self.text()?;
        let choice = W::CHOICES.iter().find(|(choice, _)| choice.word() == found);
        if choice.is_none() {
            let name = self.key.name;
            let words = W::CHOICES.iter().map(|(choice, _)| choice.word());
            let mut listed: Vec<_> = words.clone().map(|word| format!("{word:?}")).collect();
            let last = listed.pop().unwrap_or_default();
            let meanings: Vec<_> = W::CHOICES
                .iter()
                .map(|(choice, meaning)| format!("`{name} = {:?}` {meaning}", choice.word()))
                .collect();
            let remedy = match suggest::nearest(&found.to_ascii_lowercase(), words) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => meanings.join(", "),
            };
            self.refuse(
                format!(
                    "must be {} or {last}, not {}",
                    listed.join(", "),
                    quoted(found)
                ),
                remedy,
            );
        }
        choice.map(|(choice, _)| *choice)
    }

    fn expect<T>(&self, wanted: &str, found: Option<T>) -> Option<T> {
        if found.is_none() {
            self.refuse_for_example(format!("expected {wanted}, found {}", describe(self.value)));
        }
        found
    }
}

/// What a value is, for a message.
fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("string {}", quoted(text)),
        DeValue::Integer(digits) => format!("integer {}", shown_number(&digits.to_string())),
        DeValue::Float(digits) => format!("float {}", shown_number(digits.as_str())),
        DeValue::Boolean(flag) => format!("boolean {flag}"),
        DeValue::Datetime(date) => format!("date {date}"),
        DeValue::Array(array) => match array.len() {
            0 => "an empty list".to_owned(),
            1 => "a list of 1 value".to_owned(),
            more => format!("a list of {more} values"),
        },
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A number as written, cut where it is absurd. It has only digits, signs and
/// letters, by the grammar.
pub(super) fn shown_number(digits: &str) -> String {
    match digits.char_indices().nth(40) {
        None => digits.to_owned(),
        Some((end, _)) => format!("{}…", digits.get(..end).unwrap_or_default()),
    }
}
