//! The sysroot: the target's library, compiled by the distribution's compiler.
//!
//! Layout of `<cache>/sysroot-<hash of the compiler>`:
//!
//! ```text
//! bin/rustc                    runs the compiler on this sysroot
//! lib/rustlib/<target>/lib     the compiled library
//! lib/rustlib/<host>/lib       a link to the compiler's own: procedural macros
//! lib/rustlib/<host>/bin       a link to the linker
//! stamp                        which compiler made it; written last
//! ```

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use semver::Version;
use sha2::{Digest as _, Sha256};

use super::{TARGET, error::ToolchainError};
use crate::{process, progress::Progress};

/// Where the distribution's compiler is.
pub(crate) const SYSTEM_RUSTC: &str = "/usr/bin/rustc";

/// The rules by which a sysroot is made; a change makes the old ones stale.
const LAYOUT: &str = "layout 1";

/// What the names of working directories start with.
const WORK_PREFIX: &str = "building-";

/// The crate that is compiled for its dependency: the library itself.
const SEED_MANIFEST: &str = r#"[package]
name = "seed"
version = "0.0.0"
edition = "2021"

[profile.release]
panic = "abort"
opt-level = 3

[workspace]
"#;

/// What would change the library, were it inherited from the caller.
const FOREIGN: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// The distribution's compiler.
#[derive(Clone, Debug)]
pub(crate) struct SystemRustc {
    pub(crate) version: Version,
    /// All that it says about itself.
    about: String,
    host: String,
    /// Where its own libraries and its source are.
    root: PathBuf,
}

/// The place of one compiler's sysroot; it may not be there yet.
#[derive(Clone, Debug)]
pub(crate) struct Sysroot {
    cache: PathBuf,
    dir: PathBuf,
    system: SystemRustc,
}

// === impl SystemRustc ===

impl SystemRustc {
    /// Asks the compiler about itself; `None` if it is not there.
    pub(crate) fn find() -> Option<Self> {
        let about = process::capture(Command::new(SYSTEM_RUSTC).args(["-v", "-V"])).ok()?;
        Some(Self {
            version: field(&about, "release")?.parse().ok()?,
            host: field(&about, "host")?.to_owned(),
            // Asking for it would cost another process on every look.
            root: Path::new("/usr").to_owned(),
            about,
        })
    }

    pub(crate) fn has_source(&self) -> bool {
        self.root
            .join("lib/rustlib/src/rust/library/Cargo.lock")
            .is_file()
    }

    fn host_libraries(&self) -> PathBuf {
        self.root.join(format!("lib/rustlib/{}/lib", self.host))
    }
}

// === impl Sysroot ===

