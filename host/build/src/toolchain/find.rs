//! The search for a compiler: look, decide, do, and look again.

use std::{env, fmt, path::PathBuf, process::Command};

use super::{
    PACKAGES, TARGET, debian,
    error::ToolchainError,
    plan::{Attempt, Next},
    probe::Probe,
};
use crate::{process, progress::Progress};

/// A way to compile guests, found to work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    cargo: PathBuf,
    /// The compiler to use instead of cargo's own.
    rustc: Option<PathBuf>,
}

/// How to look for a compiler.
#[derive(Clone, Debug, Default)]
pub struct ToolchainOptions {
    /// Which ways are allowed.
    pub kind: ToolchainKind,
    /// Where sysroots are kept; `$XDG_CACHE_HOME/capsule` or
    /// `~/.cache/capsule` if `None`.
    pub cache_dir: Option<PathBuf>,
    /// Downloads and installs nothing.
    pub offline: bool,
}

/// Which ways to a compiler are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolchainKind {
    /// The compiler in use if it has the target, else whatever can be had.
    #[default]
    Auto,
    /// The compiler in use, its target added by rustup if need be.
    Rustup,
    /// The distribution's compiler with a sysroot of its own.
    Debian,
}

// === impl Toolchain ===

impl Toolchain {
    /// Finds a compiler for guests, and makes one if there is none.
    ///
    /// Looking costs one run of `rustc` where the compiler in use has the
    /// target. Otherwise this may ask rustup for the target, install packages
    /// as root, and build the sysroot (under a minute of one core, 80 MB);
    /// each is announced to `progress`, and happens once per machine.
    ///
    /// # Errors
    ///
    /// [`ToolchainError`] if no way is open; it says why each is closed.
    pub fn find(
        options: &ToolchainOptions,
        progress: &dyn Progress,
    ) -> Result<Self, ToolchainError> {
        let mut probe = Probe::new(options);
        loop {
            let facts = probe.look()?;
            match facts.next() {
                Next::UsePlain => {
                    return Ok(Self {
                        cargo: cargo(),
                        rustc: None,
                    });
                }
                Next::UseSysroot => {
                    let rustc = Some(probe.sysroot()?.rustc());
                    return Ok(Self {
                        cargo: cargo(),
                        rustc,
                    });
                }
                Next::AddTarget => {
                    progress.step(&format!("adding the target {TARGET} with rustup"));
                    let mut command = Command::new("rustup");
                    let done = process::capture(command.args(["target", "add", TARGET]));
                    probe.rustup = attempt(done, progress);
                }
                Next::InstallPackages => {
                    progress.step(&format!(
                        "installing {} with apt-get",
                        PACKAGES.join(" and ")
                    ));
                    let outdated = facts.system_rustc.is_some();
                    probe.install = attempt(debian::install(outdated), progress);
                }
                Next::BuildSysroot => {
                    let linker = probe.linker();
                    probe
                        .sysroot()?
                        .build(&cargo(), linker, options.offline, progress)?;
                }
                Next::GiveUp(reasons) => return Err(ToolchainError::NoWay { reasons }),
            }
        }
    }

    /// A toolchain with a cargo of one's own.
    #[cfg(test)]
    pub(crate) fn with_cargo(cargo: PathBuf) -> Self {
        Self { cargo, rustc: None }
    }

    /// A cargo command that compiles with this toolchain.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        if let Some(rustc) = &self.rustc {
            command.env("RUSTC", rustc);
        }
        command
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rustc {
            Some(rustc) => write!(f, "{}", rustc.display()),
            None => write!(f, "the compiler in use"),
        }
    }
}

/// The cargo that runs this program, or the one on the PATH.
fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

fn attempt<T>(result: Result<T, process::ProcessError>, progress: &dyn Progress) -> Attempt {
    match result {
        Ok(_) => Attempt::Done,
        Err(error) => {
            let message = error.headline();
            progress.step(&format!("that failed: {message}"));
            Attempt::Failed(message)
        }
    }
}
