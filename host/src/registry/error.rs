//! Why a capsule is not loaded.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use capsule_engine::LoadError;
use capsule_manifest::{Manifest, ManifestError};

/// Why the capsules directory cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// It is not there.
    #[error(
        "the capsules directory {path} does not exist; it holds one directory for each capsule",
        path = path.display()
    )]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{path} is not a directory; give the one that holds a directory for each capsule",
        path = path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// It holds a capsule instead of capsules.
    #[error(
        "{path} is a capsule itself; give the directory that it is in",
        path = path.display()
    )]
    IsACapsule {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read the capsules directory {path}: {error}", path = path.display())]
    Read {
        /// The directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// A place in a manifest: its path, and the line and column of a value where
/// the file sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At(Box<Location>);

/// Boxed, so that an error is no larger than what it is returned instead of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Location {
    path: PathBuf,
    place: Option<(usize, usize)>,
}

/// Why one capsule is not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CapsuleError {
    /// A directory without a manifest.
    #[error("{dir} has no Capsule.toml; every directory here must be a capsule", dir = dir.display())]
    NoManifest {
        /// The directory.
        dir: PathBuf,
    },
    /// The manifest cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    ReadManifest {
        /// The manifest.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Two capsules have one name.
    #[error(
        "{second}: capsule.name: `{name}` is taken by {first}; names are unique in a host",
        first = first.display()
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The manifest that has it.
        first: PathBuf,
        /// Where another manifest wants it.
        second: At,
    },
    /// The manifest asks for what this host does not have.
    #[error("{at}: capabilities.{key}: this version of the host cannot grant it; remove the key")]
    NotOffered {
        /// Where the manifest says so.
        at: At,
        /// The capability.
        key: &'static str,
    },
    /// The module is not there or cannot be read.
    #[error(
        "{at}: capsule.module: cannot read {path}: {error}{remedy}",
        path = path.display()
    )]
    ReadModule {
        /// Where the manifest says so.
        at: At,
        /// The module.
        path: PathBuf,
        /// Why not.
        error: io::Error,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The module is a link that leads out of the capsule's directory.
    #[error(
        "{at}: capsule.module: {module} leads to {target}, which is outside of the \
         capsule's directory; put the module itself there",
        target = target.display()
    )]
    ModuleOutside {
        /// Where the manifest says so.
        at: At,
        /// The module as the manifest names it.
        module: String,
        /// Where it leads.
        target: PathBuf,
    },
    /// The module is not the one that the manifest was written for.
    #[error(
        "{at}: capsule.sha256: {module} has the digest {found}, not {wanted}; \
         it is not the module that this manifest is for"
    )]
    Digest {
        /// Where the manifest says so.
        at: At,
        /// The module as the manifest names it.
        module: String,
        /// Its SHA-256, in hexadecimal.
        found: String,
        /// What the manifest says.
        wanted: String,
    },
    /// The manifest names an action for which the code has no handler.
    #[error(
        "{at}: the action `{action}` has no handler in {module}, which has: {}",
        handlers.join(", ")
    )]
    NoHandler {
        /// Where the manifest says so.
        at: At,
        /// The module as the manifest names it.
        module: String,
        /// The action.
        action: String,
        /// The actions for which there is one.
        handlers: Vec<String>,
    },
    /// The engine refuses the module.
    #[error("{at}: capsule.module: {module}: {error}")]
    Load {
        /// Where the manifest says so.
        at: At,
        /// The module as the manifest names it.
        module: String,
        /// Why.
        error: LoadError,
    },
}

// === impl At ===

impl At {
    /// The value of `key` in `manifest`, which lies at `path`.
    pub(super) fn new(path: &Path, manifest: &Manifest, key: &str) -> Self {
        Self(Box::new(Location {
            path: path.to_owned(),
            place: manifest.place(key),
        }))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { path, place } = &*self.0;
        write!(f, "{}", path.display())?;
        match place {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}
