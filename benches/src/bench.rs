//! What all groups are given: how long to measure, and what to measure with.

use std::path::{Path, PathBuf};

use crate::{BenchError, harness::Pace};

/// How much is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Length {
    /// As much as the figures need: some minutes.
    #[default]
    Full,
    /// About a minute.
    Quick,
    /// Enough to see that it works, and nothing else: a test.
    Trial,
}

/// What the groups measure with.
#[derive(Clone, Debug)]
pub struct Bench {
    /// How much is measured.
    pub length: Length,
    /// Where the capsules that are measured are, built, one directory each.
    pub guests: PathBuf,
    /// Where the example capsules are, built, one directory each.
    pub examples: PathBuf,
    /// The host's binary, `capsule`.
    pub host: PathBuf,
    /// The binary of this crate, for what needs a process of its own.
    pub program: PathBuf,
    /// A directory for what measurements write: nobody else's, and kept by
    /// the caller for as long as they run.
    pub work: PathBuf,
}

// === impl Length ===

impl Length {
    /// One of three.
    pub fn pick<T>(self, full: T, quick: T, trial: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
            Self::Trial => trial,
        }
    }
}

// === impl Bench ===

impl Bench {
    /// How long each contestant is measured.
    pub fn pace(&self) -> Pace {
        Pace::new(self.length.pick((41, 50), (15, 15), (2, 1)))
    }

    /// The same where each turn wakes threads, which find what they need in
    /// another's caches: turns so long that this hardly counts.
    pub fn pace_of_threads(&self) -> Pace {
        Pace::new(self.length.pick((21, 200), (9, 100), (2, 1)))
    }

    /// The component of the capsule that lets everything pass.
    ///
    /// # Errors
    ///
    /// It is not built.
    pub fn pass(&self) -> Result<Vec<u8>, BenchError> {
        read(&self.guests.join("pass/pass.wasm"))
    }

    /// A component of about 100 KB that is mostly code.
    ///
    /// # Errors
    ///
    /// It is not built.
    pub fn large(&self) -> Result<Vec<u8>, BenchError> {
        read(&self.examples.join("secret-scrub/secret-scrub.wasm"))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BenchError> {
    let what = format!(
        "cannot read {}; `cargo xtask bench` builds it",
        path.display()
    );
    std::fs::read(path).map_err(BenchError::io(what))
}
