//! The text of a manifest: its bounds, its encoding, its syntax, and the
//! places in it.

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

use crate::{
    ManifestError,
    problem::{Problems, join, quoted},
    suggest,
};

/// Most bytes a manifest may have: 1 MiB, a thousand times a usual one.
pub const MAX_BYTES: usize = 1 << 20;

/// What the parser says of a key that is set twice. It has no other mark, and
/// the remedy differs from that of every other error.
const DUPLICATE_KEY: &str = "duplicate key";

/// A file that is being read.
#[derive(Debug)]
pub(crate) struct Source<'t> {
    file: &'t str,
    text: &'t str,
    /// Where each line begins. A hostile file has many lines and is wrong in
    /// many places; counting lines for each would take minutes.
    lines: Vec<usize>,
}

// === impl Source ===

impl<'t> Source<'t> {
    /// The `text` of `file`, with no byte order mark before it.
    pub(crate) fn new(text: &'t str, file: &'t str) -> Self {
        // The parser takes the mark as well, and then counts it in columns.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { file, text, lines }
    }

    /// The text in `bytes`.
    ///
    /// # Errors
    ///
    /// Where it is longer than [`MAX_BYTES`], or not UTF-8.
    pub(crate) fn decode(bytes: &'t [u8], file: &'t str) -> Result<Self, ManifestError> {
        let refuse = |valid: &str, message: String, remedy: &str| {
            let problems = Problems::new(Source::new(valid, file));
            problems.add(valid.len(), "", message, remedy);
            problems.into_error()
        };
        if bytes.len() > MAX_BYTES {
            return Err(refuse(
                "",
                format!("has {} bytes; at most {MAX_BYTES} are read", bytes.len()),
                "move the data out of `[config]`, for example into the component",
            ));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(text, file)),
            Err(error) => {
                let (valid, rest) = bytes
                    .split_at_checked(error.valid_up_to())
                    .unwrap_or_default();
                let message = match (valid, rest) {
                    ([], [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => "is UTF-16, not UTF-8".to_owned(),
                    (_, [byte, ..]) => format!("is not UTF-8: byte 0x{byte:02x}"),
                    (_, []) => "is not UTF-8".to_owned(),
                };
                let valid = std::str::from_utf8(valid).unwrap_or_default();
                Err(refuse(valid, message, "save the file as UTF-8"))
            }
        }
    }

    /// The name of the file.
    pub(crate) fn file(&self) -> &'t str {
        self.file
    }

    /// The line and the column of the byte at `offset`, each from 1; the
    /// column counts characters.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let (line, start) = self.line_at(offset);
        let end = self.text.floor_char_boundary(offset);
        let before = self.text.get(start..end).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The line that the byte at `offset` is on.
    fn line(&self, offset: usize) -> &'t str {
        let (_, start) = self.line_at(offset);
        let rest = self.text.get(start..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }

    /// The number of the line with the byte at `offset`, from 1, and the byte
    /// it begins with.
    fn line_at(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index));
        (line, start.copied().unwrap_or_default())
    }
}

/// Where the values of a file are, by their keys as messages write them: the
/// line and the column, each from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places(HashMap<String, (usize, usize)>);

/// How deep keys are remembered: those of the format are no deeper.
const DEPTH: usize = 3;

/// The tables and values in the file, each with its place; `None` where it is
/// not TOML, every line of it that is not being a problem.
pub(crate) fn tables<'t>(problems: &Problems<'t>) -> Option<DeTable<'t>> {
    let source = problems.source();
    let (tables, errors) = DeTable::parse_recoverable(source.text);
    if errors.is_empty() {
        return Some(tables.into_inner());
    }
    let end = source.text.len()..source.text.len();
    let mut errors: Vec<_> = errors
        .into_iter()
        .map(|error| (error.span().unwrap_or(end.clone()), error))
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    // One slip makes the parser stumble over the rest of the line, too.
    errors.dedup_by_key(|(span, _)| source.line_at(span.start));
    for (span, error) in errors {
        let line = source.line(span.start);
        let (message, remedy) = if error.message() == DUPLICATE_KEY {
            let key = source.text.get(span.clone()).unwrap_or_default();
            let key = quoted(key.trim_matches(['"', '\'']));
            let message = format!("{key} is set a second time");
            (message, suggest::duplicate(line))
        } else {
            let message = format!("is not TOML: {}", error.message());
            (message, suggest::syntax(line))
        };
        problems.add(span.start, "", message, remedy);
    }
    None
}

// === impl Places ===

impl Places {
    /// Where the values in `tables` are.
    pub(crate) fn of(tables: &DeTable<'_>, source: &Source<'_>) -> Self {
        let mut places = Self::default();
        places.add("", tables, source, DEPTH);
        places
    }

    /// The place of the value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<(usize, usize)> {
        self.0.get(key).copied()
    }

    fn add(&mut self, path: &str, table: &DeTable<'_>, source: &Source<'_>, depth: usize) {
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.0
                .insert(path.clone(), source.place(value.span().start));
            match value.get_ref() {
                DeValue::Table(table) if depth > 1 => self.add(&path, table, source, depth - 1),
                DeValue::Array(entries) if depth > 1 => {
                    for (index, entry) in entries.iter().enumerate() {
                        if let DeValue::Table(table) = entry.get_ref() {
                            self.add(&format!("{path}[{index}]"), table, source, depth - 1);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
