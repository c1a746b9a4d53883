//! Why a capsule is not loaded.

use std::{io, path::PathBuf};

use capsule_engine::LoadError;
use capsule_manifest::ManifestError;

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
        first = first.display(), second = second.display()
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The manifest that has it.
        first: PathBuf,
        /// The manifest that wants it.
        second: PathBuf,
    },
    /// The manifest asks for what this host does not have.
    #[error(
        "{manifest}: capabilities.{key}: this version of the host cannot grant it; remove the key",
        manifest = manifest.display()
    )]
    NotOffered {
        /// The manifest.
        manifest: PathBuf,
        /// The capability.
        key: &'static str,
    },
    /// The module is not there or cannot be read.
    #[error(
        "{manifest}: capsule.module: cannot read {path}: {error}{remedy}",
        manifest = manifest.display(), path = path.display()
    )]
    ReadModule {
        /// The manifest.
        manifest: PathBuf,
        /// The module.
        path: PathBuf,
        /// Why not.
        error: io::Error,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The module is a link that leads out of the capsule's directory.
    #[error(
        "{manifest}: capsule.module: {module} leads to {target}, which is outside of the \
         capsule's directory; put the module itself there",
        manifest = manifest.display(), target = target.display()
    )]
    ModuleOutside {
        /// The manifest.
        manifest: PathBuf,
        /// The module as the manifest names it.
        module: String,
        /// Where it leads.
        target: PathBuf,
    },
    /// The module is not the one that the manifest was written for.
    #[error(
        "{manifest}: capsule.sha256: {module} has the digest {found}, not {wanted}; \
         it is not the module that this manifest is for",
        manifest = manifest.display()
    )]
    Digest {
        /// The manifest.
        manifest: PathBuf,
        /// The module as the manifest names it.
        module: String,
        /// Its SHA-256, in hexadecimal.
        found: String,
        /// What the manifest says.
        wanted: String,
    },
    /// The manifest names an action for which the code has no handler.
    #[error(
        "{manifest}: the action `{action}` has no handler in {module}, which has: {}",
        handlers.join(", "), manifest = manifest.display()
    )]
    NoHandler {
        /// The manifest.
        manifest: PathBuf,
        /// The module as the manifest names it.
        module: String,
        /// The action.
        action: String,
        /// The actions for which there is one.
        handlers: Vec<String>,
    },
    /// The engine refuses the module.
    #[error("{manifest}: capsule.module: {module}: {error}", manifest = manifest.display())]
    Load {
        /// The manifest.
        manifest: PathBuf,
        /// The module as the manifest names it.
        module: String,
        /// Why.
        error: LoadError,
    },
}
