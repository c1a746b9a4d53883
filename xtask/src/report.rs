//! Steps, told as they happen, and their times at the end.

use std::time::Duration;
#[expect(
    clippy::disallowed_types,
    reason = "tells a person how long a step took"
)]
use std::time::Instant;

use anyhow::{Context as _, Result};
use capsule_build::Progress;

/// The steps done so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<(String, Outcome)>,
}

/// Writes what a build says to standard error, as it comes.
#[derive(Debug)]
pub(crate) struct Lines;

#[derive(Debug)]
enum Outcome {
    Took(Duration),
    Skipped(String),
}

// === impl Report ===

impl Report {
    /// Announces a step, does it, and notes how long it took.
    pub(crate) fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("==> {name}");
        #[expect(
            clippy::disallowed_types,
            reason = "tells a person how long a step took"
        )]
        let start = Instant::now();
        let done = work().with_context(|| format!("step `{name}` failed"))?;
        let took = start.elapsed();
        eprintln!("    {name}: {}", seconds(took));
        self.steps.push((name.to_owned(), Outcome::Took(took)));
        Ok(done)
    }

    /// Notes a step that this machine cannot do, and says why.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        eprintln!("==> {name}: skipped, {why}");
        self.steps
            .push((name.to_owned(), Outcome::Skipped(why.to_owned())));
    }

    /// The table of all steps: time, name, and why a step was skipped.
    pub(crate) fn table(&self) -> String {
        let mut total = Duration::ZERO;
        let mut table = String::new();
        for (name, outcome) in &self.steps {
            let line = match outcome {
                Outcome::Took(took) => {
                    total += *took;
                    format!("{:>9}  {name}\n", seconds(*took))
                }
                Outcome::Skipped(why) => format!("{:>9}  {name}: {why}\n", "skipped"),
            };
            table.push_str(&line);
        }
        table.push_str(&format!("{:>9}  in all\n", seconds(total)));
        table
    }
}

// === impl Lines ===

impl Progress for Lines {
    fn step(&self, message: &str) {
        eprintln!("    {message}");
    }

    fn output(&self, line: &str) {
        eprintln!("{line}");
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_times_and_why_a_step_was_skipped() {
        let report = Report {
            steps: vec![
                ("format".into(), Outcome::Took(Duration::from_millis(310))),
                (
                    "licences".into(),
                    Outcome::Skipped("cargo-deny is not installed".into()),
                ),
                ("tests".into(), Outcome::Took(Duration::from_secs(61))),
            ],
        };
        let want = "   0.31 s  format\n  \
                    skipped  licences: cargo-deny is not installed\n  \
                    61.00 s  tests\n  \
                    61.31 s  in all\n";
        assert_eq!(report.table(), want);
    }

    #[test]
    fn a_failed_step_is_named() {
        let error = Report::default()
            .step("format", || -> Result<()> { anyhow::bail!("differs") })
            .unwrap_err();
        assert_eq!(format!("{error:#}"), "step `format` failed: differs");
    }
}
