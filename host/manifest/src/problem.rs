//! What is wrong with a manifest, and the collecting of it.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use crate::source::Source;

/// More problems than this are counted and not kept: nobody reads them, and
/// a hostile file could ask for many times its own size.
const MAX_PROBLEMS: usize = 100;
/// Of a value that is quoted in a message, this many characters are shown.
const MAX_QUOTED_CHARS: usize = 60;

/// Why a manifest was refused: everything that was found, in the order of the
/// file; at least one problem.
///
/// Its display has one line per problem: `file:line:column: key: what is
/// wrong; what would be right`. Text that comes from the file is escaped and
/// cut, so that the display is fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    file: String,
    problems: Vec<Problem>,
    omitted: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The key as a path such as `interceptor[2].event`, elements counted
    /// from 0; empty where it is the file itself.
    pub key: String,
    /// What is wrong, as it follows the key.
    pub message: String,
    /// What would be right.
    pub remedy: String,
}

/// The problems found so far in one file.
#[derive(Debug)]
pub(crate) struct Problems<'t> {
    source: Source<'t>,
    found: RefCell<Vec<Problem>>,
    omitted: Cell<usize>,
}

// === impl ManifestError ===

impl ManifestError {
    /// The file, as it was named to the reader.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The first hundred problems found, by line and column; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many more there were.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{problem}", self.file)?;
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more problems", self.file),
        }
    }
}

impl std::error::Error for ManifestError {}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

// === impl Problems ===

impl<'t> Problems<'t> {
    /// None so far.
    pub(crate) fn new(source: Source<'t>) -> Self {
        Self {
            source,
            found: RefCell::default(),
            omitted: Cell::default(),
        }
    }

    /// The file they are found in.
    pub(crate) fn source(&self) -> &Source<'t> {
        &self.source
    }

    /// Adds one that is found `at` this byte of the file.
    pub(crate) fn add(
        &self,
        at: usize,
        key: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let mut found = self.found.borrow_mut();
        if found.len() >= MAX_PROBLEMS {
            self.omitted.set(self.omitted.get() + 1);
            return;
        }
        let (line, column) = self.source.place(at);
        found.push(Problem {
            line,
            column,
            key: key.to_owned(),
            message: printable(&message.into()),
            remedy: printable(&remedy.into()),
        });
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// What to tell the author.
    pub(crate) fn into_error(self) -> ManifestError {
        let mut problems = self.found.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        ManifestError {
            file: printable(self.source.file()),
            problems,
            omitted: self.omitted.get(),
        }
    }
}

/// `text` without what a terminal would obey, such as colours and reversed
/// lines. Names of files have it, too, and messages of other crates.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => printable.push(c),
            _ => printable.extend(c.escape_debug()),
        }
    }
    printable
}

/// `text` as it may stand in a message: quoted, escaped, and cut.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}

/// `path` and the `key` below it, which is quoted where TOML asks for it.
pub(crate) fn join(path: &str, key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let plain = !key.is_empty() && key.len() <= MAX_QUOTED_CHARS && key.chars().all(bare);
    let key = if plain { key.to_owned() } else { quoted(key) };
    match path {
        "" => key,
        _ => format!("{path}.{key}"),
    }
}
