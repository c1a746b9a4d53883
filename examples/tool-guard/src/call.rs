//! Finds what a tool call would run.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::rule::Rules;

/// Fields of `args` that run, whatever the tool.
const COMMANDS: [&str; 2] = ["command", "cmd"];

/// `{"command": "ls"}`, `{"tool": "git", "args": ["push"]}`, or
/// `{"tool": "shell", "args": {"command": "ls"}}`.
#[derive(Deserialize)]
pub(crate) struct Call {
    tool: Option<String>,
    command: Option<Run>,
    args: Option<Args>,
}

/// A line for a shell, or a program and its arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Run {
    Line(String),
    Program(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Args {
    Run(Run),
    Fields(BTreeMap<String, Value>),
}

// === impl Call ===

impl Call {
    /// Everything that the call would run: its `command`, and `args`, or what
    /// in them is one.
    pub(crate) fn runs(self, rules: &Rules) -> Result<Vec<Run>, String> {
        let tool = self.tool.as_deref().map(base).unwrap_or_default();
        let is_shell = tool.is_empty() || rules.shells.contains(&tool);
        let mut runs = Vec::from_iter(self.command);
        match self.args {
            Some(Args::Run(args)) => {
                runs.push(match &args {
                    Run::Line(args) => Run::Line(format!("{tool} {args}")),
                    Run::Program(args) => Run::Program([&[tool], args.as_slice()].concat()),
                });
                runs.extend(Some(args).filter(|_| is_shell));
            }
            Some(Args::Fields(fields)) => {
                let is_run = |name: &String| {
                    COMMANDS.contains(&name.as_str()) || is_shell && !rules.ignored.contains(name)
                };
                for (name, value) in fields.into_iter().filter(|(name, _)| is_run(name)) {
                    if matches!(value, Value::String(_) | Value::Array(_) | Value::Object(_)) {
                        let run = serde_json::from_value(value);
                        runs.push(run.map_err(|_| format!("`{name}` is no command"))?);
                    }
                }
            }
            None if is_shell && runs.is_empty() => {
                return Err("a tool call needs `command`, or `tool` and `args`".to_owned());
            }
            None => runs.push(Run::Program(vec![tool])),
        }
        Ok(runs)
    }
}

/// A tool's own name: `bash` of `/bin/Bash` and of `mcp__box__bash`.
fn base(tool: &str) -> String {
    let name = tool.rsplit(['/', '.', ':']).next().unwrap_or(tool);
    let name = name.rsplit("__").next().unwrap_or(name);
    name.trim().to_ascii_lowercase()
}
