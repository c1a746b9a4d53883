//! Measures the host and writes a report.

use std::{
    env,
    io::{self, Write as _},
    num::NonZeroUsize,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use capsule_bench::{
    Bench, GROUPS, Length, Report, WORKLOADS, Workload, machine::Stopwatch, measure_memory, report,
};
use clap::{Parser, builder::PossibleValuesParser};

/// What goes with a report, and so neither with `--profile` nor with what that
/// takes: clap no longer requires what conflicts with something that is there.
const NOT_FOR_ONE: [&str; 2] = ["groups", "quick"];

/// Measures the host and writes a report: Markdown, JSON and charts. The
/// figures go to standard output as a Markdown table. That a figure is not
/// reached is no failure.
#[derive(Debug, Parser)]
#[command(name = "capsule-bench")]
struct Cli {
    /// Measure only this group; may be given several times.
    #[arg(
        long = "group",
        value_name = "NAME",
        value_parser = PossibleValuesParser::new(GROUPS.map(|group| group.name)),
    )]
    groups: Vec<String>,
    /// Do nothing but one thing, again and again, for a profiler to look at;
    /// see `--seconds` and `--threads`.
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = NOT_FOR_ONE,
        value_parser = PossibleValuesParser::new(WORKLOADS.map(|workload| workload.name)),
    )]
    profile: Option<String>,
    /// How long.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "profile", conflicts_with_all = NOT_FOR_ONE)]
    seconds: u64,
    /// On how many threads, each with principals of its own.
    #[arg(long, value_name = "N", default_value = "1", requires = "profile", conflicts_with_all = NOT_FOR_ONE)]
    threads: NonZeroUsize,
    /// List the groups.
    #[arg(long)]
    list: bool,
    /// About a minute, and rough.
    #[arg(long)]
    quick: bool,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,
    /// Where the capsules that are measured are, built.
    #[arg(long, value_name = "DIR", default_value = "target/bench-capsules")]
    guests: PathBuf,
    /// Where the example capsules are, built.
    #[arg(long, value_name = "DIR", default_value = "target/capsules")]
    examples: PathBuf,
    /// The host's binary [default: beside this one].
    #[arg(long, value_name = "FILE")]
    host: Option<PathBuf>,
    /// What the group `memory` has a process of its own do.
    #[arg(long, hide = true)]
    measure_memory: bool,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let mut out = io::stdout();
    if cli.list {
        for group in GROUPS {
            writeln!(out, "{:<8} {}", group.name, group.about)?;
        }
        return Ok(());
    }
    let work = tempfile::tempdir().context("no directory to work in")?;
    let bench = cli.bench(work.path().to_owned())?;
    if cli.measure_memory {
        writeln!(out, "{}", measure_memory(&bench)?)?;
        return Ok(());
    }
    if let Some(workload) = cli.profile.as_deref().and_then(Workload::find) {
        let length = Duration::from_secs(cli.seconds);
        let (times, took) = workload.run(&bench, cli.threads.get(), length)?;
        writeln!(out, "{times} times in {:.3} s", took.as_secs_f64())?;
        return Ok(());
    }
    let mut measured = Report::new(bench.length);
    for group in GROUPS {
        if cli.wants(group.name) {
            eprintln!("==> {}: {}", group.name, group.about);
            let watch = Stopwatch::start();
            let findings = group
                .run(&bench)
                .with_context(|| format!("group `{}`", group.name))?;
            measured.add(group.name, group.about, watch.elapsed(), findings);
        }
    }
    report::write(&measured, &cli.out)?;
    writeln!(out, "{}", measured.figures())?;
    eprintln!("the whole report: {}", cli.out.join("report.md").display());
    Ok(())
}

// === impl Cli ===

impl Cli {
    fn wants(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|name| name == group)
    }

    fn bench(&self, work: PathBuf) -> Result<Bench> {
        let program = env::current_exe().context("cannot tell where this program is")?;
        Ok(Bench {
            length: if self.quick {
                Length::Quick
            } else {
                Length::Full
            },
            guests: self.guests.clone(),
            examples: self.examples.clone(),
            host: match &self.host {
                Some(host) => host.clone(),
                None => program.with_file_name("capsule"),
            },
            program,
            work,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_for_a_profiler_goes_with_no_report() {
        for (args, fits) in [
            ("--profile native --threads 2 --seconds 1", true),
            ("--group native --quick", true),
            ("--threads 2", false),
            ("--threads 2 --group native", false),
            ("--seconds 2 --group native", false),
            ("--profile native --threads 0", false),
            ("--profile native --quick", false),
        ] {
            let args = std::iter::once("capsule-bench").chain(args.split(' '));
            let args: Vec<_> = args.collect();
            assert_eq!(Cli::try_parse_from(&args).is_ok(), fits, "{args:?}");
        }
    }
}
