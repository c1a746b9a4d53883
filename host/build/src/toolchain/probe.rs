//! Looks at the machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use semver::Version;

use super::{
    TARGET, ToolchainKind, ToolchainOptions, debian,
    error::ToolchainError,
    plan::{Attempt, Facts},
    sysroot::{SYSTEM_RUSTC, Sysroot, SystemRustc, field},
};
use crate::process;

/// The oldest compiler that guests build with: the SDK's, and so ours.
const NEEDED: Version = Version::new(1, 95, 0);

/// What is looked for where, and what was tried.
#[derive(Debug)]
pub(crate) struct Probe<'a> {
    options: &'a ToolchainOptions,
    /// What became of asking rustup.
    pub(crate) rustup: Attempt,
    /// What became of installing packages.
    pub(crate) install: Attempt,
    /// The system's compiler and the place of its sysroot, once found.
    sysroot: Option<Sysroot>,
    linker: Option<PathBuf>,
}

// === impl Probe ===

impl<'a> Probe<'a> {
    pub(crate) fn new(options: &'a ToolchainOptions) -> Self {
        Self {
            options,
            rustup: Attempt::Untried,
            install: Attempt::Untried,
            sysroot: None,
            linker: None,
        }
    }

    /// Looks as far as it matters: each look costs a process, so what comes
    /// after a way that is open is not looked at.
    ///
    /// # Errors
    ///
    /// The compiler in use does not run, or there is no cache directory.
    pub(crate) fn look(&mut self) -> Result<Facts, ToolchainError> {
        let kind = self.options.kind;
        let mut facts = Facts {
            kind,
            needed: NEEDED,
            target_installed: kind != ToolchainKind::Debian && has_target()?,
            rustup: self.rustup.clone(),
            sysroot_fresh: false,
            system_rustc: None,
            system_source: false,
            linker: false,
            install: self.install.clone(),
        };
        if facts.target_installed {
            return Ok(facts);
        }
        if kind != ToolchainKind::Rustup
            && let Some(rustc) = SystemRustc::find()
        {
            facts.system_rustc = Some(rustc.version.clone());
            facts.system_source = rustc.has_source();
            let sysroot = Sysroot::new(&self.cache_dir()?, rustc);
            facts.sysroot_fresh = sysroot.is_fresh();
            self.sysroot = Some(sysroot);
        }
        if facts.sysroot_fresh {
            return Ok(facts);
        }
        self.linker = find_linker()?;
        facts.linker = self.linker.is_some();
        facts.rustup = open(&self.rustup, || self.offline().or_else(rustup_obstacle));
        facts.install = open(&self.install, || self.offline().or_else(debian::obstacle));
        Ok(facts)
    }

    /// The sysroot that belongs to the system's compiler.
    ///
    /// # Errors
    ///
    /// There is no such compiler.
    pub(crate) fn sysroot(&self) -> Result<&Sysroot, ToolchainError> {
        self.sysroot.as_ref().ok_or_else(|| ToolchainError::NoWay {
            reasons: vec![format!("Debian's compiler: {SYSTEM_RUSTC} is not there")],
        })
    }

    /// The linker of guests, once found.
    pub(crate) fn linker(&self) -> Option<&Path> {
        self.linker.as_deref()
    }

    fn offline(&self) -> Option<&'static str> {
        self.options.offline.then_some("not tried, to stay offline")
    }

    fn cache_dir(&self) -> Result<PathBuf, ToolchainError> {
        if let Some(dir) = &self.options.cache_dir {
            return Ok(dir.clone());
        }
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let base = set("XDG_CACHE_HOME").map(PathBuf::from);
        base.or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")))
            .map(|base| base.join("capsule"))
            .ok_or(ToolchainError::NoCacheDir)
    }
}

/// An attempt not yet made stays open unless there is an obstacle.
fn open(attempt: &Attempt, obstacle: impl FnOnce() -> Option<&'static str>) -> Attempt {
    match attempt {
        Attempt::Untried => obstacle().map_or(Attempt::Untried, Attempt::Impossible),
        made => made.clone(),
    }
}

/// The compiler in use: cargo asks the same variable.
fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Whether the compiler in use has the target's `core` library.
fn has_target() -> Result<bool, ToolchainError> {
    let dir = process::capture(rustc().args(["--print", "target-libdir", "--target", TARGET]))
        .map_err(ToolchainError::Compiler)?;
    // A target that was never installed has no directory.
    let Ok(mut files) = fs::read_dir(dir.trim()) else {
        return Ok(false);
    };
    Ok(files.any(|file| file.is_ok_and(|file| is_core(&file.path()))))
}

fn is_core(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libcore-") && name.ends_with(".rlib")
}

fn rustup_obstacle() -> Option<&'static str> {
    match process::capture(Command::new("rustup").arg("--version")) {
        Ok(_) => None,
        Err(_) => Some("it is not installed"),
    }
}

/// Debian's compiler comes without a linker for the target; the one in use
/// usually has one.
fn find_linker() -> Result<Option<PathBuf>, ToolchainError> {
    let about = process::capture(rustc().args(["-v", "-V"])).map_err(ToolchainError::Compiler)?;
    let root =
        process::capture(rustc().args(["--print", "sysroot"])).map_err(ToolchainError::Compiler)?;
    let bundled = field(&about, "host")
        .map(|host| Path::new(root.trim()).join(format!("lib/rustlib/{host}/bin/rust-lld")));
    let path = env::var_os("PATH").unwrap_or_default();
    // All three names are the same program.
    let on_path = env::split_paths(&path)
        .flat_map(|dir| ["rust-lld", "lld", "wasm-ld"].map(|name| dir.join(name)));
    Ok(bundled
        .into_iter()
        .chain(on_path)
        .find(|linker| linker.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_core_library_shows_that_the_target_is_there() {
        let cases = [
            ("/lib/libcore-e1e3406830aa07ec.rlib", true),
            ("/lib/libcore-e1e3406830aa07ec.rmeta", false),
            ("/lib/libcore_extra-e1e3406830aa07ec.rlib", false),
            ("/lib/libstd-e1e3406830aa07ec.rlib", false),
            ("/", false),
        ];
        for (path, want) in cases {
            assert_eq!(is_core(Path::new(path)), want, "case: {path}");
        }
    }
}
