//! Where the project's directories are, and how its cargo is run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// The project's root directory.
pub(crate) fn root() -> PathBuf {
    // Cargo says where the package is now; the binary knows where it was built.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .map_or_else(|| package.clone(), Path::to_owned)
}

/// Where the built capsules are, one directory each.
pub(crate) fn capsules() -> PathBuf {
    root().join("target/capsules")
}

/// Where cargo keeps what belongs to capsules: apart from the host's, so that
/// neither build waits for the other's lock.
pub(crate) fn guest_target() -> PathBuf {
    root().join("target/guests")
}

/// The directories of the example capsules, sorted.
///
/// # Errors
///
/// `examples` cannot be read.
pub(crate) fn examples() -> Result<Vec<PathBuf>> {
    capsules_in(&root().join("examples"))
}

/// Where the capsules that only tests use are, one directory each.
pub(crate) fn test_capsules() -> PathBuf {
    root().join("target/test-capsules")
}

/// The directories of the capsules that only tests use, sorted.
///
/// # Errors
///
/// `tests/guests` cannot be read.
pub(crate) fn test_guests() -> Result<Vec<PathBuf>> {
    capsules_in(&root().join("tests/guests"))
}

/// Where the capsules that only benchmarks use are, one directory each.
pub(crate) fn bench_capsules() -> PathBuf {
    root().join("target/bench-capsules")
}

/// The directories of the capsules that only benchmarks use, sorted.
///
/// # Errors
///
/// `benches/guests` cannot be read.
pub(crate) fn bench_guests() -> Result<Vec<PathBuf>> {
    capsules_in(&root().join("benches/guests"))
}

/// The directories in `dir` that hold a `Capsule.toml`, sorted.
///
/// # Errors
///
/// `dir` cannot be read.
pub(crate) fn capsules_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("Capsule.toml").is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A cargo command in the project's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// A cargo command on the workspace of the example capsules, natively.
pub(crate) fn examples_cargo(subcommand: &str) -> Command {
    let mut command = cargo();
    command
        .arg(subcommand)
        .args(["--manifest-path", "examples/Cargo.toml", "--target-dir"])
        .arg(guest_target());
    command
}

/// Runs a command on the terminal.
///
/// # Errors
///
/// It cannot be run, or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed ({status})");
    Ok(())
}

/// Runs a command, and returns what it prints; its messages go to the terminal.
///
/// # Errors
///
/// It cannot be run, fails, or prints no text.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{shown}`"))?;
    ensure!(
        output.status.success(),
        "`{shown}` failed ({})",
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` prints no text"))
}

/// Whether a command runs and succeeds; what it says is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let mut words = vec![program.to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_with_a_manifest_are_capsules() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", "embed"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        for name in [
            "a/Capsule.toml",
            "b/Capsule.toml",
            "embed/Cargo.toml",
            "Cargo.toml",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let found = capsules_in(dir.path()).unwrap();
        assert_eq!(found, [dir.path().join("a"), dir.path().join("b")]);
    }

    #[test]
    fn a_failed_command_is_shown_as_it_would_be_typed() {
        let error = run(Command::new("/bin/sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed (exit status: 3)");
    }

    #[test]
    fn what_a_command_prints_is_its_output_if_it_succeeds() {
        let sh = |script| output(Command::new("/bin/sh").args(["-c", script]));
        assert_eq!(sh("echo yes").unwrap(), "yes\n");
        assert!(sh("echo yes; exit 3").is_err());
    }
}
