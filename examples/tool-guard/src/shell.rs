//! Reads a command line as a shell would, far enough to see every command
//! that it could run. It expands nothing: what only the shell can know stays
//! in a word as `$NAME` or `$()`, and the word says where.

use std::{mem, rc::Rc};

/// Commands in commands, and quotes in quotes, are followed this deep.
const MAX_DEPTH: usize = 16;

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

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    commands: Vec<Command>,
}

/// What one list of commands, up to its closing bracket, keeps in mind.
#[derive(Default)]
struct Scope {
    command: Command,
    found: Vec<usize>,
    /// The command left of a pipe.
    piped: Option<usize>,
    /// What each open group reads, and the number of cases around it.
    groups: Vec<(Option<usize>, usize)>,
    /// Functions whose body is open, with the number of groups around them.
    functions: Vec<(String, usize)>,
    names_function: bool,
    /// A pattern of `case` closes a bracket that it did not open.
    cases: usize,
    documents: Vec<(String, bool)>,
    line_start: usize,
    /// `((` was seen: `<<` may shift bits, and hide lines as a document.
    sums: bool,
}

/// Every command in `line`, also those in substitutions, groups and bodies.
pub(crate) fn read(line: &str) -> Result<Vec<Command>, Unreadable> {
    let mut reader = Reader {
        chars: line.chars().collect(),
        at: 0,
        depth: 0,
        commands: Vec::new(),
    };
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

// === impl Scope ===

impl Scope {
    fn end(&mut self, commands: &mut Vec<Command>) {
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

    fn open(&mut self) {
        let group = self.groups.last().and_then(|group| group.0);
        self.groups.push((self.piped.take().or(group), self.cases));
    }

    fn close(&mut self) {
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
    fn in_case(&self) -> bool {
        self.cases > self.groups.last().map_or(0, |group| group.1)
    }

    fn word(&mut self, word: Word, quoted: bool) {
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

// === impl Reader ===

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn eat(&mut self, wanted: &str) -> bool {
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
    fn list(&mut self, close: Option<char>) -> Result<Vec<usize>, Unreadable> {
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

    fn word(&mut self) -> Result<Word, Unreadable> {
        let mut word = Word::default();
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '$' => self.dollar(&mut word, false)?,
                '`' => self.backticks(&mut word)?,
                _ => {
                    self.at += 1;
                    match c {
                        '\\' => word.text.extend(self.next().filter(|c| *c != '\n')),
                        '\'' => self.literal(&mut word)?,
                        '"' => self.expanding(&mut word, Some('"'))?,
                        '{' if self.peek(0) == Some('}') => word.text.push(c),
                        '*' | '?' | '[' | '{' => word.live(c.encode_utf8(&mut [0; 4])),
                        _ => word.text.push(c),
                    }
                }
            }
        }
        Ok(word)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0);
        self.at += 1;
        c
    }

    fn literal(&mut self, word: &mut Word) -> Result<(), Unreadable> {
        loop {
            match self.next() {
                None => return Err(Unreadable("a quote is not closed")),
                Some('\'') => return Ok(()),
                Some(c) => word.text.push(c),
            }
        }
    }

    /// Text in which only `$`, backticks and backslashes mean something.
    fn expanding(&mut self, word: &mut Word, close: Option<char>) -> Result<(), Unreadable> {
        let mut brackets = 0;
        while let Some(c) = self.peek(0) {
            match c {
                '$' => {
                    self.dollar(word, true)?;
                    continue;
                }
                '`' => {
                    self.backticks(word)?;
                    continue;
                }
                _ => self.at += 1,
            }
            match c {
                c if Some(c) == close && brackets == 0 => return Ok(()),
                '\\' => match self.next() {
                    Some('\n') => {}
                    Some(c @ ('$' | '`' | '"' | '\\')) => word.text.push(c),
                    Some(c) => word.text.extend(['\\', c]),
                    None => {}
                },
                '\'' if close == Some('}') => self.literal(word)?,
                '"' if close == Some('}') => self.nested(|r| r.expanding(word, Some('"')))?,
                _ => {
                    brackets += usize::from(c == '(' && close == Some(')'));
                    brackets -= usize::from(c == ')' && close == Some(')'));
                    word.text.push(c);
                }
            }
        }
        if close.is_some() {
            return Err(Unreadable("a quote or bracket is not closed"));
        }
        Ok(())
    }

    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Result<(), Unreadable> {
        if self.eat("$((") {
            word.live("$()");
            let mut sum = Word::default();
            self.nested(|r| r.expanding(&mut sum, Some(')')))?;
            word.inner.append(&mut sum.inner);
            self.eat(")");
        } else if self.eat("$(") {
            word.live("$()");
            let inner = self.list(Some(')'))?;
            word.inner.extend(inner);
        } else if self.eat("${") {
            word.live("${");
            self.nested(|r| r.expanding(word, Some('}')))?;
            word.text.push('}');
        } else if !quoted && self.eat("$'") {
            self.escaped(word)?;
        } else if !quoted && self.eat("$\"") {
            self.expanding(word, Some('"'))?;
        } else {
            self.at += 1;
            word.live("$");
        }
        Ok(())
    }

    fn backticks(&mut self, word: &mut Word) -> Result<(), Unreadable> {
        self.at += 1;
        let mut script = String::new();
        loop {
            match self.next() {
                None => return Err(Unreadable("a backtick is not closed")),
                Some('`') => break,
                Some('\\') if matches!(self.peek(0), Some('`' | '\\' | '$')) => {
                    script.extend(self.next());
                }
                Some(c) => script.push(c),
            }
        }
        word.live("$()");
        let inner = self.within(&script, |inner| inner.list(None))?;
        word.inner.extend(inner);
        Ok(())
    }

    /// The body of `$'…'`, whose escapes can spell any command.
    fn escaped(&mut self, word: &mut Word) -> Result<(), Unreadable> {
        loop {
            match self.next() {
                None => return Err(Unreadable("a quote is not closed")),
                Some('\'') => return Ok(()),
                Some('\\') => match self.next() {
                    Some('x') => self.number(16, 2, word),
                    Some('u') => self.number(16, 4, word),
                    Some('U') => self.number(16, 8, word),
                    Some('0'..='7') => {
                        self.at -= 1;
                        self.number(8, 3, word);
                    }
                    Some('n' | 't' | 'r' | 'v' | 'f') => word.text.push(' '),
                    other => word.text.extend(other),
                },
                Some(c) => word.text.push(c),
            }
        }
    }

    fn number(&mut self, radix: u32, most: usize, word: &mut Word) {
        let rest = self.chars.iter().skip(self.at).take(most);
        let digits: String = rest.take_while(|c| c.is_digit(radix)).collect();
        self.at += digits.len();
        let code = u32::from_str_radix(&digits, radix).ok();
        word.text.extend(code.and_then(char::from_u32));
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Unreadable("expansions are nested too deeply"));
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Reads `text` as a part of this line.
    fn within<T>(
        &mut self,
        text: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        let chars = mem::replace(&mut self.chars, text.chars().collect());
        let at = mem::take(&mut self.at);
        let result = read(self)?;
        self.chars = chars;
        self.at = at;
        Ok(result)
    }
}
