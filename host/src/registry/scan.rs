//! Which capsules a directory holds, and what their manifests say.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use capsule_manifest::Manifest;

use super::{
    At, CapsuleError, ScanError,
    fingerprint::{Digest, digest},
};

const MANIFEST: &str = "Capsule.toml";

/// Where a capsule is, or should be.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// Its manifest.
    pub(crate) manifest: PathBuf,
}

/// A capsule as its manifest tells of it.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) place: Place,
    /// Its manifest.
    pub(crate) declared: Result<Declared, CapsuleError>,
}

/// A manifest that can be read.
#[derive(Debug)]
pub(crate) struct Declared {
    /// What it says.
    pub(crate) manifest: Manifest,
    /// The digest of its text.
    pub(crate) text: Digest,
}

// === impl Place ===

impl Place {
    /// The value of `key` in `manifest`, which lies here.
    pub(super) fn at(&self, manifest: &Manifest, key: &str) -> At {
        At::new(&self.manifest, manifest, key)
    }
}

/// Finds the capsules of `root`, ordered by directory. Files and directories
/// whose name starts with a dot are passed over; any other directory must be
/// a capsule, so that one with a misspelt manifest is not passed over unseen.
///
/// # Errors
///
/// [`ScanError`] if `root` cannot be used; what is wrong with one capsule is
/// in its [`Found`].
pub(crate) fn scan(root: &Path) -> Result<Vec<Found>, ScanError> {
    let read = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ScanError::Missing { path: root.into() },
        io::ErrorKind::NotADirectory => ScanError::NotADirectory { path: root.into() },
        _ => ScanError::Read {
            path: root.into(),
            error,
        },
    };
    let mut dirs = Vec::new();
    for entry in fs::read_dir(root).map_err(read)? {
        let entry = entry.map_err(read)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // What cannot even be looked at, a link that leads nowhere, is a
        // capsule that is not there: it must not be passed over.
        let is_file = fs::metadata(entry.path()).is_ok_and(|metadata| !metadata.is_dir());
        if !hidden && !is_file {
            dirs.push(entry.path());
        }
    }
    if root.join(MANIFEST).is_file() {
        return Err(ScanError::IsACapsule { path: root.into() });
    }
    dirs.sort();
    Ok(dirs.into_iter().map(read_capsule).collect())
}

fn read_capsule(dir: PathBuf) -> Found {
    let path = dir.join(MANIFEST);
    let declared = match read_file(&path, capsule_manifest::MAX_BYTES as u64) {
        Ok(bytes) => Manifest::parse_bytes(&bytes, &path.display().to_string())
            .map(|manifest| Declared {
                manifest,
                text: digest(&bytes),
            })
            .map_err(CapsuleError::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir.is_dir() => {
            Err(CapsuleError::NoManifest { dir: dir.clone() })
        }
        Err(error) => Err(CapsuleError::ReadManifest {
            path: path.clone(),
            error,
        }),
    };
    Found {
        place: Place {
            dir,
            manifest: path,
        },
        declared,
    }
}

/// Reads a regular file of at most `max` bytes, and one byte of what is
/// larger. Anything else could hold up the host, or never end.
///
/// # Errors
///
/// Those of the system; [`io::ErrorKind::InvalidInput`] for what is no file.
pub(super) fn read_file(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        let error = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
