//! Installs Debian's compiler and its library source.

use std::process::Command;

use super::PACKAGES;
use crate::process::{self, ProcessError};

/// Why packages cannot be installed, if they cannot.
pub(crate) fn obstacle() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root may install packages");
    }
    match process::capture(apt_get().arg("--version")) {
        Ok(_) => None,
        Err(_) => Some("it is not installed"),
    }
}

/// Installs the packages.
///
/// The package lists are brought up to date if the packages are not in them,
/// or if what they led to before was `outdated`. Nothing is ever removed: the
/// packages conflict with other ones of Debian's that hold a compiler, and
/// those are then the user's to remove.
///
/// # Errors
///
/// What apt-get said.
pub(crate) fn install(outdated: bool) -> Result<(), ProcessError> {
    let install = || {
        process::capture(
            apt_get()
                .args(["install", "-y", "--no-install-recommends", "--no-remove"])
                .args(PACKAGES),
        )
    };
    if !outdated && install().is_ok() {
        return Ok(());
    }
    // One unreachable archive fails the update, though the packages may come
    // from another: what counts is whether they can be installed afterwards.
    let update = process::capture(apt_get().arg("update"));
    match install() {
        Ok(_) => Ok(()),
        Err(error) => Err(update.err().unwrap_or(error)),
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Another apt-get may be at work; it is worth two minutes to wait for.
        .args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}
