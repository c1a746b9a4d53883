//! Puts the heart of the capsule host under load, and prints what was claimed
//! and what was seen.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use capsule_stress::{Findings, Length, Report, SCENARIOS, Scenario, measure_footprint};
use clap::{Parser, builder::PossibleValuesParser};

/// Puts the heart of the capsule host under load, and prints what was claimed
/// and what was seen. Fails if a claim does.
#[derive(Debug, Parser)]
#[command(name = "capsule-stress")]
struct Cli {
    /// Run only this scenario; may be given several times.
    #[arg(
        long = "scenario",
        value_name = "NAME",
        value_parser = PossibleValuesParser::new(SCENARIOS.map(|scenario| scenario.name)),
    )]
    scenarios: Vec<String>,
    /// A small load, as the tests use it.
    #[arg(long)]
    short: bool,
    /// What the scenario `footprint` has a process of its own do.
    #[arg(long, hide = true)]
    measure_footprint: bool,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("\n{failed} of the claims failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many claims failed.
fn run(cli: &Cli) -> Result<usize> {
    let length = match cli.short {
        true => Length::Short,
        false => Length::Full,
    };
    let mut out = io::stdout();
    if cli.measure_footprint {
        writeln!(out, "{}", measure_footprint(length)?)?;
        return Ok(0);
    }
    let mut report = Report::default();
    for scenario in SCENARIOS {
        if cli.wants(&scenario) {
            eprintln!("==> {}: {}", scenario.name, scenario.about);
            let (findings, took) = timed(&scenario, length)?;
            report.add(scenario.name, findings, took);
        }
    }
    writeln!(out, "\n{report}")?;
    Ok(report.failed())
}

fn timed(scenario: &Scenario, length: Length) -> Result<(Findings, Duration)> {
    let program = env::current_exe().context("cannot tell where this program is")?;
    #[expect(
        clippy::disallowed_types,
        reason = "tells a person how long a scenario took"
    )]
    let start = std::time::Instant::now();
    let findings = scenario
        .run(length, &program)
        .with_context(|| format!("scenario `{}`", scenario.name))?;
    Ok((findings, start.elapsed()))
}

// === impl Cli ===

impl Cli {
    fn wants(&self, scenario: &Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|name| name == scenario.name)
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
