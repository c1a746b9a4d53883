//! What was measured, for people and for programs.

mod chart;
mod markdown;
mod write;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Findings, bench::Length, machine::Machine};

pub use self::write::write;

/// Everything that one run has measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When it began.
    pub date: Timestamp,
    /// Whether it was a quick run, whose figures are rough.
    pub quick: bool,
    /// The version of the host.
    pub version: String,
    /// Where it ran.
    pub machine: Machine,
    /// What each group has measured, in the order in which they ran.
    pub groups: Vec<Measured>,
}

/// What one group has measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The group's name.
    pub name: String,
    /// What it measures.
    pub about: String,
    /// Seconds it took.
    pub seconds: f64,
    /// What it found.
    pub findings: Findings,
}

// === impl Report ===

impl Report {
    /// One of now and here, without anything measured.
    pub fn new(length: Length) -> Self {
        Self {
            date: Timestamp::now(),
            quick: length != Length::Full,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::this(),
            groups: Vec::new(),
        }
    }

    /// Adds what a group has measured, and how long it took.
    pub fn add(&mut self, name: &str, about: &str, took: Duration, findings: Findings) {
        self.groups.push(Measured {
            name: name.to_owned(),
            about: about.to_owned(),
            seconds: took.as_secs_f64(),
            findings,
        });
    }

    /// How many figures are not reached, and how many there are.
    pub fn missed(&self) -> (usize, usize) {
        let groups = || self.groups.iter().map(|group| &group.findings);
        (
            groups().map(Findings::missed).sum(),
            groups().map(|findings| findings.figures.len()).sum(),
        )
    }

    /// The whole of it as Markdown.
    pub fn markdown(&self) -> String {
        markdown::report(self)
    }

    /// The figures alone, as a Markdown table.
    pub fn figures(&self) -> String {
        markdown::figures(self)
    }
}

#[cfg(test)]
mod tests;
