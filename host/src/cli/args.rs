//! What can be said on the command line.

use std::path::PathBuf;

use anyhow::Result;
use capsule_core::types::{Principal, Topic};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{HostBuilder, config::HostConfig};

/// Runs untrusted WebAssembly capsules as middleware over events.
///
/// Data goes to stdout, logs and progress to stderr. Exit codes: 0 done,
/// 1 something failed and said so, 2 called wrongly.
#[derive(Debug, Parser)]
#[command(
    name = "capsule",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Send events through the capsules of a directory.
    ///
    /// SIGHUP loads anew what the directory holds then: events taken in before
    /// finish with the capsules that they started with, and a capsule that
    /// cannot be loaded stays what it was.
    Run(RunArgs),
    /// Check every capsule of a directory and say what is wrong with it.
    Check(CheckArgs),
    /// Tell which interceptors an event meets, in what order, and why it does
    /// not meet the others.
    Explain(ExplainArgs),
    /// List the capsules of a directory.
    List(CheckArgs),
    /// Build a capsule: compile it, make it a component, check it against its
    /// manifest.
    Build(BuildArgs),
    /// Make a new capsule that builds, with its test and its manifest.
    New(NewArgs),
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// What is logged: a level, or `target=level` pairs joined by commas.
    /// Lines that capsules write have the target `capsule`.
    #[arg(
        long,
        global = true,
        env = "CAPSULE_LOG",
        value_name = "FILTER",
        default_value = "warn"
    )]
    pub(super) log: String,
    /// How log lines look.
    #[arg(
        long,
        global = true,
        env = "CAPSULE_LOG_FORMAT",
        value_enum,
        default_value_t = Format::Text
    )]
    pub(super) log_format: Format,
}

/// How something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs: JSON.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct HostArgs {
    /// Read settings from this file; flags and environment go before it.
    #[arg(long, env = "CAPSULE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep compiled modules here instead of in the user's cache directory.
    #[arg(long, env = "CAPSULE_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Keep no compiled modules: compile at each start. Goes before any cache
    /// directory.
    #[arg(long, env = "CAPSULE_NO_CACHE")]
    no_cache: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The directory that holds one directory for each capsule.
    #[arg(long, env = "CAPSULE_CAPSULES", value_name = "DIR")]
    pub(super) capsules: Option<PathBuf>,
    /// The events, one JSON object a line; `-` is stdin. They are taken in one
    /// after the other: where one principal's lane is full, those behind wait.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(super) input: PathBuf,
    /// How outcomes are printed, one a line, in the order of the input.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub(super) format: Format,
    /// At the end, print on stderr what was admitted, changed and denied, and
    /// by whom.
    #[arg(long)]
    pub(super) summary: bool,
    /// At the end, write everything that was counted to this file, as
    /// OpenMetrics text.
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
    /// Start without the capsules that cannot be loaded; their guards deny.
    #[arg(long, env = "CAPSULE_KEEP_GOING")]
    pub(super) keep_going: bool,
    #[command(flatten)]
    pub(super) host: HostArgs,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The directory that holds one directory for each capsule.
    #[arg(value_name = "DIR", env = "CAPSULE_CAPSULES")]
    pub(super) capsules: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) host: HostArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The topic of the event.
    #[arg(long)]
    pub(super) topic: Topic,
    /// The tenant of the event; left out, the system itself.
    #[arg(long)]
    pub(super) principal: Option<Principal>,
    /// The directory that holds one directory for each capsule.
    #[arg(long, env = "CAPSULE_CAPSULES", value_name = "DIR")]
    pub(super) capsules: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) host: HostArgs,
}

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The capsule's project: the directory of its Cargo.toml and
    /// Capsule.toml.
    #[arg(default_value = ".")]
    pub(super) project: PathBuf,
    /// Put the capsule into DIR/<name> instead of beside its sources.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Where cargo keeps what it compiles; default `target` of the project.
    #[arg(long, env = "CAPSULE_TARGET_DIR", value_name = "DIR")]
    pub(super) target_dir: Option<PathBuf>,
    /// Which compiler for WebAssembly to use.
    #[arg(long, env = "CAPSULE_TOOLCHAIN", value_enum, default_value_t = ToolchainArg::Auto)]
    pub(super) toolchain: ToolchainArg,
    /// Let nothing be downloaded.
    #[arg(long)]
    pub(super) offline: bool,
}

/// Which compiler for WebAssembly to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ToolchainArg {
    /// The first of these that works.
    Auto,
    /// rustup's target `wasm32-unknown-unknown`.
    Rustup,
    /// Debian's compiler, with a standard library built from its sources.
    Debian,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The capsule's name: `a-z 0-9 -`.
    pub(super) name: String,
    /// Where to make it; default a directory of that name here.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Use the SDK of this checkout instead of the published one.
    #[arg(long, env = "CAPSULE_SDK", value_name = "DIR")]
    pub(super) sdk: Option<PathBuf>,
}

// === impl HostArgs ===

impl HostArgs {
    /// A host as flags, environment and file say, in that order.
    pub(super) fn builder(&self, capsules: Option<&PathBuf>) -> Result<HostBuilder> {
        Ok(HostBuilder::new(self.config(capsules)?))
    }

    /// The settings as flags, environment and file say, in that order.
    pub(super) fn config(&self, capsules: Option<&PathBuf>) -> Result<HostConfig> {
        let mut config = match &self.config {
            Some(path) => HostConfig::read(path)?,
            None => HostConfig::default(),
        };
        if let Some(dir) = capsules {
            config.capsules = Some(dir.clone());
        }
        if let Some(dir) = &self.cache_dir {
            config.cache_dir = Some(dir.clone());
        }
        config.no_cache |= self.no_cache;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
