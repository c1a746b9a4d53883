//! Builds the example capsules.

use std::{
    fs,
    io::IsTerminal as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use capsule_build::{BuildOptions, TARGET, Toolchain};

use crate::{
    report::{Lines, Report},
    setup, workspace,
};

/// Runs `cargo xtask capsules`.
pub(crate) fn run(options: &setup::Options) -> Result<()> {
    let mut report = Report::default();
    build(options, &mut report)?;
    Ok(())
}

/// Builds every example capsule, as steps of `report`, and returns the compiler
/// it found for them.
///
/// # Errors
///
/// There is no compiler for capsules, or one of them does not build.
pub(crate) fn build(options: &setup::Options, report: &mut Report) -> Result<Toolchain> {
    let toolchain = options.toolchain(report)?;
    report.step("build the capsules", || {
        let examples = workspace::examples()?;
        build_all(
            &examples,
            &workspace::capsules(),
            &toolchain,
            options.offline,
        )
    })?;
    Ok(toolchain)
}

/// Builds the capsules that only tests use.
///
/// # Errors
///
/// One of them does not build.
pub(crate) fn build_for_tests(toolchain: &Toolchain, offline: bool) -> Result<()> {
    let out = workspace::test_capsules();
    build_all(&workspace::test_guests()?, &out, toolchain, offline)
}

/// Builds the capsules that only benchmarks use.
///
/// # Errors
///
/// One of them does not build.
pub(crate) fn build_for_benches(toolchain: &Toolchain, offline: bool) -> Result<()> {
    let out = workspace::bench_capsules();
    build_all(&workspace::bench_guests()?, &out, toolchain, offline)
}

/// Builds the plugin that Extism runs in benchmarks, and says where it is.
///
/// # Errors
///
/// It does not build.
pub(crate) fn build_plugin(toolchain: &Toolchain, offline: bool) -> Result<PathBuf> {
    let target = workspace::guest_target();
    let mut command = toolchain.cargo();
    command
        .current_dir(workspace::root())
        .args(["build", "--release", "--target", TARGET])
        .args(["--manifest-path", "benches/peers/guest/Cargo.toml"])
        .arg("--target-dir")
        .arg(&target)
        .args(offline.then_some("--offline"));
    workspace::run(&mut command)?;
    Ok(target.join(TARGET).join("release/extism_pass.wasm"))
}

fn build_all(dirs: &[PathBuf], out: &Path, toolchain: &Toolchain, offline: bool) -> Result<()> {
    let mut names = Vec::new();
    for dir in dirs {
        names.push(build_one(dir, out, toolchain, offline)?);
    }
    remove_others(out, &names)
}

fn build_one(dir: &Path, out: &Path, toolchain: &Toolchain, offline: bool) -> Result<String> {
    let options = BuildOptions {
        out: Some(out.to_owned()),
        target_dir: Some(workspace::guest_target()),
        offline,
        colour: std::io::stderr().is_terminal(),
    };
    let built = capsule_build::build(dir, toolchain, &options, &Lines)?;
    let state = if built.fresh { "unchanged" } else { "built" };
    eprintln!(
        "    {:<16} {:>4} KiB  {state}",
        built.name,
        built.size.div_ceil(1024)
    );
    Ok(built.name)
}

/// Removes the capsules of examples that are no longer there: the host would
/// load them.
fn remove_others(out: &Path, names: &[String]) -> Result<()> {
    for dir in workspace::capsules_in(out)? {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        if !names.iter().any(|known| *known == name) {
            eprintln!("    {name:<16} removed, its example is gone");
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capsules_without_an_example_are_removed_and_nothing_else() {
        let out = tempfile::tempdir().unwrap();
        for name in ["kept", "gone", "no-capsule"] {
            fs::create_dir(out.path().join(name)).unwrap();
        }
        for name in ["kept", "gone"] {
            fs::write(out.path().join(name).join("Capsule.toml"), "").unwrap();
        }
        remove_others(out.path(), &["kept".to_owned()]).unwrap();
        assert!(out.path().join("kept").exists());
        assert!(!out.path().join("gone").exists());
        assert!(out.path().join("no-capsule").exists());
    }
}
