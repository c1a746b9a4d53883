//! Puts the heart of the host under load, in a release build.

use anyhow::Result;
use clap::Args;

use crate::workspace::{cargo, run as on_terminal};

/// What to put it under.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Run only this scenario; may be given several times.
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// A small load, as the tests use it.
    #[arg(long)]
    short: bool,
    /// Download nothing.
    #[arg(long)]
    offline: bool,
}

/// Runs `cargo xtask stress`; the table goes to standard output.
///
/// # Errors
///
/// It does not build, or a claim fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--release", "--package", "capsule-stress"])
        .args(options.offline.then_some("--offline"))
        .arg("--")
        .args(options.short.then_some("--short"));
    for scenario in &options.scenarios {
        command.args(["--scenario", scenario]);
    }
    on_terminal(&mut command)
}
