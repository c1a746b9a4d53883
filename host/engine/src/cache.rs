//! Compiled components on disk.
//!
//! A compiled component is machine code: whoever can write a cache entry can
//! run anything in the host. So the directory must be the host's alone, and
//! each entry carries an authenticator, made with a key that is kept in the
//! directory, which is checked before anything else looks at the entry. It
//! covers the entry's name, which in turn covers the component and the
//! engine's settings: an entry cannot stand in for another.

use std::{
    fmt,
    fs::{DirBuilder, File},
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat},
    io::Errno,
};
use tracing::warn;
use wasmtime::component::Component;

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
/// Says what an authenticator is for, so that it is good for nothing else.
const DOMAIN: &[u8] = b"capsule module cache, entry, 1";
const MAC_BYTES: usize = blake3::OUT_LEN;
/// No artefact of a component of the largest size comes near; only a file that
/// is no artefact is larger.
const MAX_ENTRY_BYTES: u64 = 2 << 30;

/// A directory of compiled components that only this user can write.
///
/// An entry that is damaged, forged or of another engine is compiled anew; one
/// that cannot be written is not kept. Both are warned of, and neither fails a
/// load.
pub struct ModuleCache {
    dir: PathBuf,
    /// The directory that was checked; everything goes through it, whatever
    /// the path names later.
    fd: OwnedFd,
    key: [u8; KEY_BYTES],
}

/// Why a directory cannot be a cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// It cannot be made or opened.
    #[error("the module cache `{}` cannot be opened: {error}", dir.display())]
    Open {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is something else, or a link to a directory.
    #[error(
        "the module cache `{}` is a link or not a directory; name the directory itself",
        dir.display()
    )]
    NotADirectory {
        /// The path.
        dir: PathBuf,
    },
    /// Someone else owns it.
    #[error(
        "the module cache `{}` belongs to user {owner} and this is user {user}: \
         code from it would run here; use a directory of your own, or `chown` this one",
        dir.display()
    )]
    Owner {
        /// The directory or key file.
        dir: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who runs the host.
        user: u32,
    },
    /// Others may write to it, or read its key.
    #[error(
        "`{}` has mode {mode:04o}: others could put code there that would run here; \
         `chmod {wanted:04o}` it after checking that its files are yours",
        path.display()
    )]
    Mode {
        /// The directory or key file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What it may be.
        wanted: u32,
    },
    /// The key file is not a key.
    #[error("`{}` is not a key of this cache; remove the directory to start anew", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
    },
    /// The operating system gives no random numbers for a key.
    #[error("no random numbers for the key of the module cache: {0}")]
    Random(getrandom::Error),
}

/// Why an entry is not used.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is not a file of at most {MAX_ENTRY_BYTES} bytes")]
    NotAFile,
    #[error("its authenticator does not fit: it is damaged, or was not written by this host")]
    Mac,
    #[error("this engine cannot use it: {0:#}")]
    Incompatible(wasmtime::Error),
}

// === impl ModuleCache ===

impl ModuleCache {
    /// Opens the cache in `dir`, which is made with mode 0700 if it does not
    /// exist.
    ///
    /// # Errors
    ///
    /// [`CacheError`] says what is wrong with the directory and what would
    /// help.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let dir = dir.into();
        let open_error = |error: io::Error| CacheError::Open {
            dir: dir.clone(),
            error,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(|e| match e.kind() {
                io::ErrorKind::AlreadyExists => CacheError::NotADirectory { dir: dir.clone() },
                _ => open_error(e),
            })?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, &dir, flags, Mode::empty()).map_err(|e| match e {
            Errno::NOTDIR | Errno::LOOP => CacheError::NotADirectory { dir: dir.clone() },
            _ => open_error(e.into()),
        })?;
        let stat = rustix::fs::fstat(&fd).map_err(|e| open_error(e.into()))?;
        check_access(&dir, &stat, 0o700, 0o022)?;
        let key = read_or_make_key(&fd, &dir)?;
        Ok(Self { dir, fd, key })
    }

    /// The name of the entry for a component under certain settings.
    pub(crate) fn name(compatibility: &blake3::Hash, wasm: &[u8]) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(compatibility.as_bytes()).update(wasm);
        format!("{}.cwasm", hasher.finalize().to_hex())
    }

    /// The component of that name, if there is one that this host wrote.
    pub(crate) fn get(&self, engine: &wasmtime::Engine, name: &str) -> Option<Component> {
        match self.read(engine, name) {
            Ok(component) => Some(component),
            Err(EntryError::Io(e)) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => {
                let entry = self.dir.join(name);
                warn!(entry = %entry.display(), "a cached module is compiled anew: {e}");
                // Left alone it would be warned of each time; if it cannot be
                // removed, it will be.
                let _ = rustix::fs::unlinkat(&self.fd, name, AtFlags::empty());
                None
            }
        }
    }

    /// Keeps an artefact under a name.
    pub(crate) fn put(&self, name: &str, artefact: &[u8]) {
        if let Err(e) = self.write(name, artefact) {
            let dir = self.dir.display();
            warn!(%dir, "a compiled module is not kept and will be compiled again: {e}");
        }
    }

    fn read(&self, engine: &wasmtime::Engine, name: &str) -> Result<Component, EntryError> {
        let entry = read_file(&self.fd, name)?;
        let (mac, artefact) = entry
            .split_first_chunk::<MAC_BYTES>()
            .ok_or(EntryError::Mac)?;
        // Compared in constant time.
        if self.mac(name, artefact) != *mac {
            return Err(EntryError::Mac);
        }
        deserialize(engine, artefact).map_err(EntryError::Incompatible)
    }

    /// Not synced: an entry that a power cut tears fails its authenticator.
    fn write(&self, name: &str, artefact: &[u8]) -> io::Result<()> {
        let part = unique_name(name)?;
        let written = create(&self.fd, &part).and_then(|mut file| {
            file.write_all(self.mac(name, artefact).as_bytes())?;
            file.write_all(artefact)?;
            Ok(rustix::fs::renameat(&self.fd, &part, &self.fd, name)?)
        });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.fd, &part, AtFlags::empty());
        }
        written
    }

    fn mac(&self, name: &str, artefact: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [DOMAIN, name.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(artefact).finalize()
    }
}

