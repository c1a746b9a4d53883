//! Reads a command line as a shell would, far enough to see every command
//! that it could run. It expands nothing: what only the shell can know stays
//! in a word as `$NAME` or `$()`, and the word says where.

mod reader;
mod scope;
mod word;

use std::rc::Rc;

use self::reader::Reader;

/// What makes a line unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// One command of a line, from its first word to its operator.
#[derive(Debug, Default)]
pub(crate) struct Command {
    pub(crate) words: Vec<Word>,
    /// Files that it writes by redirection.
    pub(crate) writes: Vec<Word>,
    /// Here-documents and here-strings.
    pub(crate) input: Vec<Rc<str>>,
    /// The command whose output it reads, an index of the line's commands.
    pub(crate) piped_from: Option<usize>,
    /// It runs beside another one: in a pipe or in the background.
    pub(crate) forks: bool,
    /// The function whose body it stands in.
    pub(crate) function: Option<String>,
}

/// A word without its quotes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// Where in the text the shell would put something else: each unquoted
    /// `*`, `?`, `[`, `{`, and each expansion.
    pub(crate) live: Vec<usize>,
    /// The commands in its substitutions, indices of the line's commands.
    pub(crate) inner: Vec<usize>,
}

/// Every command in `line`, also those in substitutions, groups and bodies.
pub(crate) fn read(line: &str) -> Result<Vec<Command>, Unreadable> {
    let mut reader = Reader::new(line);
    reader.list(None)?;
    Ok(reader.commands)
}

// === impl Word ===

impl Word {
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    fn live(&mut self, text: &str) {
        self.live.push(self.text.len());
        self.text.push_str(text);
    }
}
