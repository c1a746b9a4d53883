//! Baselines for tests.

use super::baseline::{Baseline, Counts, Entry, Margin};

/// A path with the margins of all.
pub(super) fn entry(name: &str, instructions: Option<u64>, allocations: f64, bytes: u64) -> Entry {
    Entry {
        name: name.to_owned(),
        about: "an event".to_owned(),
        counts: Counts {
            instructions,
            allocations,
            bytes,
        },
        margin_percent: None,
    }
}

pub(super) fn baseline(paths: Vec<Entry>) -> Baseline {
    Baseline {
        margin: Margin {
            instructions_percent: 5.0,
            allocations: 0.02,
            bytes_percent: 5.0,
        },
        paths,
    }
}
