//! Finds what a tool call would run.

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, SeqAccess, Visitor},
};

use crate::{program, shell::Word};

/// Fields that hold a command, whatever the tool.
const COMMANDS: &[&str] = &["command", "cmd"];

/// A JSON value. An object keeps every entry, also those of one name: readers
/// differ in which of them counts.
#[derive(Debug)]
pub(crate) enum Field {
    Null,
    Text(String),
    List(Vec<Field>),
    Object(Vec<(String, Field)>),
    /// A number or a truth value.
    Other,
}

/// Something that a tool would run.
#[derive(Debug)]
pub(crate) enum Run {
    /// A command line for a shell.
    Line(String),
    /// A program and its arguments.
    Program(Vec<Word>),
}

/// What a tool call would run, as far as it can be read.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Tools whose arguments are command lines.
    pub(crate) shells: &'a [String],
    /// Fields of such tools that are none.
    pub(crate) ignored: &'a [String],
    pub(crate) runs: Vec<Run>,
    /// What could not be read.
    pub(crate) problem: Option<String>,
}

// === impl Field ===

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(Field::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Field::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Field::Object(entries))
            }
        }

        deserializer.deserialize_any(Fields)
    }
}

impl Field {
    /// Its entries of this name, in capitals or not.
    fn named(&self, name: &str) -> impl Iterator<Item = &Field> {
        let entries = match self {
            Self::Object(entries) => entries.as_slice(),
            _ => &[],
        };
        let named = move |entry: &&(String, Field)| entry.0.eq_ignore_ascii_case(name);
        entries.iter().filter(named).map(|entry| &entry.1)
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

// === impl Call ===

impl Call<'_> {
    /// Reads the payload of an event.
    pub(crate) fn read(&mut self, call: &Field) {
        let commands = call.named("command").filter(|c| !matches!(c, Field::Null));
        let tools = call.named("tool").filter_map(Field::text);
        if commands.count() + tools.count() == 0 {
            self.unreadable("a tool call needs `command`, or `tool` and `args`");
        }
        self.value(call);
    }

    /// Any value; calls may hold other calls.
    fn value(&mut self, value: &Field) {
        match value {
            Field::List(items) => items.iter().for_each(|item| self.value(item)),
            Field::Object(entries) => {
                let tools: Vec<&str> = value.named("tool").filter_map(Field::text).collect();
                let is_shell = tools.iter().any(|tool| self.is_shell(tool));
                let before = self.runs.len();
                if is_shell {
                    self.strings(entries);
                }
                if let Some(tool) = tools.first() {
                    self.tool(tool, value);
                }
                if is_shell && self.runs.len() == before {
                    self.unreadable("the call of a shell has no command");
                }
                if tools.len() > 1 {
                    self.unreadable("a tool call names two tools");
                }
                for (name, field) in entries.iter().filter(|_| !is_shell) {
                    if COMMANDS
                        .iter()
                        .any(|known| name.eq_ignore_ascii_case(known))
                    {
                        self.command(field);
                    } else {
                        self.value(field);
                    }
                }
            }
            _ => {}
        }
    }

    /// A command line, or a program and its arguments.
    fn command(&mut self, command: &Field) {
        match command {
            Field::Null => {}
            Field::Text(line) => self.runs.push(Run::Line(line.clone())),
            Field::List(words) => self.program(None, words),
            Field::Object(entries) => self.strings(entries),
            Field::Other => self.unreadable("a command is neither a text nor a list of texts"),
        }
    }

    /// The tool as a program, with its arguments.
    fn tool(&mut self, tool: &str, call: &Field) {
        let mut is_alone = !self.is_shell(tool);
        let mut names = vec![tool.trim(), base(tool)];
        names.dedup();
        for args in call
            .named("args")
            .filter(|args| !matches!(args, Field::Null))
        {
            is_alone = false;
            for name in &names {
                match args {
                    Field::Text(args) => self.runs.push(Run::Line(format!("{name} {args}"))),
                    Field::List(args) => self.program(Some(name), args),
                    Field::Object(_) => {}
                    _ => self.unreadable(&format!("`args` of `{tool}` cannot be read")),
                }
            }
        }
        for name in names.iter().filter(|_| is_alone) {
            self.program(Some(name), &[]);
        }
    }

    fn program(&mut self, name: Option<&str>, args: &[Field]) {
        let args: Option<Vec<&str>> = args.iter().map(Field::text).collect();
        let Some(args) = args else {
            return self.unreadable("an argument of a command is no text");
        };
        let words = name.into_iter().chain(args).map(Word::plain);
        self.runs.push(Run::Program(words.collect()));
    }

    /// Everything in the call of a shell, whose fields nobody knows.
    fn strings(&mut self, entries: &[(String, Field)]) {
        for (name, field) in entries {
            let is = |known: &String| name.eq_ignore_ascii_case(known);
            if !name.eq_ignore_ascii_case("tool") && !self.ignored.iter().any(is) {
                self.string(field);
            }
        }
    }

    /// Each text as a line, and a list also as a program, or one line in words.
    fn string(&mut self, value: &Field) {
        match value {
            Field::Text(line) => self.runs.push(Run::Line(line.clone())),
            Field::Object(entries) => self.strings(entries),
            Field::List(items) => {
                let texts: Vec<&str> = items.iter().filter_map(Field::text).collect();
                self.runs.push(Run::Line(texts.join(" ")));
                let words = texts.into_iter().map(Word::plain);
                self.runs.push(Run::Program(words.collect()));
                items.iter().for_each(|item| self.string(item));
            }
            Field::Null | Field::Other => {}
        }
    }

    fn is_shell(&self, tool: &str) -> bool {
        let is = |name: &str| {
            program::is_shell(&name.to_ascii_lowercase())
                || self
                    .shells
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(name))
        };
        is(tool.trim()) || is(base(tool))
    }

    /// The first problem is the one to report.
    fn unreadable(&mut self, problem: &str) {
        self.problem.get_or_insert_with(|| problem.to_owned());
    }
}

/// A tool's own name: `bash` of `/bin/bash`, `bash.exe`, `functions.bash` and
/// `mcp__box__bash`.
fn base(tool: &str) -> &str {
    let tool = tool.trim();
    let end = tool.len().saturating_sub(4);
    let tool = match tool.get(end..) {
        Some(ending) if ending.eq_ignore_ascii_case(".exe") => tool.get(..end).unwrap_or(tool),
        _ => tool,
    };
    let tool = tool.rsplit(['/', '\\', '.', ':']).next().unwrap_or(tool);
    tool.rsplit("__").next().unwrap_or(tool)
}
