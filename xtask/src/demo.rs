//! Runs the example capsules over real events.

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context as _, Result};

use crate::{capsules, report::Report, setup, workspace};

/// The events of the demo: what they are, and the file in `data` without its
/// ending.
const EVENTS: [(&str, &str); 2] = [
    ("GitHub webhooks", "github-webhooks"),
    ("events of an agent", "agent-events"),
];

/// Runs `cargo xtask demo`.
///
/// # Errors
///
/// Something does not build, or the host fails.
pub(crate) fn run(options: &setup::Options) -> Result<()> {
    let mut report = Report::default();
    capsules::build(options, &mut report)?;
    report.step("build the host", || {
        workspace::run(&mut host("build", options))
    })?;
    let out = workspace::root().join("target/demo");
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    for (name, file) in EVENTS {
        let outcomes = out.join(file).with_extension("jsonl");
        report.step(&format!("run the capsules over {name}"), || {
            publish(options, file, &outcomes)
        })?;
        eprintln!("    each outcome: {}", outcomes.display());
    }
    eprint!("\n{}", report.table());
    Ok(())
}

/// Publishes the events of one file; the host's table goes to the terminal.
fn publish(options: &setup::Options, file: &str, outcomes: &Path) -> Result<()> {
    let write =
        File::create(outcomes).with_context(|| format!("cannot write {}", outcomes.display()))?;
    let mut command = host("run", options);
    command
        .args(["--quiet", "--", "run", "--summary", "--capsules"])
        .arg(workspace::capsules())
        .args(["--input", &format!("data/{file}.jsonl")])
        .stdout(write);
    workspace::run(&mut command)
}

/// A cargo command on the host's binary. Cargo knows where it puts it.
fn host(subcommand: &str, options: &setup::Options) -> std::process::Command {
    let mut command = workspace::cargo();
    command
        .args([
            subcommand,
            "--release",
            "--package",
            "capsule-host",
            "--bin",
            "capsule",
        ])
        .args(options.offline.then_some("--offline"));
    command
}
