//! What a list of commands keeps in mind while it is read.

use std::mem;

use super::{Command, Word};

/// What one list of commands, up to its closing bracket, keeps in mind.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) command: Command,
    pub(super) found: Vec<usize>,
    /// The command left of a pipe.
    pub(super) piped: Option<usize>,
    /// What each open group reads, and the number of cases around it.
    pub(super) groups: Vec<(Option<usize>, usize)>,
    /// Functions whose body is open, with the number of groups around them.
    pub(super) functions: Vec<(String, usize)>,
    pub(super) names_function: bool,
    /// A pattern of `case` closes a bracket that it did not open.
    pub(super) cases: usize,
    pub(super) documents: Vec<(String, bool)>,
    pub(super) line_start: usize,
    /// `((` was seen: `<<` may shift bits, and hide lines as a document.
    pub(super) sums: bool,
}

// === impl Scope ===

impl Scope {
    pub(super) fn end(&mut self, commands: &mut Vec<Command>) {
        let mut command = mem::take(&mut self.command);
        if command.words.is_empty() && command.writes.is_empty() && command.input.is_empty() {
            return;
        }
        let group = self.groups.last().and_then(|group| group.0);
        command.piped_from = self.piped.take().or(group);
        command.function = self
            .functions
            .last()
            .filter(|(_, around)| self.groups.len() > *around)
            .map(|(name, _)| name.clone());
        self.found.push(commands.len());
        commands.push(command);
    }

    pub(super) fn open(&mut self) {
        let group = self.groups.last().and_then(|group| group.0);
        self.groups.push((self.piped.take().or(group), self.cases));
    }

    pub(super) fn close(&mut self) {
        if let Some((_, cases)) = self.groups.pop() {
            self.cases = cases;
        }
        if self
            .functions
            .last()
            .is_some_and(|f| f.1 == self.groups.len())
        {
            self.functions.pop();
        }
    }

    /// Whether the next closing bracket is that of a pattern.
    pub(super) fn in_case(&self) -> bool {
        self.cases > self.groups.last().map_or(0, |group| group.1)
    }

    pub(super) fn word(&mut self, word: Word, quoted: bool) {
        if mem::take(&mut self.names_function) {
            return self.functions.push((word.text, self.groups.len()));
        }
        if self.command.words.is_empty() && !quoted {
            match word.text.as_str() {
                "{" => return self.open(),
                "}" => return self.close(),
                "function" => return self.names_function = true,
                "case" => self.cases += 1,
                "esac" => return self.cases = self.cases.saturating_sub(1),
                "if" | "then" | "else" | "elif" | "fi" | "while" | "until" | "do" | "done"
                | "!" | "coproc" => return,
                _ => {}
            }
        }
        self.command.words.push(word);
    }
}
