//! A directory of capsules, and the binary that runs them.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses its share"
)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

pub mod bus;
#[path = "../wat/mod.rs"]
pub mod wat;

/// A directory of capsules that goes away with the test.
pub struct Capsules {
    root: TempDir,
}

impl Capsules {
    /// An empty one.
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("capsules")).unwrap();
        Self { root }
    }

    /// With a capsule `name` around the WAT guest `guest`, which intercepts
    /// every topic as `rest` says: lines of its `[[interceptor]]`, and
    /// whatever tables follow.
    pub fn with(self, name: &str, guest: &str, rest: &str) -> Self {
        self.with_file(
            &format!("{name}/Capsule.toml"),
            format!(
                "manifest_version = 1\n[capsule]\nname = \"{name}\"\nversion = \"0.1.0\"\n\
                 module = \"{name}.wasm\"\n[[interceptor]]\nevent = \">\"\naction = \"act\"\n{rest}\n"
            ),
        )
        .with_file(&format!("{name}/{name}.wasm"), wat::wasm(guest))
    }

    /// With a file at `path`, from the capsules directory.
    pub fn with_file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// The directory of the capsules.
    pub fn path(&self) -> PathBuf {
        self.root.path().join("capsules")
    }

    /// The directory that all is in.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// `text` with the directory that changes from run to run replaced.
    pub fn tidy(&self, text: &[u8]) -> String {
        let root = self.root().display().to_string();
        String::from_utf8_lossy(text).replace(&root, "DIR")
    }

    /// Runs `capsule run` over `input`.
    pub fn run(&self, input: &[u8]) -> Ran {
        self.run_with(&[], input)
    }

    /// Runs `capsule run` with more flags over `input`.
    pub fn run_with(&self, flags: &[&str], input: &[u8]) -> Ran {
        let mut command = capsule(&["run", "--capsules"]);
        command
            .arg(self.path())
            .arg("--cache-dir")
            .arg(self.root().join("cache"));
        Ran::of(command.args(flags), input)
    }
}

/// A command that ran to its end.
pub struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    /// Runs `command` with `input` on its stdin.
    pub fn of(command: &mut Command, input: &[u8]) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = thread::scope(|scope| {
            // The child may end before it has read everything.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap()
        });
        Self::from(output)
    }

    /// Every line of stdout, which must be JSON.
    pub fn outcomes(&self) -> Vec<Value> {
        let text = str::from_utf8(&self.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The binary, with nothing of the environment that would change what it does.
pub fn capsule(args: &[&str]) -> Command {
    let mut command = unconfigured(env!("CARGO_BIN_EXE_capsule"));
    command.args(args);
    command
}

/// A program without the variables that configure the host.
pub fn unconfigured(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"CAPSULE_") {
            command.env_remove(name);
        }
    }
    command
}

/// The example capsules, built.
pub fn examples() -> PathBuf {
    built("target/capsules")
}

/// The capsules of `tests/guests`, built.
pub fn guests() -> PathBuf {
    built("target/test-capsules")
}

fn built(path: &str) -> PathBuf {
    let path = repository().join(path);
    assert!(
        path.is_dir(),
        "{} is missing: `cargo xtask test` builds it before it tests",
        path.display()
    );
    path
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
