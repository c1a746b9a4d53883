//! Denies destructive shell commands before an agent's tool runs them.
//!
//! 1. `call` finds the command lines in a tool call.
//! 2. `shell` finds the commands in a line.
//! 3. `guard` follows each through `sudo`, `sh -c`, `find -exec` and the like.
//! 4. `rule` says which of them break a rule of `rules.json` or the manifest.
//!
//! What it cannot read it denies, and with that some good shell: `case`,
//! `((…))`, arrays, `$'…'`, and scripts that a shell reads from its input. It
//! stops accidents and clumsy attacks; whoever wants to fool it can, and a
//! tool needs a sandbox all the same. Out of scope:
//!
//! - what variables hold: `X=/; rm -rf $X`, `$X/y`, `sh -c 'rm -rf $1' _ /`;
//! - what a line changes first: `cd /`, links, aliases, `BASH_ENV`;
//! - scripts in files, and in other languages: `python -c`, `awk`, `make`;
//! - values in options, as in `cp --target-directory=/etc`, `su -c'…'`, `env
//!   -S'…'`, `git -c core.pager=…`;
//! - calls of tools that are no shells and have no `command` or `cmd`; fields
//!   beside `command` and `args`; calls in calls; the same field twice in `args`.

mod call;
mod guard;
mod rule;
mod shell;

#[cfg(test)]
mod tests;

use capsule_sdk::prelude::*;

use crate::{
    call::{Call, Run},
    rule::Rules,
    shell::Command,
};

/// The guard. It keeps nothing from one event to the next.
#[derive(Debug)]
pub struct ToolGuard {
    rules: Rules,
}

#[capsule]
impl ToolGuard {
    fn new(config: &Config) -> Result<Self> {
        let mut rules = Rules::built_in()?;
        rules.extend(config.parse()?);
        Ok(Self { rules })
    }

    #[action]
    fn check(&self, Json(call): Json<Call>) -> Result<Verdict> {
        let runs = call.runs(&self.rules).map_err(Error::msg)?;
        for run in &runs {
            let judged = match run {
                Run::Line(line) => self.rules.line(line, 0, false),
                Run::Program(words) => self.rules.command(words, &Command::default(), 0),
            };
            if let Err(reason) = judged {
                return Ok(Verdict::deny(reason));
            }
        }
        Ok(if runs.is_empty() {
            Verdict::skip()
        } else {
            Verdict::unchanged()
        })
    }
}
