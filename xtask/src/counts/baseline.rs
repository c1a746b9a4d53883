//! What each path costs, in a file that people read.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What stands above the figures.
const HEADER: &str = "\
# What one event costs on each path of the host, as `cargo xtask counts` counts
# it: x86-64, the compiler that rust-version names, a release build for the paths
# with instructions. `cargo xtask counts --update` writes this file and keeps
# [margin] and each path's own `margin_percent`; all else here is overwritten.

";

/// What each path cost when it was last looked at, and how much worse it may
/// get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    /// How much worse it may get.
    pub(crate) margin: Margin,
    /// The paths.
    #[serde(default, rename = "path")]
    pub(crate) paths: Vec<Entry>,
}

/// How much worse than its baseline a path may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Margin {
    /// Instructions, in percent.
    pub(crate) instructions_percent: f64,
    /// Allocations, in allocations for each event: what is done once in many
    /// events falls now inside of the count and now outside.
    pub(crate) allocations: f64,
    /// Bytes, in percent.
    pub(crate) bytes_percent: f64,
}

/// One path: what it costs for each event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// What one event is there.
    pub(crate) about: String,
    /// What it costs.
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// More or fewer instructions than [`Margin`] says may be its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) margin_percent: Option<f64>,
}

/// What a path costs for each event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Instructions; `None` where they are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<u64>,
    /// Blocks of memory asked for, in hundredths.
    pub(crate) allocations: f64,
    /// Bytes in them.
    pub(crate) bytes: u64,
}

// === impl Baseline ===

impl Baseline {
    /// Reads `file`.
    ///
    /// # Errors
    ///
    /// It is not there, or not a baseline.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is no baseline", file.display()))
    }

    /// Writes `file`, for people to read.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = format!("{HEADER}{}", toml::to_string(self)?);
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// The path `name`.
    pub(crate) fn path(&self, name: &str) -> Option<&Entry> {
        self.paths.iter().find(|entry| entry.name == name)
    }

    /// Takes what was `seen` for what is to be, and keeps the margins.
    /// Instructions that were not counted stay as they were.
    pub(crate) fn update(&mut self, seen: &[Entry]) {
        let paths = seen.iter().cloned().map(|mut entry| {
            if let Some(old) = self.path(&entry.name) {
                entry.margin_percent = old.margin_percent;
                let instructions = entry.counts.instructions;
                entry.counts.instructions = instructions.or(old.counts.instructions);
            }
            entry
        });
        self.paths = paths.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::samples::{baseline, entry};

    #[test]
    fn what_is_written_is_read_again() {
        let mut noisy = entry("noisy", None, 40.5, 9000);
        noisy.margin_percent = Some(10.0);
        let written = baseline(vec![entry("request", Some(10_455), 6.01, 700), noisy]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("baseline.toml");
        written.write(&file).unwrap();

        assert_eq!(Baseline::read(&file).unwrap(), written);
        insta::assert_snapshot!(fs::read_to_string(&file).unwrap(), @r#"
        # What one event costs on each path of the host, as `cargo xtask counts` counts
        # it: x86-64, the compiler that rust-version names, a release build for the paths
        # with instructions. `cargo xtask counts --update` writes this file and keeps
        # [margin] and each path's own `margin_percent`; all else here is overwritten.

        [margin]
        instructions_percent = 5.0
        allocations = 0.02
        bytes_percent = 5.0

        [[path]]
        name = "request"
        about = "an event"
        instructions = 10455
        allocations = 6.01
        bytes = 700

        [[path]]
        name = "noisy"
        about = "an event"
        allocations = 40.5
        bytes = 9000
        margin_percent = 10.0
        "#);
    }

    #[test]
    fn an_update_keeps_margins_and_what_was_not_counted() {
        let mut old = entry("request", Some(10), 6.0, 700);
        old.margin_percent = Some(10.0);
        let mut baseline = baseline(vec![old, entry("gone", Some(1), 0.0, 0)]);
        let mut seen = entry("request", None, 6.0, 1);
        baseline.update(&[seen.clone(), entry("new", Some(7), 0.0, 0)]);

        seen.counts.instructions = Some(10);
        seen.margin_percent = Some(10.0);
        assert_eq!(baseline.paths, [seen, entry("new", Some(7), 0.0, 0)]);
    }

    #[test]
    fn a_key_that_is_none_is_named_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("baseline.toml");
        fs::write(&file, "[margin]\ninstruction_percent = 5\n").unwrap();
        let error = format!("{:#}", Baseline::read(&file).unwrap_err());
        assert!(
            error.contains("baseline.toml") && error.contains("instruction_percent"),
            "{error}"
        );
    }
}
