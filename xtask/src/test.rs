//! What the project's tests are: formatting, lints, documentation, the
//! capsules, the tests of both workspaces, counts for each event, schedules of
//! threads, fuzz targets, features, licences.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{
    capsules, counts,
    features::{self, Selection},
    newborn,
    report::Report,
    setup,
    workspace::{cargo, examples_cargo, root, run as on_terminal, succeeds},
};

/// The compiler whose warnings count. Another one knows other lints.
const PINNED: &str = "rustc 1.95.";

/// What libFuzzer is to do with each target: a few seconds' worth.
const FUZZ_RUNS: &str = "-runs=50000";

/// What to test.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: setup::Options,
    /// Leave out lints and documentation.
    #[arg(long)]
    quick: bool,
}

/// Runs `cargo xtask test`: the first step that fails ends it.
///
/// # Errors
///
/// A step failed; the error says which, and what was run.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    format(&mut report)?;
    if options.quick {
        report.skip("lints", "--quick");
        report.skip("documentation", "--quick");
    } else {
        let strict = is_pinned();
        lints(&mut report, strict)?;
        documentation(&mut report, strict)?;
    }
    let toolchain = capsules::build(&options.setup, &mut report)?;
    report.step("build the capsules of tests and benchmarks", || {
        capsules::build_for_tests(&toolchain, options.setup.offline)?;
        capsules::build_for_benches(&toolchain, options.setup.offline)
    })?;
    report.step("tests of the host and the SDK", || {
        on_terminal(cargo().args(["test", "--workspace"]))
    })?;
    counts::check(&counts::Options::default(), &mut report)?;
    report.step("schedules of threads", schedules)?;
    fuzz(&mut report)?;
    report.step("tests of the capsules", || {
        on_terminal(&mut examples_cargo("test"))
    })?;
    report.step("a new capsule", || {
        newborn::check(&toolchain, options.setup.offline)
    })?;
    report.step("each feature alone", || {
        features::selections()?.iter().try_for_each(check)
    })?;
    licences(&mut report)?;
    eprint!("\nall passed\n{}", report.table());
    Ok(())
}

/// Plays what threads share under random schedules, `CAPSULE_SCHEDULES` of each
/// test or as many as the tests say themselves.
///
/// # Errors
///
/// A schedule breaks a rule; the message has what replays it.
fn schedules() -> Result<()> {
    on_terminal(
        cargo()
            .args(["test", "--package", "capsule-core", "--lib", "schedules"])
            .args(["--target-dir", "target/shuttle"])
            .env("RUSTFLAGS", "--cfg shuttle"),
    )
}

/// Runs each fuzz target for a moment, so that it keeps building and passing.
fn fuzz(report: &mut Report) -> Result<()> {
    let name = "fuzz targets";
    if !succeeds(Command::new("c++").arg("--version")) {
        report.skip(name, "libFuzzer needs a C++ compiler");
        return Ok(());
    }
    report.step(name, || {
        ["tree", "text"].iter().try_for_each(|target| {
            on_terminal(
                cargo()
                    .current_dir(root().join("fuzz"))
                    .args([
                        "run",
                        "--quiet",
                        "--release",
                        "--target-dir",
                        "../target/fuzz",
                    ])
                    .args(["--bin", target, "--"])
                    .args([FUZZ_RUNS, "-max_len=1024", "-verbosity=0"]),
            )
        })
    })
}

fn format(report: &mut Report) -> Result<()> {
    let name = "format";
    if !succeeds(cargo().args(["fmt", "--version"])) {
        report.skip(
            name,
            "rustfmt is not installed (rustup component add rustfmt)",
        );
        return Ok(());
    }
    report.step(name, || {
        on_terminal(cargo().args(["fmt", "--all", "--check"]))?;
        ["examples", "benches/peers"].iter().try_for_each(|dir| {
            let other = ["--manifest-path", &format!("{dir}/Cargo.toml")];
            on_terminal(cargo().args(["fmt", "--all", "--check"]).args(other))
        })
    })
}

fn lints(report: &mut Report, strict: bool) -> Result<()> {
    let name = "lints";
    if !succeeds(cargo().args(["clippy", "--version"])) {
        report.skip(
            name,
            "clippy is not installed (rustup component add clippy)",
        );
        return Ok(());
    }
    let deny = strict.then_some(["--", "-D", "warnings"]);
    let deny = deny.as_ref().map_or([].as_slice(), |args| args.as_slice());
    report.step(name, || {
        on_terminal(
            cargo()
                .args(["clippy", "--workspace", "--all-targets"])
                .args(deny),
        )?;
        on_terminal(examples_cargo("clippy").arg("--all-targets").args(deny))
    })
}

fn documentation(report: &mut Report, strict: bool) -> Result<()> {
    report.step("documentation", || {
        let mut command = cargo();
        command.args(["doc", "--workspace", "--no-deps"]);
        if strict {
            command.env("RUSTDOCFLAGS", "-D warnings");
        }
        on_terminal(&mut command)
    })
}

fn check(selection: &Selection) -> Result<()> {
    let mut command = cargo();
    command.args([
        "check",
        "--quiet",
        "--no-default-features",
        "--package",
        &selection.package,
    ]);
    if let Some(feature) = &selection.feature {
        command.args(["--features", feature]);
    }
    on_terminal(&mut command)
}

fn licences(report: &mut Report) -> Result<()> {
    let name = "licences";
    if !succeeds(cargo().args(["deny", "--version"])) {
        report.skip(
            name,
            "cargo-deny is not installed (cargo install cargo-deny)",
        );
        return Ok(());
    }
    report.step(name, || {
        on_terminal(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
    })
}

/// Whether the compiler in use is the one that the project is checked with.
pub(crate) fn is_pinned() -> bool {
    let version = Command::new("rustc").arg("--version").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with(PINNED))
}
