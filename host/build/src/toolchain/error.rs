//! Why there is no compiler for guests.

use std::{fmt, io, path::PathBuf};

use super::{PACKAGES, TARGET};
use crate::process::ProcessError;

/// Why [`Toolchain::find`](super::Toolchain::find) found none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// There is no Rust at all, or it does not run.
    #[error("{0}\nRust is needed to build capsules: https://rustup.rs installs it")]
    Compiler(ProcessError),

    /// Every way that is allowed is closed.
    #[error(
        "no compiler for {TARGET} is to be had:\n{reasons}either of these would help:\n  \
         rustup target add {TARGET}\n  \
         apt-get install -y --no-install-recommends {packages}   (as root, on Debian)",
        reasons = Lines(reasons), packages = PACKAGES.join(" ")
    )]
    NoWay {
        /// One line for each way, in the order of trying.
        reasons: Vec<String>,
    },

    /// There is no place for the sysroot.
    #[error("no cache directory: neither XDG_CACHE_HOME nor HOME is set; set one of them")]
    NoCacheDir,

    /// The sysroot could not be written.
    #[error("cannot write {}: {error}; set XDG_CACHE_HOME to a directory that can be written", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why the system refused.
        error: io::Error,
    },

    /// The library did not compile.
    #[error("cannot build the library for {TARGET} from Debian's source: {0}")]
    Library(ProcessError),
}

struct Lines<'a>(&'a [String]);

// === impl Lines ===

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn giving_up_prints_the_two_commands_that_would_help() {
        let error = ToolchainError::NoWay {
            reasons: vec![
                "rustup: it is not installed".into(),
                "apt-get: only root may install packages".into(),
            ],
        };
        insta::assert_snapshot!(error, @r"
        no compiler for wasm32-unknown-unknown is to be had:
          rustup: it is not installed
          apt-get: only root may install packages
        either of these would help:
          rustup target add wasm32-unknown-unknown
          apt-get install -y --no-install-recommends rustc-web rust-web-src   (as root, on Debian)
        ");
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_named_with_its_remedy() {
        let error = ToolchainError::Write {
            path: "/proc/capsule".into(),
            error: io::ErrorKind::PermissionDenied.into(),
        };
        insta::assert_snapshot!(error, @"cannot write /proc/capsule: permission denied; set XDG_CACHE_HOME to a directory that can be written");
    }
}
