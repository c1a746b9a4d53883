//! Denies destructive shell commands before an agent's tool runs them.
//!
//! It reads a command line as a shell does (`shell`), follows it through
//! `sudo`, `sh -c`, `find -exec` and the like (`guard`), and holds each
//! command against rules (`rules.json`, and more in the manifest). What it
//! cannot read it denies. It stops accidents and clumsy attacks: it does not
//! follow `cd`, nor read scripts in files or in other languages, so whoever
//! wants to fool it can, and a tool needs a sandbox all the same.

mod guard;
mod place;
mod program;
mod rule;
mod shell;
mod variables;

#[cfg(test)]
mod tests;

use capsule_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};

use self::{
    guard::{Guard, Refusal},
    rule::Rule,
    shell::Word,
};

/// Refusals that are no `Rule`, and can be disabled like one.
const OTHER_RULES: &[&str] = &["unreadable", "computed-program", "remote-code", "fork-bomb"];

/// The manifest's `[config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Rules that do not count, by name.
    disabled: Vec<String>,
    /// Rules beside the built-in ones.
    rules: Vec<Rule>,
    /// Places that are not to be deleted as a whole: `/srv/data`, each child
    /// of a directory (`/srv/*`), or a whole tree (`/srv/data/**`).
    protected: Vec<String>,
    /// Tools whose arguments are a command line.
    shells: Vec<String>,
}

/// The guard. It keeps nothing from one event to the next.
#[derive(Debug)]
pub struct ToolGuard {
    guard: Guard,
    shells: Vec<String>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        let shells = ["shell", "bash", "sh", "terminal", "exec", "run_command"];
        Self {
            disabled: Vec::new(),
            rules: Vec::new(),
            protected: Vec::new(),
            shells: shells.map(str::to_owned).to_vec(),
        }
    }
}

// === impl ToolGuard ===

#[capsule]
impl ToolGuard {
    fn new(config: &Config) -> Result<Self> {
        let settings: Settings = config.parse()?;
        let mut rules = Rule::built_in()?;
        rules.extend(settings.rules);
        for rule in &rules {
            rule.validate()
                .map_err(|why| Error::msg(format!("[config] rules: `{}`: {why}", rule.name)))?;
        }
        for name in &settings.disabled {
            let known = |known: &str| known == name;
            if !rules.iter().any(|r| known(&r.name)) && !OTHER_RULES.iter().any(|r| known(r)) {
                return Err(Error::msg(format!(
                    "[config] disabled: there is no rule `{name}`"
                )));
            }
        }
        rules.retain(|rule| !settings.disabled.contains(&rule.name));
        Ok(Self {
            guard: Guard {
                rules,
                protected: settings.protected,
                disabled: settings.disabled,
            },
            shells: settings.shells,
        })
    }

    #[action]
    fn check(&mut self, Json(call): Json<Map<String, Value>>) -> Result<Verdict> {
        let judged = match (call.get("command"), call.get("tool"), call.get("args")) {
            (Some(command), ..) => self.command(command)?,
            (None, Some(Value::String(tool)), args) => self.tool(tool, args)?,
            _ => {
                return Err(Error::msg(
                    "a tool call needs `command`, or `tool` and `args`",
                ));
            }
        };
        Ok(match judged {
            None => Verdict::skip(),
            Some(Ok(())) => Verdict::unchanged(),
            Some(Err(Refusal { rule, piece })) => Verdict::deny(format!("{rule}: {piece}")),
        })
    }
}

impl ToolGuard {
    /// A command line, or a program and its arguments.
    fn command(&self, command: &Value) -> Result<Option<Result<(), Refusal>>> {
        Ok(Some(match command {
            Value::String(line) => self.guard.line(line),
            Value::Array(words) => self.guard.program(&argv(words)?),
            _ => {
                return Err(Error::msg(
                    "`command` is neither a text nor a list of texts",
                ));
            }
        }))
    }

    /// The call of a named tool; `None` if it runs no command.
    fn tool(&self, tool: &str, args: Option<&Value>) -> Result<Option<Result<(), Refusal>>> {
        let is_shell = self.shells.iter().any(|name| name == tool);
        match args {
            Some(Value::Object(args)) => match args.get("command").or_else(|| args.get("cmd")) {
                Some(command) => self.command(command),
                None if is_shell => Err(Error::msg(format!("`args` of `{tool}` has no `command`"))),
                None => Ok(None),
            },
            Some(args) if is_shell => self.command(args),
            Some(Value::Array(args)) => {
                let mut words = vec![Word::plain(tool)];
                words.extend(argv(args)?);
                Ok(Some(self.guard.program(&words)))
            }
            Some(Value::String(args)) => Ok(Some(self.guard.line(&format!("{tool} {args}")))),
            None | Some(Value::Null) if !is_shell => {
                Ok(Some(self.guard.program(&[Word::plain(tool)])))
            }
            _ => Err(Error::msg(format!("`args` of `{tool}` cannot be read"))),
        }
    }
}

fn argv(words: &[Value]) -> Result<Vec<Word>> {
    let word = |word: &Value| word.as_str().map(Word::plain);
    let words: Option<Vec<Word>> = words.iter().map(word).collect();
    words.ok_or_else(|| Error::msg("an argument of the command is no text"))
}
