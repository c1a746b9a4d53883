//! Judges a command line: reads it, follows it into other command lines, and
//! holds each command against the rules.

use std::rc::Rc;

use crate::{
    program::{self, base, joined},
    rule::Rule,
    shell::{self, Command, Word},
    variables::Variables,
};

/// Command lines in command lines are followed this deep.
const MAX_DEPTH: usize = 8;
/// Longer pipes are refused, in commands.
const MAX_PIPE: usize = 64;
/// Longer lines are refused unread, in bytes.
const MAX_LINE: usize = 64 * 1024;
/// How much of a command a reason shows, in characters.
const SHOWN: usize = 80;

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) rules: Vec<Rule>,
    /// Places like the built-in ones of `@protected`.
    pub(crate) protected: Vec<String>,
    /// Names of rules that do not count; those in this file have no `Rule`.
    pub(crate) disabled: Vec<String>,
}

/// Why a command may not run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) rule: String,
    pub(crate) piece: String,
}

type Judged = Result<(), Refusal>;

// === impl Guard ===

impl Guard {
    /// Judges a command line for a shell.
    pub(crate) fn line(&self, line: &str) -> Judged {
        self.nested(line, 0)
    }

    fn nested(&self, line: &str, depth: usize) -> Judged {
        self.script(line, &[], depth)
    }

    /// Judges a program with its arguments, which no shell will read.
    pub(crate) fn program(&self, words: &[Word]) -> Judged {
        self.call(&[], None, words, 0)
    }

    /// Judges a command line with the values of `$0`, `$1` and so on.
    fn script(&self, line: &str, given: &[Word], depth: usize) -> Judged {
        if depth > MAX_DEPTH || line.len() > MAX_LINE {
            return self.refuse("unreadable", "a command too long or too deep in others");
        }
        let commands = match shell::read(line) {
            Ok(commands) => commands,
            Err(error) => return self.refuse("unreadable", error.0),
        };
        let mut variables = Variables::new(given);
        for command in &commands {
            if sources(&commands, command).nth(MAX_PIPE).is_some() {
                self.refuse("unreadable", "a pipe too long")?;
            }
            for target in variables.expand(&command.writes) {
                self.rules(">", &[target])?;
            }
            // `coproc NAME { … }` is such a group, which was read as arguments.
            let opens = |word: &Word| word.text == "{" && !word.live.is_empty();
            if command.words.iter().any(opens) {
                self.refuse("unreadable", "a group amid a command")?;
            }
            let words = variables.expand(&command.words);
            variables.learn(&words);
            let words = program::skip_assignments(&words);
            self.call(&commands, Some(command), words, depth)?;
        }
        Ok(())
    }

