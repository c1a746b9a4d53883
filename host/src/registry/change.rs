//! What a reload changes.

use std::{fmt, path::PathBuf, sync::Arc};

use semver::Version;

use super::CapsuleError;

/// What a reload found and did, capsule by capsule, in the order of their
/// directories; then what is gone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reload {
    /// One for each capsule that was there before or is there now.
    pub capsules: Vec<Reloaded>,
}

/// What became of one capsule.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reloaded {
    /// Its id, or its directory's name if it has none.
    pub capsule: String,
    /// Where it is, or was.
    pub dir: PathBuf,
    /// What became of it.
    pub change: Change,
}

/// What became of a capsule.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Manifest and module are what they were: its instances live on, and what
    /// quarantine knows of it does.
    Unchanged {
        /// Its version.
        version: Version,
    },
    /// It is new, or could not be loaded before.
    Loaded {
        /// Its version.
        version: Version,
    },
    /// Manifest or module have changed.
    Updated {
        /// The version before.
        from: Version,
        /// The version now; perhaps the same.
        to: Version,
    },
    /// It is gone.
    Removed {
        /// The version that was there.
        version: Version,
    },
    /// What is in its directory cannot be loaded.
    Failed {
        /// The version that cannot, where the manifest says it.
        version: Option<Version>,
        /// The version that was there before and stays. Where there is none,
        /// guards deny, if the manifest can be read.
        kept: Option<Version>,
        /// Why.
        error: Arc<CapsuleError>,
    },
}

// === impl Reload ===

impl Reload {
    /// What could not be loaded.
    pub fn failed(&self) -> impl Iterator<Item = &Reloaded> {
        let failed = |reloaded: &&Reloaded| matches!(reloaded.change, Change::Failed { .. });
        self.capsules.iter().filter(failed)
    }

    /// How many are what they were.
    pub fn unchanged(&self) -> usize {
        let same = |reloaded: &&Reloaded| matches!(reloaded.change, Change::Unchanged { .. });
        self.capsules.iter().filter(same).count()
    }
}

// === impl Reloaded ===

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capsule = &self.capsule;
        match &self.change {
            Change::Unchanged { version } => write!(f, "{capsule} {version} is unchanged"),
            Change::Loaded { version } => write!(f, "{capsule} {version} is loaded"),
            Change::Updated { from, to } => write!(f, "{capsule} {to} replaces {from}"),
            Change::Removed { version } => write!(f, "{capsule} {version} is gone"),
            Change::Failed {
                kept: Some(kept),
                error,
                ..
            } => write!(f, "{capsule} {kept} stays: {error}"),
            Change::Failed { error, .. } => write!(f, "{capsule} is not loaded: {error}"),
        }
    }
}
