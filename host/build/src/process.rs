//! Runs the programs a build needs, and says which one failed and why.

use std::{
    ffi::OsStr,
    io,
    process::{Command, ExitStatus, Stdio},
};

/// How many of a failed program's last lines its error repeats.
const TAIL_LINES: usize = 20;

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot run `{command}`: {error}")]
    Start {
        /// The command line.
        command: String,
        /// Why the system refused.
        error: io::Error,
    },

    /// It ran and failed.
    #[error("`{command}` failed ({status}):\n{tail}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its standard error.
        tail: String,
    },
}

// === impl ProcessError ===

impl ProcessError {
    /// What went wrong in one line: the program's own word for it, if it said
    /// one in the manner of rustup, cargo or apt-get.
    pub(crate) fn headline(&self) -> String {
        let Self::Failed { tail, .. } = self else {
            return self.to_string();
        };
        let own = ["error: ", "E: "];
        tail.lines()
            .find_map(|line| own.iter().find_map(|prefix| line.strip_prefix(prefix)))
            .or_else(|| tail.lines().last())
            .map_or_else(|| self.to_string(), str::to_owned)
    }
}

/// Runs `command` without input and returns its standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String, ProcessError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ProcessError::Start {
            command: shown(command),
            error,
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ProcessError::Failed {
        command: shown(command),
        status: output.status,
        tail: tail(&String::from_utf8_lossy(&output.stderr)),
    })
}

/// The command line as a person would type it, without the environment.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program()];
    words.extend(command.get_args());
    let words: Vec<_> = words.into_iter().map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    let skipped = lines.len().saturating_sub(TAIL_LINES);
    let last: Vec<_> = lines.into_iter().skip(skipped).collect();
    last.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_repeats_the_last_lines_of_standard_error() {
        let mut command = Command::new("sh");
        command.args(["-c", "seq 1 30 >&2; exit 3"]);
        let Err(ProcessError::Failed { status, tail, .. }) = capture(&mut command) else {
            panic!("the command fails");
        };
        assert_eq!(status.code(), Some(3));
        let want: Vec<_> = (11..=30).map(|n| n.to_string()).collect();
        assert_eq!(tail, want.join("\n"));
    }

    #[test]
    fn the_headline_is_what_the_program_called_its_error() {
        let cases = [
            (
                "info: syncing\\nerror: no network\\nwarn: bye",
                "no network",
            ),
            (
                "Reading lists\\nE: Unable to locate package x",
                "Unable to locate package x",
            ),
            ("first\\nlast", "last"),
        ];
        for (stderr, want) in cases {
            let script = format!("printf '{stderr}' >&2; exit 1");
            let error = capture(Command::new("sh").args(["-c", &script])).unwrap_err();
            assert_eq!(error.headline(), want, "case: {stderr}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = capture(Command::new("no-such-program").arg("-v")).unwrap_err();
        insta::assert_snapshot!(error, @"cannot run `no-such-program -v`: No such file or directory (os error 2)");
    }
}
