//! Measures what people use instead of the host, beside it.

mod extism;
mod lua;
mod peers;
mod process;
mod rhai;

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use capsule_bench::{Bench, Length, Report, machine::Stopwatch, report};
use clap::Parser;

/// Measures what people use instead of the host, beside it, in one process.
/// Every one of them is given the payload, looks at its first byte and says
/// that it may pass.
#[derive(Debug, Parser)]
#[command(name = "capsule-peers")]
struct Cli {
    /// Less than a minute, and rough.
    #[arg(long)]
    quick: bool,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = "target/bench-peers")]
    out: PathBuf,
    /// Where the capsules that are measured are, built.
    #[arg(long, value_name = "DIR", default_value = "target/bench-capsules")]
    guests: PathBuf,
    /// The plugin that Extism runs, built.
    #[arg(long, value_name = "FILE", required_unless_present = "child")]
    plugin: Option<PathBuf>,
    /// What the long-lived child does.
    #[arg(long, hide = true)]
    child: bool,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    if cli.child {
        return Ok(process::answer(io::stdin().lock(), io::stdout().lock())?);
    }
    let work = tempfile::tempdir().context("no directory to work in")?;
    let program = env::current_exe().context("cannot tell where this program is")?;
    let bench = Bench {
        length: if cli.quick {
            Length::Quick
        } else {
            Length::Full
        },
        examples: cli.guests.clone(),
        guests: cli.guests,
        host: program.clone(),
        program,
        work: work.path().to_owned(),
    };
    let plugin = cli.plugin.unwrap_or_default();
    let watch = Stopwatch::start();
    let findings = peers::run(&bench, &plugin)?;
    let mut measured = Report::new(bench.length);
    measured.add("peers", peers::ABOUT, watch.elapsed(), findings);
    report::write(&measured, &cli.out)?;
    writeln!(io::stdout(), "{}", measured.markdown())?;
    Ok(())
}