impl Sysroot {
    pub(crate) fn new(cache: &Path, system: SystemRustc) -> Self {
        let hash = Sha256::digest(stamp(&system));
        let short: String = hash
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            dir: cache.join(format!("sysroot-{short}")),
            cache: cache.to_owned(),
            system,
        }
    }

    /// The compiler that uses this sysroot.
    pub(crate) fn rustc(&self) -> PathBuf {
        self.dir.join("bin/rustc")
    }

    /// Whether it is complete, belongs to the present compiler, and its
    /// linker still exists.
    pub(crate) fn is_fresh(&self) -> bool {
        fs::read_to_string(self.dir.join("stamp")).is_ok_and(|found| found == stamp(&self.system))
            && self.linker(&self.dir).exists()
    }

    /// Compiles the library and puts the sysroot in its place, whole.
    ///
    /// Of several builders at once one works and the others wait for it.
    ///
    /// # Errors
    ///
    /// The cache cannot be written, or the library does not compile.
    pub(crate) fn build(
        &self,
        cargo: &Path,
        linker: Option<&Path>,
        offline: bool,
        progress: &dyn Progress,
    ) -> Result<(), ToolchainError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| ToolchainError::Write { path, error }
        };
        fs::create_dir_all(&self.cache).map_err(at(&self.cache))?;
        let _lock = lock(&self.cache.join("lock"), progress).map_err(at(&self.cache))?;
        if self.is_fresh() {
            return Ok(());
        }
        progress.step(&format!(
            "building the library for {TARGET} with {SYSTEM_RUSTC} {} (once, about a minute)",
            self.system.version
        ));
        self.tidy().map_err(at(&self.cache))?;
        let work = tempfile::Builder::new()
            .prefix(WORK_PREFIX)
            .tempdir_in(&self.cache)
            .map_err(at(&self.cache))?;
        let libraries = self.compile(cargo, work.path(), offline)?;
        let new = work.path().join("sysroot");
        self.assemble(&libraries, linker, &new).map_err(at(&new))?;
        self.replace(&new, &work.path().join("old"))
            .map_err(at(&self.dir))?;
        progress.step(&format!("the library is in {}", self.dir.display()));
        Ok(())
    }

    /// Compiles the seed, and returns the directory of the libraries.
    fn compile(&self, cargo: &Path, work: &Path, offline: bool) -> Result<PathBuf, ToolchainError> {
        let seed = work.join("seed");
        let write = || {
            fs::create_dir_all(seed.join("src"))?;
            fs::write(seed.join("Cargo.toml"), SEED_MANIFEST)?;
            fs::write(seed.join("src/lib.rs"), "")
        };
        write().map_err(|error| ToolchainError::Write {
            path: seed.clone(),
            error,
        })?;
        let mut command = Command::new(cargo);
        command
            .current_dir(&seed)
            .args(["build", "--release", "--target", TARGET])
            .args(["-Zbuild-std=std,panic_abort", "--target-dir", "target"])
            .args(offline.then_some("--offline"))
            .env("RUSTC", SYSTEM_RUSTC)
            // The compiler is a stable one; its own library needs more.
            .env("RUSTC_BOOTSTRAP", "1");
        for name in FOREIGN {
            command.env_remove(name);
        }
        // Guests may then be optimised across crates, the library included.
        command.env("RUSTFLAGS", "-Cembed-bitcode=yes");
        process::capture(&mut command).map_err(ToolchainError::Library)?;
        Ok(seed.join(format!("target/{TARGET}/release/deps")))
    }

    fn assemble(&self, libraries: &Path, linker: Option<&Path>, new: &Path) -> io::Result<()> {
        let target = new.join(format!("lib/rustlib/{TARGET}/lib"));
        fs::create_dir_all(&target)?;
        for entry in fs::read_dir(libraries)? {
            let entry = entry?;
            let name = entry.file_name();
            let shown = name.to_string_lossy();
            if shown.ends_with(".rlib") && !shown.starts_with("libseed-") {
                fs::copy(entry.path(), target.join(&name))?;
            }
        }
        let host = new.join(format!("lib/rustlib/{}", self.system.host));
        fs::create_dir_all(host.join("bin"))?;
        symlink(self.system.host_libraries(), host.join("lib"))?;
        if let Some(linker) = linker {
            symlink(linker, self.linker(new))?;
        }
        fs::create_dir_all(new.join("bin"))?;
        let mut script = File::options()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(new.join("bin/rustc"))?;
        let dir = self.dir.to_string_lossy().replace('\'', r"'\''");
        writeln!(
            script,
            "#!/bin/sh\nexec {SYSTEM_RUSTC} --sysroot '{dir}' \"$@\""
        )?;
        fs::write(new.join("stamp"), stamp(&self.system))
    }

    /// Moves the new sysroot to its place; whatever was there goes with the
    /// working directory.
    fn replace(&self, new: &Path, old: &Path) -> io::Result<()> {
        if self.dir.exists() {
            fs::rename(&self.dir, old)?;
        }
        fs::rename(new, &self.dir)
    }

    /// Removes what builders left that were killed; the lock is ours, so none
    /// of it is in use.
    fn tidy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.cache)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(WORK_PREFIX) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    fn linker(&self, root: &Path) -> PathBuf {
        root.join(format!("lib/rustlib/{}/bin/rust-lld", self.system.host))
    }
}

/// The value of one `key: value` line of `rustc -vV`.
pub(crate) fn field<'a>(about: &'a str, key: &str) -> Option<&'a str> {
    about
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

fn stamp(system: &SystemRustc) -> String {
    format!("{LAYOUT}\n{}", system.about)
}

/// Takes the lock, and says so if that means waiting.
fn lock(path: &Path, progress: &dyn Progress) -> io::Result<File> {
    let file = File::create(path)?;
    if file.try_lock().is_err() {
        progress.step("waiting for another build of the library");
        file.lock()?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
