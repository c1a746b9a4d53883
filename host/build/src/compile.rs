//! Runs cargo on a guest crate.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
};

use crate::{
    artifact::{self, Artifact},
    build::BuildOptions,
    process::{ProcessError, shown},
    progress::Progress,
    stack,
    toolchain::{TARGET, Toolchain},
};

/// Why cargo made no module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// Cargo did not run.
    #[error(transparent)]
    Cargo(#[from] ProcessError),

    /// The crate does not compile: what the compiler said went to
    /// [`Progress::output`].
    #[error("does not compile ({0}); the compiler's messages are above")]
    Failed(ExitStatus),

    /// The crate compiles, but not to a module.
    #[error(
        "compiles to no WebAssembly module; its Cargo.toml needs\n  [lib]\n  crate-type = [\"cdylib\"]"
    )]
    NoModule,
}

/// Compiles the package whose manifest is `cargo_toml`, an absolute path
/// without links.
pub(crate) fn compile(
    cargo_toml: &Path,
    toolchain: &Toolchain,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Artifact, CompileError> {
    let mut command = toolchain.cargo();
    command
        // Not `build`: flags can then be given to the crate alone.
        .args(["rustc", "--release", "--lib", "--target", TARGET])
        // Rendered messages come on standard error, cargo's own on standard output.
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(cargo_toml)
        .args(["--color", if options.colour { "always" } else { "never" }])
        .args(options.offline.then_some("--offline"));
    if let Some(dir) = &options.target_dir {
        command.arg("--target-dir").arg(dir);
    }
    command.arg("--").args(stack::RUSTC_ARGS);
    let (status, messages) = run(&mut command, progress).map_err(|error| ProcessError::Start {
        command: shown(&command),
        error,
    })?;
    if !status.success() {
        return Err(CompileError::Failed(status));
    }
    artifact::find(&messages, cargo_toml).ok_or(CompileError::NoModule)
}

/// Runs a command: its standard error goes to `progress` line by line as it
/// comes, its standard output is returned.
fn run(command: &mut Command, progress: &dyn Progress) -> io::Result<(ExitStatus, String)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut messages = Vec::new();
    // Both are read at once: a full pipe would stop cargo.
    thread::scope(|scope| {
        let reader = scope.spawn(|| relay(stderr, progress));
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut messages)?;
        }
        reader.join().unwrap_or(Ok(()))
    })?;
    Ok((
        child.wait()?,
        String::from_utf8_lossy(&messages).into_owned(),
    ))
}

fn relay(lines: Option<impl io::Read>, progress: &dyn Progress) -> io::Result<()> {
    for line in lines
        .into_iter()
        .flat_map(|lines| BufReader::new(lines).split(b'\n'))
    {
        progress.output(&String::from_utf8_lossy(&line?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl Progress for Kept {
        fn step(&self, _: &str) {}

        fn output(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
    }

    #[test]
    fn messages_and_lines_are_kept_apart_however_many_there_are() {
        let kept = Kept::default();
        let script = "for i in $(seq 20000); do echo out $i; echo err $i >&2; done; exit 4";
        let (status, messages) = run(Command::new("sh").args(["-c", script]), &kept).unwrap();

        assert_eq!(status.code(), Some(4));
        assert_eq!(messages.lines().count(), 20_000);
        assert!(messages.lines().all(|line| line.starts_with("out ")));
        let lines = kept.0.into_inner().unwrap();
        assert_eq!(lines.len(), 20_000);
        assert!(lines.iter().all(|line| line.starts_with("err ")));
    }
}
