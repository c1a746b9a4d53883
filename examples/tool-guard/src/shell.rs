//! Finds the commands in a command line, read as bash does, also those in
//! substitutions, groups and loops. It expands nothing, keeps no tree, and
//! refuses whatever could hide a command.

use std::mem;

/// Substitutions are followed this deep.
const MAX_DEPTH: usize = 16;
const UNCLOSED: &str = "a quote or bracket is not closed";
/// Longer ones come before their beginnings.
const OPERATORS: [&str; 7] = ["&&", "||", "|&", "\n", ";", "&", "|"];
const WORD_ENDS: [char; 10] = [' ', '\t', '\n', ';', '&', '|', '(', ')', '<', '>'];
/// What may stand where a command begins; of most it is enough that one follows.
const KEYWORDS: &str =
    " { } if then elif else fi while until do done ! for case coproc function select ";

/// One command, from its first word to its operator.
#[derive(Debug, Default)]
pub(crate) struct Command {
    /// Without quotes; expansions stay as they are written, backticks as `$(…)`.
    pub(crate) words: Vec<String>,
    /// Files that it writes by redirection.
    pub(crate) writes: Vec<String>,
    /// It has a file or a here-document to read.
    pub(crate) is_fed: bool,
    /// There is a pipe before it, from which it may read.
    pub(crate) is_piped: bool,
}

/// What was read, or why it cannot be.
type Read<T> = Result<T, &'static str>;

#[derive(Default)]
struct Reader<'a> {
    rest: &'a str,
    depth: usize,
    is_piped: bool,
    commands: Vec<Command>,
    command: Command,
    /// The last lines of here-documents, and whether they were quoted.
    documents: Vec<(&'a str, bool)>,
}

/// Every command in `line`, which stands in `depth` substitutions.
pub(crate) fn read(line: &str, depth: usize, is_piped: bool) -> Read<Vec<Command>> {
    if depth > MAX_DEPTH {
        return Err("substitutions are nested too deeply");
    }
    let mut reader = Reader {
        rest: line,
        depth,
        is_piped,
        ..Reader::default()
    };
    reader.list()?;
    Ok(reader.commands)
}

pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&format!(" {word} "))
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn is_at(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.rest.starts_with(text))
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn until(&mut self, end: &str) -> Read<&'a str> {
        let (text, rest) = self.rest.split_once(end).ok_or(UNCLOSED)?;
        self.rest = rest;
        Ok(text)
    }

    fn blanks(&mut self) {
        while self.eat(" ") || self.eat("\t") || self.eat("\\\n") {}
    }

    fn list(&mut self) -> Read<()> {
        let mut open = 0_usize;
        loop {
            self.blanks();
            if self.rest.is_empty() {
                self.end();
                let is_whole = open == 0 && self.documents.is_empty();
                return is_whole.then_some(()).ok_or(UNCLOSED);
            } else if self.is_at(&["#"]) {
                // In a substitution it may hide the bracket that closes that.
                let all = (self.depth == 0).then_some(self.rest.len());
                let end = self.rest.find('\n').or(all).ok_or(UNCLOSED)?;
                self.rest = self.rest.split_at(end).1;
            } else if self.is_at(&["&>", "<", ">"]) && !self.is_at(&["<(", ">("]) {
                self.redirection()?;
            } else if let Some(operator) = OPERATORS.iter().find(|operator| self.eat(operator)) {
                self.end();
                self.is_piped |= *operator == "|" || *operator == "|&";
                if *operator == "\n" {
                    self.documents()?;
                }
            } else if self.eat("(") {
                self.blanks();
                match self.command.words.len() {
                    1 if self.eat(")") => self.command.words.clear(),
                    // Sums in bash are groups in other shells.
                    0 if !self.is_at(&["("]) => open += 1,
                    _ => return Err("a bracket amid a command"),
                }
            } else if self.eat(")") {
                self.end();
                open = open.checked_sub(1).ok_or("a bracket closes nothing")?;
            } else {
                self.command_word()?;
            }
        }
    }

    fn end(&mut self) {
        let mut command = mem::take(&mut self.command);
        if !command.words.is_empty() || !command.writes.is_empty() {
            command.is_piped = self.is_piped;
            self.commands.push(command);
        }
    }

    fn command_word(&mut self) -> Read<()> {
        let word = self.word()?;
        let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        match word.as_str() {
            _ if is_number && self.is_at(&["<", ">"]) => {}
            _ if !self.command.words.is_empty() => self.command.words.push(word),
            "case" | "coproc" | "function" | "select" => {
                return Err("`case`, `coproc`, `function` and `select` are not read");
            }
            "for" => {
                self.blanks();
                self.word()?;
            }
            keyword if is_keyword(keyword) => {}
            _ => self.command.words.push(word),
        }
        Ok(())
    }

    fn redirection(&mut self) -> Read<()> {
        let is_document = !self.is_at(&["<<<"]) && self.eat("<<");
        let is_write = !is_document && (!self.is_at(&["<"]) || self.is_at(&["<>"]));
        while !is_document && ["<", ">", "&", "|"].iter().any(|sign| self.eat(sign)) {}
        self.blanks();
        let start = self.rest;
        let word = self.word()?;
        let written = start.strip_suffix(self.rest).unwrap_or_default();
        let name = written.trim_matches(['\'', '"']);
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        // Other documents, and sums like `a[1<<2]=x`, could hide the next lines.
        let is_sum = self.command.words.iter().any(|word| word.contains('['));
        if written.is_empty() || is_document && (!is_name || is_sum) {
            return Err("an unusual redirection");
        } else if is_document {
            self.documents.push((name, written != name));
        } else if is_write {
            self.command.writes.push(word);
        }
        self.command.is_fed |= !is_write;
        Ok(())
    }

    /// Skips the bodies of here-documents that the last line announced.
    fn documents(&mut self) -> Read<()> {
        for (end, is_quoted) in mem::take(&mut self.documents) {
            let lines = self.rest.split_inclusive('\n');
            let body = lines.take_while(|line| line.trim_end_matches('\n') != end);
            let (body, rest) = self.rest.split_at(body.map(str::len).sum());
            if !is_quoted && (body.contains(['`', '\\']) || body.contains("$(")) {
                return Err("more than text in a here-document without quotes");
            }
            self.rest = rest.strip_prefix(end).ok_or(UNCLOSED)?;
        }
        Ok(())
    }

    fn word(&mut self) -> Read<String> {
        let (mut word, mut is_quoted) = (String::new(), false);
        loop {
            if self.eat("\"") {
                is_quoted = !is_quoted;
            } else if self.is_at(&["$", "`"]) || !is_quoted && self.is_at(&["<(", ">("]) {
                word.push_str(&self.expansion(is_quoted)?);
            } else if !is_quoted && (self.rest.is_empty() || self.rest.starts_with(WORD_ENDS)) {
                return Ok(word);
            } else if !is_quoted && self.eat("'") {
                word.push_str(self.until("'")?);
            } else if !self.eat("\\\n") {
                if self.eat("\\") && is_quoted && !self.is_at(&["$", "`", "\"", "\\"]) {
                    word.push('\\');
                }
                let c = self.rest.chars().next().ok_or(UNCLOSED)?;
                self.rest = self.rest.split_at(c.len_utf8()).1;
                word.push(c);
            }
        }
    }

    /// `$…`, backticks and `<(…)`, as they are written.
    fn expansion(&mut self, is_quoted: bool) -> Read<String> {
        let start = self.rest;
        let is_sum = self.eat("$((");
        if is_sum || self.eat("${") {
            let inside = self.until(if is_sum { "))" } else { "}" })?;
            if inside.contains(['\'', '"', '`', '\\', '(', ')', ';', '\n']) {
                return Err("more than names and signs in an expansion");
            }
        } else if self.eat("`") {
            let script = self.until("`")?;
            let is_plain = !script.contains('\\');
            let inner = read(script, self.depth + 1, self.is_piped)?;
            self.commands.extend(inner);
            return is_plain
                .then(|| format!("$({script})"))
                .ok_or("a backslash in backticks");
        } else if self.eat("$(") || self.eat("<(") || self.eat(">(") {
            // A quoted bracket misleads, but then leaves a quote or bracket open.
            let mut open = 1;
            let end = self.rest.find(|c| {
                open += i32::from(c == '(') - i32::from(c == ')');
                open == 0
            });
            let (script, rest) = self.rest.split_at(end.ok_or(UNCLOSED)?);
            let inner = read(script, self.depth + 1, self.is_piped)?;
            self.commands.extend(inner);
            self.rest = rest.strip_prefix(')').unwrap_or(rest);
        } else if self.eat("$") && !is_quoted && self.is_at(&["'"]) {
            return Err("`$'…'` is not read");
        }
        Ok(start.strip_suffix(self.rest).unwrap_or_default().to_owned())
    }
}
