//! Set-up, demo and tests of the project: `cargo xtask <command>`.

mod report;
mod setup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set-up, demo and tests of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Finds, or makes, the compiler that builds the capsules.
    Setup(setup::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup(options) => setup::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
