//! Counts what one event costs on the main paths of the host, and compares
//! with what it cost before. The package `capsule-counts` has the paths, and says
//! what is counted.
//!
//! Callgrind is run here and not by gungraun, the harness that is kept for it:
//! that needs a runner installed, in its own very version, and one line of what
//! valgrind says is all there is to read.

mod baseline;
mod callgrind;
mod compare;
#[cfg(test)]
mod samples;
mod table;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Deserialize;

use self::{
    baseline::{Baseline, Counts, Entry},
    compare::compare,
};
use crate::{
    report::Report,
    test::is_pinned,
    workspace::{cargo, output, root, succeeds},
};

/// What is counted, and what becomes of it.
#[derive(Args, Debug, Default)]
#[group(skip)]
pub(crate) struct Options {
    /// Write what is seen into `benches/counts/baseline.toml`.
    #[arg(long)]
    update: bool,
    /// Leave out the paths with a WebAssembly guest: the engine need not be
    /// compiled.
    #[arg(long)]
    core: bool,
    /// Download nothing.
    #[arg(long)]
    offline: bool,
}

/// What the counting programs print for each path: what it took for all events
/// together.
#[derive(Debug, Deserialize)]
struct Tally {
    name: String,
    about: String,
    events: u64,
    allocations: u64,
    bytes: u64,
    /// Counted apart.
    #[serde(skip)]
    instructions: Option<u64>,
}

/// The programs that cargo has built, by name.
#[derive(Debug)]
struct Built(HashMap<String, PathBuf>);

/// A line of what cargo says it built: only what is used here.
#[derive(Debug, Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

/// What the names of the paths with a guest start with.
const GUEST: &str = "guest-";

/// Runs `cargo xtask counts`.
///
/// # Errors
///
/// A path has become worse, or cannot be counted.
pub(crate) fn run(options: &Options) -> Result<()> {
    check(options, &mut Report::default())
}

/// Counts and compares, as a step of `report`.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn check(options: &Options, report: &mut Report) -> Result<()> {
    let obstacle = obstacle();
    if let Some(why) = obstacle {
        report.skip("instructions for each event", why);
    }
    report.step("counts for each event", || {
        let mut seen = count(options, obstacle.is_none())?;
        let file = root().join("benches/counts/baseline.toml");
        let mut baseline = Baseline::read(&file)?;
        if options.core {
            let guests = baseline.paths.iter();
            seen.extend(
                guests
                    .filter(|entry| entry.name.starts_with(GUEST))
                    .cloned(),
            );
        }
        eprint!("{}", table::table(&baseline, &seen));
        if options.update {
            baseline.update(&seen);
            return baseline.write(&file);
        }
        let findings = compare(&baseline, &seen);
        for finding in &findings {
            eprintln!("    {finding}");
        }
        let failures = findings.iter().filter(|finding| finding.is_failure());
        match failures.count() {
            0 => Ok(()),
            failures => bail!("{failures} differences from {}, see above", file.display()),
        }
    })
}

/// Why instructions cannot be counted so that they compare, if they cannot.
fn obstacle() -> Option<&'static str> {
    if cfg!(not(all(
        target_arch = "x86_64",
        target_os = "linux",
        target_env = "gnu"
    ))) {
        return Some("the baseline is of x86-64 Linux with glibc");
    }
    if !is_pinned() {
        return Some("the baseline is of another compiler's code");
    }
    if !succeeds(Command::new("valgrind").arg("--version")) {
        return Some("valgrind is not installed (apt-get install valgrind)");
    }
    None
}

fn count(options: &Options, instructions: bool) -> Result<Vec<Entry>> {
    let built = build(options)?;
    let mut tallies = tallies(&mut Command::new(
        built.program("capsule-counts-allocations")?,
    ))?;
    if instructions {
        let program = built.program("capsule-counts")?;
        let out = root().join("target/counts");
        fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        for tally in &mut tallies {
            let out = out.join(&tally.name).with_extension("callgrind");
            tally.instructions = Some(callgrind::count(program, &tally.name, &out)?);
        }
    }
    if !options.core {
        tallies.extend(self::tallies(
            cargo()
                .args(["run", "--quiet", "--package", "capsule-counts"])
                .args(options.offline.then_some("--offline"))
                .args(["--example", "guests"]),
        )?);
    }
    Ok(tallies.into_iter().map(Entry::from).collect())
}

/// What a counting program prints.
fn tallies(program: &mut Command) -> Result<Vec<Tally>> {
    let printed = output(program)?;
    serde_json::from_str(&printed).with_context(|| format!("no counts: {printed:?}"))
}

/// Builds the programs that count the paths of the core.
fn build(options: &Options) -> Result<Built> {
    let messages = output(
        cargo()
            .args(["build", "--release", "--package", "capsule-counts"])
            .args(options.offline.then_some("--offline"))
            .args(["--bins", "--message-format", "json-render-diagnostics"]),
    )?;
    let artifacts = messages.lines().filter_map(|line| {
        // Lines of other kinds have no target.
        let Artifact { target, executable } = serde_json::from_str(line).ok()?;
        Some((target.name, executable?))
    });
    Ok(Built(artifacts.collect()))
}

// === impl Built ===

impl Built {
    fn program(&self, name: &str) -> Result<&Path> {
        let path = self.0.get(name).map(PathBuf::as_path);
        path.with_context(|| format!("cargo has built no `{name}`"))
    }
}

// === impl Entry ===

impl From<Tally> for Entry {
    fn from(tally: Tally) -> Self {
        let per_event = |total: u64| total as f64 / tally.events as f64;
        Self {
            counts: Counts {
                instructions: tally.instructions.map(|n| per_event(n).round() as u64),
                allocations: (per_event(tally.allocations) * 100.0).round() / 100.0,
                bytes: per_event(tally.bytes).round() as u64,
            },
            name: tally.name,
            about: tally.about,
            margin_percent: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_prints_is_taken_for_each_event() {
        let printed =
            r#"[{"name":"p","about":"an event","events":100,"allocations":601,"bytes":70049}]"#;
        let mut tally: Vec<Tally> = serde_json::from_str(printed).unwrap();
        tally[0].instructions = Some(1_045_549);
        let entry = Entry::from(tally.remove(0));
        let want = Counts {
            instructions: Some(10_455),
            allocations: 6.01,
            bytes: 700,
        };
        assert_eq!((&*entry.name, entry.counts), ("p", want));
    }
}
