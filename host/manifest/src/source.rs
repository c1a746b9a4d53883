//! The text of a manifest: its bounds, its encoding, its syntax, and the
//! places in it.

use toml::de::DeTable;

use crate::{
    ManifestError,
    problem::{Problems, quoted},
    suggest,
};

/// Most bytes a manifest may have: 1 MiB, a thousand times a usual one.
pub const MAX_BYTES: usize = 1 << 20;

/// What the parser says of a key that is set twice. It has no other mark, and
/// the remedy differs from that of every other error.
const DUPLICATE_KEY: &str = "duplicate key";

/// A file that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'t> {
    file: &'t str,
    text: &'t str,
}

// === impl Source ===

impl<'t> Source<'t> {
    /// The `text` of `file`, with no byte order mark before it.
    pub(crate) fn new(text: &'t str, file: &'t str) -> Self {
        // The parser takes the mark as well, and then counts it in columns.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { file, text }
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

    /// The tables and values in it, each with its place.
    ///
    /// # Errors
    ///
    /// Everything that is not TOML.
    pub(crate) fn tables(self) -> Result<DeTable<'t>, ManifestError> {
        let (tables, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            return Ok(tables.into_inner());
        }
        let end = self.text.len()..self.text.len();
        let mut errors: Vec<_> = errors
            .into_iter()
            .map(|error| (error.span().unwrap_or(end.clone()), error))
            .collect();
        errors.sort_by_key(|(span, _)| span.start);
        let problems = Problems::new(self);
        let mut last_line = 0;
        for (span, error) in errors {
            // One slip makes the parser stumble over the rest of the line, too.
            let (line, _) = self.place(span.start);
            if line == last_line {
                continue;
            }
            last_line = line;
            let line = self.line(span.start);
            let (message, remedy) = if error.message() == DUPLICATE_KEY {
                let key = self.text.get(span.clone()).unwrap_or_default();
                let key = quoted(key.trim_matches(['"', '\'']));
                (
                    format!("{key} is set a second time"),
                    suggest::duplicate(line),
                )
            } else {
                (
                    format!("is not TOML: {}", error.message()),
                    suggest::syntax(line),
                )
            };
            problems.add(span.start, "", message, remedy);
        }
        Err(problems.into_error())
    }

    /// The name of the file.
    pub(crate) fn file(self) -> &'t str {
        self.file
    }

    /// The line and the column of the byte at `offset`, each from 1; the
    /// column counts characters.
    pub(crate) fn place(self, offset: usize) -> (usize, usize) {
        let before = self.before(offset);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (line, column)
    }

    /// The line that the byte at `offset` is on.
    fn line(self, offset: usize) -> &'t str {
        let start = self.before(offset).rfind('\n').map_or(0, |end| end + 1);
        let rest = self.text.get(start..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }

    /// What is before `offset`, or before the character it is inside of.
    fn before(self, offset: usize) -> &'t str {
        let end = self.text.floor_char_boundary(offset);
        self.text.get(..end).unwrap_or_default()
    }
}
