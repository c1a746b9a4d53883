//! What the project needs beside cargo: a compiler for guests.

use std::path::PathBuf;

use anyhow::Result;
use capsule_build::{Toolchain, ToolchainKind, ToolchainOptions};
use clap::{Args, ValueEnum};

use crate::report::{Lines, Report};

/// Where the compiler of the capsules comes from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Which way to a compiler for capsules to take.
    #[arg(long, value_enum, default_value_t)]
    toolchain: Kind,
    /// Where the library built with Debian's compiler is kept
    /// [default: ~/.cache/capsule].
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Download and install nothing.
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Kind {
    /// The compiler in use, else whatever can be had.
    #[default]
    Auto,
    /// The compiler in use, the target added by rustup.
    Rustup,
    /// Debian's compiler.
    Debian,
}

// === impl Options ===

impl Options {
    /// Finds the compiler, as a step of `report`.
    pub(crate) fn toolchain(&self, report: &mut Report) -> Result<Toolchain> {
        let options = ToolchainOptions {
            kind: self.toolchain.into(),
            cache_dir: self.cache_dir.clone(),
            offline: self.offline,
        };
        report.step("find the compiler for capsules", || {
            Ok(Toolchain::find(&options, &Lines)?)
        })
    }
}

// === impl Kind ===

impl From<Kind> for ToolchainKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Auto => Self::Auto,
            Kind::Rustup => Self::Rustup,
            Kind::Debian => Self::Debian,
        }
    }
}

/// Runs `cargo xtask setup`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let toolchain = options.toolchain(&mut Report::default())?;
    eprintln!("ready: capsules are built with {toolchain}");
    Ok(())
}
