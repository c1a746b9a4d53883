//! Reads lists of commands: operators, groups, redirections, documents.

use std::{mem, rc::Rc};

use super::{Command, Unreadable, Word, scope::Scope};

/// Commands in commands, and quotes in quotes, are followed this deep.
pub(super) const MAX_DEPTH: usize = 16;

/// Where in the line it is, and the commands found so far.
pub(super) struct Reader {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) commands: Vec<Command>,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new(line: &str) -> Self {
        Self {
            chars: line.chars().collect(),
            at: 0,
            depth: 0,
            commands: Vec::new(),
        }
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        let found = wanted
            .chars()
            .enumerate()
            .all(|(i, c)| self.peek(i) == Some(c));
        if found {
            self.at += wanted.chars().count();
        }
        found
    }

    /// Reads commands up to the bracket `close`, or to the end.
    pub(super) fn list(&mut self, close: Option<char>) -> Result<Vec<usize>, Unreadable> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Unreadable("commands are nested too deeply"));
        }
        let mut scope = Scope {
            line_start: self.commands.len(),
            ..Scope::default()
        };
        loop {
            let Some(c) = self.peek(0) else {
                self.documents(&mut scope)?;
                if close.is_some() || !scope.groups.is_empty() {
                    return Err(Unreadable("a bracket is not closed"));
                }
                break;
            };
            match c {
                ' ' | '\t' | '\r' => self.at += 1,
                '#' => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.at += 1
                    }
                }
                '\n' => {
                    self.at += 1;
                    self.documents(&mut scope)?;
                }
                ';' => {
                    self.at += 1;
                    scope.end(&mut self.commands);
                }
                '&' if self.peek(1) == Some('>') => {
                    self.at += 1;
                    self.redirection(&mut scope)?;
                }
                '&' | '|' => self.operator(c, &mut scope),
                '<' | '>' => self.redirection(&mut scope)?,
                '(' => self.bracket(&mut scope),
                ')' => {
                    self.at += 1;
                    if scope.in_case() {
                        scope.command = Command::default();
                    } else if scope.groups.is_empty() && close.is_some() {
                        self.documents(&mut scope)?;
                        break;
                    } else {
                        scope.end(&mut self.commands);
                        scope.close();
                    }
                }
                _ => {
                    let start = self.at;
                    let word = self.word()?;
                    let number = word.text.chars().all(|c| c.is_ascii_digit());
                    if !(number && matches!(self.peek(0), Some('<' | '>'))) {
                        let quoted = self.at - start != word.text.chars().count();
                        scope.word(word, quoted);
                    }
                }
            }
        }
        self.depth -= 1;
        Ok(scope.found)
    }

    fn operator(&mut self, c: char, scope: &mut Scope) {
        let twice = self.peek(1) == Some(c);
        self.at += if twice { 2 } else { 1 };
        scope.command.forks = !twice;
        scope.end(&mut self.commands);
        if c == '|' && !twice {
            self.eat("&");
            scope.piped = scope.found.last().copied();
        }
    }

    fn bracket(&mut self, scope: &mut Scope) {
        self.at += 1;
        let rest = self.chars.iter().skip(self.at);
        let blanks = rest.take_while(|c| c.is_whitespace()).count();
        if self.peek(blanks) == Some(')') && scope.command.words.len() == 1 {
            self.at += blanks + 1;
            if let Some(name) = scope.command.words.pop() {
                scope.functions.push((name.text, scope.groups.len()));
            }
        } else {
            scope.sums |= self.peek(0) == Some('(');
            scope.end(&mut self.commands);
            scope.open();
        }
    }

    fn redirection(&mut self, scope: &mut Scope) -> Result<(), Unreadable> {
        if self.eat("<(") || self.eat(">(") {
            let mut word = Word::default();
            word.live("<()");
            word.inner = self.list(Some(')'))?;
            scope.command.words.push(word);
            return Ok(());
        }
        let subscript = |word: &Word| word.text.contains('[') && !word.text.contains(']');
        if self.peek(1) == Some('<') && scope.command.words.last().is_some_and(subscript) {
            return Err(Unreadable("a subscript with `<<`"));
        }
        let here = self.eat("<<<");
        let document = !here && self.eat("<<");
        let write = !here && !document && (self.eat("<>") || self.eat(">"));
        if !here && !document && !write {
            self.at += 1;
        }
        while matches!(self.peek(0), Some('>' | '|' | '&')) || document && self.peek(0) == Some('-')
        {
            self.at += 1;
        }
        while matches!(self.peek(0), Some(' ' | '\t')) {
            self.at += 1;
        }
        let start = self.at;
        let word = self.word()?;
        if self.at == start {
            return Err(Unreadable("a redirection leads nowhere"));
        }
        if document && !scope.sums {
            let quoted = self.at - start != word.text.chars().count();
            scope.documents.push((word.text, quoted));
        } else if here {
            scope.command.input.push(word.text.into());
        } else if write {
            scope.command.writes.push(word);
        }
        Ok(())
    }

    /// Ends a line, and reads the here-documents that it announced.
    fn documents(&mut self, scope: &mut Scope) -> Result<(), Unreadable> {
        scope.end(&mut self.commands);
        for (delimiter, quoted) in mem::take(&mut scope.documents) {
            let mut body = String::new();
            while self.peek(0).is_some() {
                let rest = self.chars.iter().skip(self.at);
                let line: String = rest.take_while(|c| **c != '\n').collect();
                self.at += line.chars().count() + 1;
                if line.trim_start_matches('\t') == delimiter {
                    break;
                }
                body.push_str(&line);
                body.push('\n');
            }
            if !quoted {
                self.within(&body, |inner| inner.expanding(&mut Word::default(), None))?;
            }
            // Whichever command of the line reads it: a guard looks at all.
            let body: Rc<str> = body.into();
            for command in self.commands.iter_mut().skip(scope.line_start) {
                command.input.push(Rc::clone(&body));
            }
        }
        scope.line_start = self.commands.len();
        Ok(())
    }
}
