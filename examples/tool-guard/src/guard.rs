//! Follows a command into those that it runs, and holds each against the rules.

use crate::{
    rule::{Rules, is_flag, is_option},
    shell::{self, Command},
};

/// Commands in commands are followed this deep.
const MAX_DEPTH: usize = 8;
/// Longer lines are refused unread, in bytes.
const MAX_LINE: usize = 64 * 1024;
/// How much of a command a reason shows, in characters.
const SHOWN: usize = 80;
/// Programs that run commands from `-c`, a file, or their input.
const SHELLS: [&str; 8] = ["sh", "bash", "zsh", "dash", "ksh", "fish", "source", "."];
/// Their options with a value.
const SHELL_VALUES: &str = "o O rcfile init-file";
/// Programs that run another language, also from a here-document.
const INTERPRETERS: [&str; 5] = ["python", "perl", "ruby", "node", "php"];

/// `Err` is the reason to refuse: the rule's name, and what breaks it.
type Judged = Result<(), String>;

impl Rules {
    /// Judges a line for a shell, `depth` commands deep, behind a pipe or not.
    pub(crate) fn line(&self, line: &str, depth: usize, is_piped: bool) -> Judged {
        if depth > MAX_DEPTH || line.len() > MAX_LINE {
            return self.refuse("unreadable", "a command too long or too deep in others");
        }
        let mut commands = match shell::read(line, 0, is_piped) {
            Ok(commands) => commands,
            Err(why) => return self.refuse("unreadable", why),
        };
        let mut before: Vec<String> = Vec::new();
        for command in &mut commands {
            self.hold(">", &command.writes)?;
            if command.is_piped && command.words == before && line.contains("()") {
                self.refuse("fork-bomb", line)?;
            }
            if command.is_piped && command.words.iter().any(|word| word.ends_with("xargs")) {
                command.words.extend(handed_on(&before));
            }
            self.command(&command.words, command, depth)?;
            before = command.words.clone();
        }
        Ok(())
    }

    /// Judges a program with its arguments, and what it runs: `sudo sh -c "rm
    /// -rf /"` is three. `of` says what it reads.
    pub(crate) fn command(&self, words: &[String], of: &Command, depth: usize) -> Judged {
        let is_value = |word: &&String| is_assignment(word);
        let words = words.split_at(words.iter().take_while(is_value).count()).1;
        let [program, args @ ..] = words else {
            return Ok(());
        };
        let (shown, reads) = (words.join(" "), of.is_piped || of.is_fed);
        if is_computed(program) {
            return self.refuse("computed-program", &shown);
        } else if shell::is_keyword(program) {
            // As in `time if …`.
            return self.refuse("unreadable", &shown);
        } else if depth > MAX_DEPTH || program.contains([' ', '\n', ';', '&', '|']) {
            return self.line(&shown, depth + 1, reads);
        }
        // Where file names know no capitals, `RM` is `rm`.
        let name = program.to_ascii_lowercase();
        let name = name.rsplit('/').next().unwrap_or(&name);
        self.hold(name, args)?;
        let is_shell = SHELLS.contains(&name);
        if is_shell || INTERPRETERS.iter().any(|known| name.starts_with(known)) {
            let script = after_options(SHELL_VALUES, args).first();
            let is_input = script.is_none_or(|script| script == "-" || script == "/dev/stdin")
                || is_shell && args.iter().any(|arg| is_flag(arg, "s"));
            let is_unread = of.is_fed && is_shell || of.is_piped && !of.is_fed;
            if is_input && is_unread || args.iter().any(|arg| arg.starts_with("<(")) {
                self.refuse("unread-code", &shown)?;
            }
        }
        let is_c = |arg: &String| is_flag(arg, "c") || is_flag(arg, "command");
        if (is_shell || matches!(name, "su" | "script" | "flock"))
            && let Some(at) = args.iter().position(is_c)
        {
            match after_options(SHELL_VALUES, args.split_at(at + 1).1) {
                [script, ..] => self.line(script, depth + 1, reads)?,
                // As in `xargs sh -c`.
                [] => self.refuse("computed-program", &shown)?,
            }
        }
        if let Some(wrapper) = self.wrappers.get(name) {
            let rest = after_options(&wrapper.values, args);
            let rest = rest.get(wrapper.operands..).unwrap_or_default();
            match wrapper.joins {
                true => self.line(&rest.join(" "), depth + 1, reads)?,
                false => self.command(rest, of, depth + 1)?,
            }
        }
        if name == "find" {
            let is_exec = |arg: &String| arg.starts_with("-exec") || arg.starts_with("-ok");
            let mut parts = args.split(is_exec);
            let places = handed_on(parts.next().unwrap_or_default());
            for run in parts {
                let run = run.split(|arg| arg == ";" || arg == "+").next();
                let run = [run.unwrap_or_default(), &places].concat();
                self.command(&run, of, depth + 1)?;
            }
        }
        Ok(())
    }

    fn hold(&self, name: &str, args: &[String]) -> Judged {
        let Some(rule) = self.broken(name, args) else {
            return Ok(());
        };
        self.refuse(&rule.name, &format!("{name} {}", args.join(" ")))
    }

    fn refuse(&self, rule: &str, what: &str) -> Judged {
        let is_disabled = self.disabled.iter().any(|name| name == rule);
        let what: String = what.trim_end().chars().take(SHOWN).collect();
        is_disabled.then_some(()).ok_or(format!("{rule}: {what}"))
    }
}

/// Arguments from the first one on that is neither an option nor the value of
/// one of `values`: `-u root`, not `-uroot`.
fn after_options<'a>(values: &str, mut args: &'a [String]) -> &'a [String] {
    while let [option, rest @ ..] = args
        && is_option(option)
    {
        let is_value = |known: &str| match option.strip_prefix("--") {
            Some(long) => long == known,
            None => known.len() == 1 && option.ends_with(known),
        };
        let values = usize::from(values.split(' ').any(is_value));
        args = rest.get(values..).unwrap_or_default();
    }
    args
}

/// What `find / …` gives to the command that runs for all that it finds: the
/// places that it names, unless they are below the working directory.
fn handed_on(words: &[String]) -> Vec<String> {
    let is_far = |word: &&String| word.starts_with(['/', '~']) || word.starts_with("$HOME");
    let mut places: Vec<String> = words.iter().filter(is_far).cloned().collect();
    places.extend((!places.is_empty()).then(|| "--recursive".to_owned()));
    places
}

/// `NAME=value` before a command.
fn is_assignment(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_+[]".contains(c);
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(is_plain)
}

/// Whether only the shell knows which program it is. A variable may be the
/// first directory of a path: `$JAVA_HOME/bin/java`.
fn is_computed(program: &str) -> bool {
    let known = match program.split_once('/') {
        Some((start, rest)) if start.starts_with('$') && !rest.is_empty() => rest,
        _ => program,
    };
    program != "[" && program != "[[" && known.contains(['$', '(', ')', '*', '?', '[', '{', '}'])
}
