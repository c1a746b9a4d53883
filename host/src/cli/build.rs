//! `capsule build`: from a crate to a capsule.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use capsule_build::{BuildOptions, Progress, Toolchain, ToolchainKind, ToolchainOptions, build};

use super::{
    args::{BuildArgs, ToolchainArg},
    command::Done,
    output,
};

/// Says on stderr what is being done.
struct Stderr;

/// Builds one capsule and prints where it is.
pub(super) fn run(args: BuildArgs) -> Result<Done> {
    let toolchain = Toolchain::find(
        &ToolchainOptions {
            kind: match args.toolchain {
                ToolchainArg::Auto => ToolchainKind::Auto,
                ToolchainArg::Rustup => ToolchainKind::Rustup,
                ToolchainArg::Debian => ToolchainKind::Debian,
            },
            cache_dir: None,
            offline: args.offline,
        },
        &Stderr,
    )?;
    let options = BuildOptions {
        out: args.out,
        target_dir: args.target_dir,
        offline: args.offline,
        colour: io::stderr().is_terminal(),
    };
    let built = build(&args.project, &toolchain, &options, &Stderr)?;
    let state = if built.fresh { "unchanged" } else { "built" };
    output::text(&format!(
        "{}  {state}, {} KiB, sha256 {}",
        built.module.display(),
        built.size.div_ceil(1024),
        built.sha256
    ))?;
    Ok(Done::Well)
}

// === impl Stderr ===

impl Progress for Stderr {
    fn step(&self, message: &str) {
        self.output(message);
    }

    fn output(&self, line: &str) {
        // Progress that nobody can read does not stop the work.
        let _ = writeln!(io::stderr(), "{line}");
    }
}
