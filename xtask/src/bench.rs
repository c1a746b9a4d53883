//! Measures the host, in a release build.

use std::{env, path::PathBuf, process::Command};

use anyhow::Result;
use clap::Args;

use crate::{
    capsules,
    report::Report,
    setup,
    workspace::{self, cargo, run as on_terminal},
};

/// What to measure.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: setup::Options,
    /// Measure only this group; may be given several times.
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// List the groups and measure nothing.
    #[arg(long)]
    list: bool,
    /// About a minute, and rough.
    #[arg(long)]
    quick: bool,
    /// Measure what people use instead, in one process with the host.
    #[arg(long, conflicts_with_all = ["groups", "list"])]
    peers: bool,
    /// Where the report goes [default: target/bench, or target/bench-peers].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs `cargo xtask bench`; the figures go to standard output.
///
/// # Errors
///
/// Something does not build, or cannot be measured.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.list {
        return on_terminal(bench(options).arg("--list"));
    }
    let mut report = Report::default();
    let toolchain = capsules::build(&options.setup, &mut report)?;
    report.step("build the capsules that are measured", || {
        capsules::build_for_benches(&toolchain, options.setup.offline)
    })?;
    report.step("build the host", || {
        let mut build = cargo();
        build
            .args(["build", "--release", "--package", "capsule-host"])
            .args(["--package", "capsule-bench"])
            .args(options.setup.offline.then_some("--offline"));
        on_terminal(&mut build)
    })?;
    let mut command = match options.peers {
        true => {
            let plugin = report.step("build Extism's plugin", || {
                capsules::build_plugin(&toolchain, options.setup.offline)
            })?;
            let mut peers = peers(options);
            peers.arg("--plugin").arg(plugin);
            peers
        }
        false => {
            let mut bench = bench(options);
            bench.arg("--examples").arg(workspace::capsules());
            bench
        }
    };
    command
        .arg("--guests")
        .arg(workspace::bench_capsules())
        .arg("--out")
        .arg(options.out())
        .args(options.quick.then_some("--quick"));
    for group in &options.groups {
        command.args(["--group", group]);
    }
    on_terminal(&mut command)
}

/// The measurements of this workspace.
fn bench(options: &Options) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--release", "--package", "capsule-bench"])
        .args(options.setup.offline.then_some("--offline"))
        .arg("--");
    command
}

/// Those beside the host's peers. They are a workspace of their own, whose
/// dependencies nobody else has to build.
fn peers(options: &Options) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--release"])
        .args([
            "--manifest-path",
            "benches/peers/Cargo.toml",
            "--target-dir",
        ])
        .arg(workspace::root().join("target/peers"))
        .args(options.setup.offline.then_some("--offline"))
        .arg("--");
    command
}

// === impl Options ===

impl Options {
    /// Cargo runs in the project's root; what is typed is meant from here.
    fn out(&self) -> PathBuf {
        let here = env::current_dir().unwrap_or_default();
        match &self.out {
            Some(dir) => here.join(dir),
            None if self.peers => workspace::root().join("target/bench-peers"),
            None => workspace::root().join("target/bench"),
        }
    }
}
