//! Does what `capsule new` writes build and pass its own test?

use std::{
    fs,
    io::{ErrorKind, IsTerminal as _},
};

use anyhow::{Context as _, Result};
use capsule_build::{BuildOptions, SdkSource, Toolchain};

use crate::{report::Lines, workspace};

/// Writes a new capsule, runs its tests natively, and builds it.
///
/// # Errors
///
/// It cannot be written, its tests fail, or it does not build.
pub(crate) fn check(toolchain: &Toolchain, offline: bool) -> Result<()> {
    let root = workspace::root();
    let parent = root.join("target/new");
    match fs::remove_dir_all(&parent) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(&parent),
    }
    .with_context(|| format!("cannot clear {}", parent.display()))?;
    let dir = parent.join("newborn");
    capsule_build::new("newborn", &dir, &SdkSource::Path(root.join("guest-sdk")))?;
    // The examples' versions are compiled already.
    fs::copy(root.join("examples/Cargo.lock"), dir.join("Cargo.lock"))?;

    let mut test = workspace::cargo();
    test.arg("test")
        .current_dir(&dir)
        .arg("--target-dir")
        .arg(workspace::guest_target());
    workspace::run(&mut test)?;
    let options = BuildOptions {
        out: Some(parent.join("out")),
        target_dir: Some(workspace::guest_target()),
        offline,
        colour: std::io::stderr().is_terminal(),
    };
    capsule_build::build(&dir, toolchain, &options, &Lines)?;
    Ok(())
}