impl fmt::Debug for ModuleCache {
    /// The key stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleCache")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// The same component for another engine of the same settings, sharing nothing
/// with `component`.
pub(crate) fn copy(
    engine: &wasmtime::Engine,
    component: &Component,
) -> wasmtime::Result<Component> {
    deserialize(engine, &component.serialize()?)
}

#[expect(
    unsafe_code,
    reason = "wasmtime cannot check compiled code; the callers have"
)]
fn deserialize(engine: &wasmtime::Engine, artefact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` asks for bytes that `Component::serialize` gave.
    // `copy` has them from there. `ModuleCache::read` has just found that an
    // authenticator over exactly these bytes, which are in memory and which
    // nobody else can change any more, was made with this cache's key. The key
    // is readable by this user alone, and the host makes authenticators of
    // nothing but what `serialize` gave (`ModuleCache::put`). Bytes of another
    // version of wasmtime, or of other settings, are safe: wasmtime records
    // both in them and refuses.
    unsafe { Component::deserialize(engine, artefact) }
}

/// Whether `stat` belongs to this user and has none of the `forbidden` bits.
fn check_access(path: &Path, stat: &Stat, wanted: u32, forbidden: u32) -> Result<(), CacheError> {
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid != user {
        return Err(CacheError::Owner {
            dir: path.to_owned(),
            owner: stat.st_uid,
            user,
        });
    }
    let mode = stat.st_mode & 0o7777;
    if mode & forbidden != 0 {
        return Err(CacheError::Mode {
            path: path.to_owned(),
            mode,
            wanted,
        });
    }
    Ok(())
}

fn read_or_make_key(dir: &OwnedFd, path: &Path) -> Result<[u8; KEY_BYTES], CacheError> {
    let key_path = path.join(KEY_FILE);
    let open_error = |error: io::Error| CacheError::Open {
        dir: key_path.clone(),
        error,
    };
    match make_key(dir) {
        Ok(()) => {}
        Err(MakeKeyError::Io(e)) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(MakeKeyError::Io(e)) => return Err(open_error(e)),
        Err(MakeKeyError::Random(e)) => return Err(CacheError::Random(e)),
    }
    let file = open(dir, KEY_FILE).map_err(open_error)?;
    let stat = rustix::fs::fstat(&file).map_err(|e| open_error(e.into()))?;
    check_access(&key_path, &stat, 0o600, 0o077)?;
    let mut key = Vec::with_capacity(KEY_BYTES + 1);
    file.take(KEY_BYTES as u64 + 1)
        .read_to_end(&mut key)
        .map_err(open_error)?;
    key.try_into()
        .map_err(|_| CacheError::Key { path: key_path })
}

enum MakeKeyError {
    Io(io::Error),
    Random(getrandom::Error),
}

/// Makes the key unless there is one. It appears whole or not at all, and
/// never replaces another that a second host made meanwhile.
fn make_key(dir: &OwnedFd) -> Result<(), MakeKeyError> {
    let exists = rustix::fs::statat(dir, KEY_FILE, AtFlags::SYMLINK_NOFOLLOW);
    if exists.is_ok() {
        return Ok(());
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(MakeKeyError::Random)?;
    let part = unique_name(KEY_FILE).map_err(MakeKeyError::Io)?;
    let made = create(dir, &part).and_then(|mut file| {
        file.write_all(&key)?;
        file.sync_all()?;
        Ok(rustix::fs::linkat(
            dir,
            &part,
            dir,
            KEY_FILE,
            AtFlags::empty(),
        )?)
    });
    let _ = rustix::fs::unlinkat(dir, &part, AtFlags::empty());
    made.map_err(MakeKeyError::Io)
}

fn unique_name(name: &str) -> io::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    Ok(format!("{name}.{:016x}.part", u64::from_le_bytes(random)))
}

fn create(dir: &OwnedFd, name: &str) -> io::Result<File> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(rustix::fs::openat(dir, name, flags, mode)?.into())
}

/// Never waits: a named pipe in the place of a file does not hold up the host.
fn open(dir: &OwnedFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?.into())
}

fn read_file(dir: &OwnedFd, name: &str) -> Result<Vec<u8>, EntryError> {
    let file = open(dir, name)?;
    let stat = rustix::fs::fstat(&file).map_err(io::Error::from)?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if !is_file || size > MAX_ENTRY_BYTES {
        return Err(EntryError::NotAFile);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(MAX_ENTRY_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
