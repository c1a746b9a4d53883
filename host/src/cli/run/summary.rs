//! What became of the events, and by whom, as tables.

use std::{collections::HashMap, fmt::Write, sync::Arc, time::Duration};

use comfy_table::CellAlignment;
use hdrhistogram::Histogram;

use super::pipeline::Answer;
use crate::{
    Decision, Interceptor, Outcome, Step, StepVerdict,
    cli::output::{printable, table},
};

// The form of a summary for people; numbers are in the metrics.

/// Denials told apart by their reason; more are counted together.
const REASONS: usize = 1000;
/// Denials shown.
const SHOWN: usize = 10;
/// Characters of a reason that are shown.
const REASON_CHARS: usize = 100;
/// Digits to which durations are kept.
const DIGITS: u8 = 2;

/// Totals over a run. Its size depends on the capsules, not on the events.
#[derive(Debug, Default)]
pub(super) struct Summary {
    events: u64,
    admitted: u64,
    changed: u64,
    answered: u64,
    denied: u64,
    refused: u64,
    interceptors: HashMap<(Arc<str>, Arc<str>), Totals>,
    denials: HashMap<(Arc<str>, String), u64>,
    other_denials: u64,
}

#[derive(Debug, Default)]
struct Totals {
    priority: i32,
    asked: u64,
    changed: u64,
    skipped: u64,
    answered: u64,
    denied: u64,
    errors: u64,
    monitor: bool,
    nanos: Option<Histogram<u64>>,
}

// === impl Summary ===

impl Summary {
    /// Counts one answer.
    pub(super) fn add(&mut self, answer: &Answer) {
        match answer {
            Answer::Refused { .. } => self.refused += 1,
            Answer::Outcome(outcome) => self.add_outcome(outcome),
        }
    }

    fn add_outcome(&mut self, outcome: &Outcome) {
        self.events += 1;
        match &outcome.decision {
            Decision::Continue { .. } => self.admitted += 1,
            Decision::Final { .. } => self.answered += 1,
            Decision::Deny { by, reason } => {
                self.denied += 1;
                self.add_denial(by, reason);
            }
        }
        let mut changed = false;
        for step in outcome.steps.iter() {
            let interceptor = &step.interceptor;
            changed |= !interceptor.monitors()
                && matches!(step.verdict, StepVerdict::Continue { changed: true });
            let key = (interceptor.capsule.clone(), interceptor.action.clone());
            self.interceptors
                .entry(key)
                .or_insert_with(|| Totals::new(interceptor))
                .add(step);
        }
        self.changed += u64::from(changed && outcome.is_admitted());
    }

    fn add_denial(&mut self, by: &Arc<str>, reason: &str) {
        let shown: String = printable(reason).chars().take(REASON_CHARS).collect();
        let key = (by.clone(), shown);
        if self.denials.len() < REASONS || self.denials.contains_key(&key) {
            *self.denials.entry(key).or_default() += 1;
        } else {
            self.other_denials += 1;
        }
    }

    /// The tables, for a terminal.
    pub(super) fn render(&self, took: Duration) -> String {
        let mut text = format!(
            "\n{} events in {:.2} s: {} admitted ({} of them changed), {} answered, {} denied",
            self.events,
            took.as_secs_f64(),
            self.admitted,
            self.changed,
            self.answered,
            self.denied
        );
        // Writing to a string does not fail.
        if self.refused > 0 {
            let _ = write!(text, "; {} lines were no events", self.refused);
        }
        text.push('\n');
        if !self.interceptors.is_empty() {
            let _ = write!(text, "\n{}\n", self.interceptor_table());
        }
        if !self.denials.is_empty() {
            let _ = write!(text, "\n{}", self.denial_table());
        }
        text
    }

    fn interceptor_table(&self) -> String {
        let mut rows: Vec<_> = self.interceptors.iter().collect();
        rows.sort_by_key(|((capsule, action), totals)| (totals.priority, capsule, action));
        let mut table = table([
            "CAPSULE", "ACTION", "ASKED", "CHANGED", "SKIPPED", "ANSWERED", "DENIED", "ERRORS",
            "P50", "P99",
        ]);
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for ((capsule, action), totals) in rows {
            let action = if totals.monitor {
                format!("{action} (monitor)")
            } else {
                action.to_string()
            };
            table.add_row([
                capsule.to_string(),
                action,
                totals.asked.to_string(),
                count(totals.changed),
                count(totals.skipped),
                count(totals.answered),
                count(totals.denied),
                count(totals.errors),
                totals.quantile(0.5),
                totals.quantile(0.99),
            ]);
        }
        table.trim_fmt()
    }

    fn denial_table(&self) -> String {
        let mut denials: Vec<_> = self.denials.iter().collect();
        denials.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then(a.cmp(b)));
        let mut table = table(["DENIED", "BY", "REASON"]);
        if let Some(column) = table.column_mut(0) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for ((by, reason), count) in denials.iter().take(SHOWN) {
            table.add_row([&count.to_string(), &**by, reason.as_str()]);
        }
        let mut text = table.trim_fmt();
        let rest: u64 = denials.iter().skip(SHOWN).map(|(_, count)| *count).sum();
        if rest + self.other_denials > 0 {
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "\n… and {} more for other reasons",
                rest + self.other_denials
            );
        }
        text
    }
}

// === impl Totals ===

impl Totals {
    fn new(interceptor: &Interceptor) -> Self {
        Self {
            priority: interceptor.priority,
            monitor: interceptor.monitors(),
            nanos: Histogram::new(DIGITS).ok(),
            ..Self::default()
        }
    }

    fn add(&mut self, step: Step<'_>) {
        self.asked += 1;
        match step.verdict {
            StepVerdict::Continue { changed } => self.changed += u64::from(*changed),
            StepVerdict::Skip => self.skipped += 1,
            StepVerdict::Final => self.answered += 1,
            StepVerdict::Deny { .. } => self.denied += 1,
            StepVerdict::Error(_) => self.errors += 1,
        }
        if let Some(nanos) = &mut self.nanos {
            // It grows as it must; no duration is out of its range.
            let _ = nanos.record(u64::try_from(step.duration.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    fn quantile(&self, quantile: f64) -> String {
        let nanos = self
            .nanos
            .as_ref()
            .map_or(0, |n| n.value_at_quantile(quantile));
        match nanos {
            0..1_000_000 => format!("{:.1} µs", nanos as f64 / 1e3),
            _ => format!("{:.1} ms", nanos as f64 / 1e6),
        }
    }
}

/// Nothing for zero, so that what happened stands out.
fn count(count: u64) -> String {
    match count {
        0 => String::new(),
        count => count.to_string(),
    }
}
