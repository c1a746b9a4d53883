//! Set-up, demo and tests of the project: `cargo xtask <command>`.

mod bench;
mod capsules;
mod counts;
mod demo;
mod features;
mod newborn;
mod report;
mod setup;
mod stress;
mod test;
mod workspace;

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
    /// Find, or make, the compiler that builds the capsules.
    Setup(setup::Options),
    /// Build the example capsules into `target/capsules`.
    Capsules(setup::Options),
    /// Run the example capsules over real events.
    Demo(setup::Options),
    /// Put the host's core under load, and say what it claims and what is seen.
    Stress(stress::Options),
    /// Measure the host, and say which figures it reaches.
    Bench(bench::Options),
    /// Count what one event costs in instructions and allocations, and compare
    /// with what it cost before.
    Counts(counts::Options),
    /// Check and test everything.
    Test(test::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup(options) => setup::run(&options),
        Command::Capsules(options) => capsules::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Stress(options) => stress::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Counts(options) => counts::run(&options),
        Command::Test(options) => test::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
