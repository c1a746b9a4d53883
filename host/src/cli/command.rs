//! From arguments to the command that they name.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, error::ErrorKind};

use super::{
    args::{Cli, Command},
    build, check, explain, list, logs, new, run,
};

/// What a command that ran to its end says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// All is well.
    Well,
    /// It did what it was to do, and something of it was wrong and said so.
    WithFailures,
}

/// Reads the process's arguments and runs the command that they name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are what was asked for, the rest is wrong.
            // Nothing is left to be done if even this cannot be printed.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(2),
            };
        }
    };
    logs::init(&cli.logs);
    let done = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::List(args) => list::run(&args),
        Command::Build(args) => build::run(args),
        Command::New(args) => new::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "capsule", &mut script);
            io::stdout()
                .write_all(&script)
                .map(|()| Done::Well)
                .map_err(Into::into)
        }
    };
    match done {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::WithFailures) => ExitCode::FAILURE,
        Err(error) => {
            logs::failed(&error);
            ExitCode::FAILURE
        }
    }
}
