//! Denies destructive shell commands before an agent's tool runs them.
//!
//! It finds every field of a call that may hold a command (`call`), reads a
//! command line as a shell does (`shell`), follows it through `sudo`, `sh -c`,
//! `find -exec` and the like (`guard`), and holds each command against rules
//! (`rules.json`, and more in the manifest). What it cannot read it denies.
//!
//! It stops accidents and clumsy attacks: whoever wants to fool it can, and a
//! tool needs a sandbox all the same. Out of scope:
//!
//! - scripts in files, and in other languages (`python -c`, `awk`, `make`), and
//!   what other programs start by an option (`git -c core.pager=…`);
//! - what a line changes first: `cd /`, links, `set -- /`, arrays, `printf -v`,
//!   `BASH_ENV`; an unknown variable counts as somebody's directory;
//! - flags that only the shell knows: `rm $(echo -rf) /`, and directories in
//!   long options: `cp --target-directory=/etc`;
//! - lists of files: `xargs -a list rm -rf`;
//! - calls of tools that are no shells and take a command apart into fields
//!   of their own (`{"path": "/", "recursive": true}`), and those of shells
//!   that put one together from several fields.

mod call;
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

use self::{
    call::{Call, Field, Run},
    guard::{Guard, Refusal},
    rule::Rule,
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
    /// Tools whose arguments are command lines, beside `sh` and its kin.
    shells: Vec<String>,
    /// Fields of such tools that are never run: `description`.
    ignored: Vec<String>,
}

/// The guard. It keeps nothing from one event to the next.
#[derive(Debug)]
pub struct ToolGuard {
    guard: Guard,
    shells: Vec<String>,
    ignored: Vec<String>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        let shells = ["shell", "terminal", "exec", "run_command"];
        Self {
            disabled: Vec::new(),
            rules: Vec::new(),
            protected: Vec::new(),
            shells: shells.map(str::to_owned).to_vec(),
            ignored: Vec::new(),
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
            ignored: settings.ignored,
        })
    }

    #[action]
    fn check(&mut self, Json(payload): Json<Field>) -> Result<Verdict> {
        let mut call = Call {
            shells: &self.shells,
            ignored: &self.ignored,
            runs: Vec::new(),
            problem: None,
        };
        call.read(&payload);
        for run in &call.runs {
            let judged = match run {
                Run::Line(line) => self.guard.line(line),
                Run::Program(words) => self.guard.program(words),
            };
            if let Err(Refusal { rule, piece }) = judged {
                return Ok(Verdict::deny(format!("{rule}: {piece}")));
            }
        }
        match call.problem {
            Some(problem) => Err(Error::msg(problem)),
            None if call.runs.is_empty() => Ok(Verdict::skip()),
            None => Ok(Verdict::unchanged()),
        }
    }
}
