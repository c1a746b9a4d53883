//! Reads words: quotes, escapes, expansions, substitutions.

use std::mem;

use super::{
    Unreadable, Word,
    reader::{MAX_DEPTH, Reader},
};

// === impl Reader ===

impl Reader {
    pub(super) fn word(&mut self) -> Result<Word, Unreadable> {
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
    pub(super) fn expanding(
        &mut self,
        word: &mut Word,
        close: Option<char>,
    ) -> Result<(), Unreadable> {
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
            if !self.eat(")") {
                return Err(Unreadable("`$((` begins no sum"));
            }
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
    pub(super) fn within<T>(
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