    /// Judges one command and what it runs: `sudo sh -c "rm -rf /"` is three.
    fn call(
        &self,
        line: &[Command],
        command: Option<&Command>,
        words: &[Word],
        depth: usize,
    ) -> Judged {
        let Some((first, args)) = words.split_first() else {
            return Ok(());
        };
        // Where file names know no capitals, `RM` is `rm`.
        let name = base(&first.text).to_ascii_lowercase();
        let name = name.as_str();
        if is_computed(first) {
            return self.refuse("computed-program", &shown(words));
        }
        self.rules(name, args)?;
        let upstream = command.and_then(|c| line.get(c.piped_from?));
        if let Some(command) = command {
            self.forks(name, command, words)?;
            self.remote(line, command, name, args)?;
        }
        if let Some(rest) = program::wrapped(name, args) {
            let mut rest = rest.to_vec();
            if name == "xargs" {
                let given = upstream.into_iter().flat_map(|c| &c.words).skip(1);
                rest.extend(given.filter(|word| is_far(word)).cloned());
            }
            if matches!(name, "ssh" | "watch" | "parallel") {
                self.nested(&joined(&rest), depth + 1)?;
            } else if depth > MAX_DEPTH {
                return self.refuse("unreadable", "a command too deep in others");
            } else {
                self.call(line, command, &rest, depth + 1)?;
            }
        }
        if name == "find" {
            self.found(args, depth)?;
        }
        if matches!(name, "eval" | "trap") {
            self.nested(&joined(args), depth + 1)?;
        }
        if name == "alias" {
            for (_, meaning) in args.iter().filter_map(|word| word.text.split_once('=')) {
                self.nested(meaning, depth + 1)?;
            }
        }
        if name == "parallel" {
            for line in args.iter().skip_while(|word| word.text != ":::").skip(1) {
                self.nested(&line.text, depth + 1)?;
            }
        }
        for (i, script) in program::scripts(name, args).into_iter().enumerate() {
            // Any word behind the option may be the script; most are `$0`, `$1`.
            let is_script = |word: &Word| word.text == script;
            let at = (i == 0).then(|| args.iter().position(is_script)).flatten();
            let given = at.and_then(|at| args.get(at + 1..)).unwrap_or_default();
            self.script(script, given, depth + 1)?;
        }
        if program::is_shell(name) || matches!(name, "source" | "." | "parallel") {
            let inner = args.iter().flat_map(|word| &word.inner);
            let inner = inner.filter_map(|i| line.get(*i));
            let above = command.into_iter().flat_map(|c| sources(line, c));
            for source in command.into_iter().chain(above).chain(inner) {
                // A document of the line is with all its commands.
                let own = command.filter(|own| !std::ptr::eq(*own, source));
                let is_own = |input: &Rc<str>| {
                    own.is_some_and(|c| c.input.iter().any(|own| Rc::ptr_eq(own, input)))
                };
                for input in source.input.iter().filter(|input| !is_own(input)) {
                    self.nested(input, depth + 1)?;
                }
                if let Some((echo, said)) = source.words.split_first()
                    && matches!(base(&echo.text), "echo" | "printf")
                {
                    self.said(base(&echo.text), said, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// What `echo` and `printf` hand to a shell.
    fn said(&self, name: &str, words: &[Word], depth: usize) -> Judged {
        let words = program::after_options("", words);
        let text = joined(words);
        let is_spelled = |at: usize| {
            let next = text.get(at + 1..).and_then(|rest| rest.chars().next());
            next.is_some_and(|c| c.is_ascii_digit() || "xuU".contains(c))
        };
        if text.match_indices('\\').any(|(at, _)| is_spelled(at)) {
            self.refuse("computed-program", &text)?;
        }
        let lines = |text: &str| text.replace("\\n", "\n").replace("\\t", " ");
        self.nested(&lines(&text), depth)?;
        // Behind a format, whatever it makes of them.
        let values = words.get(1..).filter(|_| name == "printf");
        self.nested(&lines(&joined(values.unwrap_or_default())), depth)
    }

    fn rules(&self, name: &str, args: &[Word]) -> Judged {
        let broken = |rule: &&Rule| rule.matches(name, args, &self.protected);
        match self.rules.iter().find(broken) {
            Some(rule) => self.refuse(&rule.name, format!("{name} {}", shown(args)).trim_end()),
            None => Ok(()),
        }
    }

    /// A function that starts itself beside itself.
    fn forks(&self, name: &str, command: &Command, words: &[Word]) -> Judged {
        let is_itself = |function: &String| function.eq_ignore_ascii_case(name);
        if command.forks && command.function.as_ref().is_some_and(is_itself) {
            return self.refuse("fork-bomb", &format!("{name}() runs {}", shown(words)));
        }
        Ok(())
    }

    /// Code that nobody has read: `curl … | sh`, `sh -c "$(curl …)"`.
    fn remote(&self, line: &[Command], command: &Command, name: &str, args: &[Word]) -> Judged {
        let is_source = |c: &Command| {
            let words = program::skip_assignments(&c.words);
            words
                .iter()
                .take(2)
                .any(|word| program::is_source(base(&word.text)))
        };
        let mut above: Vec<&Command> = Vec::new();
        let reads_input = program::reads_program(name, args);
        if reads_input || program::is_interpreter(name) || matches!(name, "eval" | "source" | ".") {
            if reads_input {
                above.extend(sources(line, command));
            }
            let inner = args.iter().flat_map(|word| &word.inner);
            above.extend(inner.filter_map(|i| line.get(*i)));
        }
        match above.into_iter().find(|c| is_source(c)) {
            Some(source) => self.refuse(
                "remote-code",
                &format!("{} into {name}", shown(&source.words)),
            ),
            None => Ok(()),
        }
    }

    /// The commands of `find … -exec`, with the searched place for `{}`.
    fn found(&self, args: &[Word], depth: usize) -> Judged {
        let is_exec =
            |word: &Word| matches!(word.text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir");
        let mut rest = args;
        while let Some(at) = rest.iter().position(is_exec) {
            rest = rest.get(at + 1..).unwrap_or_default();
            let run = rest
                .iter()
                .take_while(|word| !matches!(word.text.as_str(), ";" | "+"));
            let place = program::after_options("find", args)
                .first()
                .filter(|word| is_far(word));
            let fill = |word: &Word| place.filter(|_| word.text == "{}").unwrap_or(word).clone();
            let mut run: Vec<Word> = run.map(fill).collect();
            // Its `rm` gets all that is in the place.
            if place.is_some() && run.first().is_some_and(|word| base(&word.text) == "rm") {
                run.insert(1, Word::plain("-r"));
            }
            self.call(&[], None, &run, depth + 1)?;
        }
        Ok(())
    }

    fn refuse(&self, rule: &str, piece: &str) -> Judged {
        if self.disabled.iter().any(|name| name == rule) {
            return Ok(());
        }
        Err(Refusal {
            rule: rule.to_owned(),
            piece: piece.chars().take(SHOWN).collect(),
        })
    }
}

/// The commands whose output `command` may read, the nearest first.
fn sources<'a>(line: &'a [Command], command: &Command) -> impl Iterator<Item = &'a Command> {
    let above = |c: &Command| c.piped_from.and_then(|i| line.get(i));
    std::iter::successors(above(command), move |c| above(c))
}

/// Whether only the shell knows which program it is. A variable may be the
/// first directory of a path: `$JAVA_HOME/bin/java`.
fn is_computed(word: &Word) -> bool {
    let directory = word.text.split('/').next().unwrap_or_default();
    let is_variable = directory.strip_prefix('$').is_some_and(|name| {
        let name = name.trim_start_matches('{').trim_end_matches('}');
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let known = if is_variable { directory.len() } else { 0 };
    let live = word.live.iter().any(|at| *at >= known);
    (live && !matches!(word.text.as_str(), "[" | "[["))
        || word.text == "{}"
        || (is_variable && base(&word.text).len() == word.text.len())
        || (is_variable && base(&word.text).is_empty())
}

/// A place of its own, and not one below the working directory.
fn is_far(word: &Word) -> bool {
    word.text.starts_with(['/', '~', '$'])
}

fn shown(words: &[Word]) -> String {
    joined(words.get(..words.len().min(SHOWN)).unwrap_or_default())
}
