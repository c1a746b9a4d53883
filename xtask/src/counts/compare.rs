//! What was seen, against what is to be.

use std::fmt;

use super::baseline::{Baseline, Entry};

/// What differs from the baseline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finding {
    /// A path costs more than its margin allows: that fails.
    Worse(Difference),
    /// A path costs less than it did, by more than its margin: as long as the
    /// baseline does not say so, it may get worse again unseen.
    Better(Difference),
    /// The baseline does not know the path: that fails.
    New {
        /// The path.
        path: String,
    },
    /// The baseline knows a path that there is not: that fails.
    Gone {
        /// The path.
        path: String,
    },
}

/// One figure of a path that differs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// The path.
    pub(crate) path: String,
    /// What is counted.
    pub(crate) measure: Measure,
    /// What it was.
    pub(crate) baseline: f64,
    /// What it is.
    pub(crate) seen: f64,
    /// By how much it may differ.
    pub(crate) allowed: f64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Instructions.
    Instructions,
    /// Blocks of memory asked for.
    Allocations,
    /// Bytes in them.
    Bytes,
}

/// Compares, path by path. Instructions that were not counted are not compared.
pub(crate) fn compare(baseline: &Baseline, seen: &[Entry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in seen {
        match baseline.path(&entry.name) {
            Some(old) => findings.extend(differences(baseline, old, entry)),
            None => findings.push(Finding::New {
                path: entry.name.clone(),
            }),
        }
    }
    let is_gone = |old: &&Entry| seen.iter().all(|entry| entry.name != old.name);
    findings.extend(
        baseline
            .paths
            .iter()
            .filter(is_gone)
            .map(|old| Finding::Gone {
                path: old.name.clone(),
            }),
    );
    findings
}

fn differences(baseline: &Baseline, old: &Entry, new: &Entry) -> Vec<Finding> {
    let margin = baseline.margin;
    let percent = old.margin_percent.unwrap_or(margin.instructions_percent);
    let was = old.counts;
    let is = new.counts;
    let mut findings = Vec::new();
    let mut differ = |measure, was: f64, is: f64, allowed: f64| {
        let difference = Difference {
            path: new.name.clone(),
            measure,
            baseline: was,
            seen: is,
            allowed,
        };
        // Hundredths are not exact in binary.
        let more = is - was - 1e-9;
        let less = was - is - 1e-9;
        if more > allowed {
            findings.push(Finding::Worse(difference));
        } else if less > allowed {
            findings.push(Finding::Better(difference));
        }
    };
    match (was.instructions, is.instructions) {
        (Some(was), Some(is)) => {
            let was = was as f64;
            let allowed = was * percent / 100.0;
            differ(Measure::Instructions, was, is as f64, allowed);
        }
        (None, Some(_)) => {
            return vec![Finding::New {
                path: new.name.clone(),
            }];
        }
        (_, None) => {}
    }
    differ(
        Measure::Allocations,
        was.allocations,
        is.allocations,
        margin.allocations,
    );
    let allowed = was.bytes as f64 * margin.bytes_percent / 100.0;
    differ(Measure::Bytes, was.bytes as f64, is.bytes as f64, allowed);
    findings
}

// === impl Finding ===

impl Finding {
    /// Whether a test must fail for it.
    pub(crate) fn is_failure(&self) -> bool {
        !matches!(self, Self::Better(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worse(difference) => {
                let limit = difference.shown(difference.baseline + difference.allowed);
                write!(f, "worse: {difference} and allows {limit}. ")?;
                if difference.measure == Measure::Instructions {
                    let path = &difference.path;
                    write!(
                        f,
                        "`callgrind_annotate target/counts/{path}.callgrind` shows where. "
                    )?;
                }
                write!(
                    f,
                    "If it is worth that, `cargo xtask counts --update` writes it down"
                )
            }
            Self::Better(difference) => write!(
                f,
                "better: {difference}. `cargo xtask counts --update` keeps it so"
            ),
            Self::New { path } => write!(
                f,
                "new: `{path}` is not in the baseline. `cargo xtask counts --update` adds it"
            ),
            Self::Gone { path } => write!(
                f,
                "gone: `{path}` is in the baseline, and there is no such path. `cargo xtask \
                 counts --update` removes it"
            ),
        }
    }
}

// === impl Difference ===

impl Difference {
    fn shown(&self, count: f64) -> String {
        match self.measure {
            Measure::Allocations => format!("{count:.2}"),
            Measure::Instructions | Measure::Bytes => format!("{count:.0}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            measure,
            baseline,
            seen,
            ..
        } = self;
        let (was, is) = (self.shown(*baseline), self.shown(*seen));
        write!(
            f,
            "`{path}` takes {is} {measure} for each event; the baseline is {was}"
        )
    }
}

// === impl Measure ===

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instructions => "instructions",
            Self::Allocations => "allocations",
            Self::Bytes => "bytes",
        })
    }
}

#[cfg(test)]
mod tests;
