//! Outcomes for people: one line each.

use std::fmt::Write;

use super::pipeline::Answer;
use crate::{Decision, Outcome, StepVerdict, cli::output::printable};

/// The answer in one line.
pub(super) fn line(answer: &Answer) -> String {
    match answer {
        Answer::Outcome(outcome) => outcome_line(outcome),
        Answer::Refused { line, error } => {
            format!("refused   line {line}: {}", printable(error))
        }
    }
}

fn outcome_line(outcome: &Outcome) -> String {
    let event = &outcome.event;
    let whose = event.principal.as_ref().map_or("-", |p| p.as_str());
    let mut line = format!("{:<9} {}  {whose}", outcome.decision.as_str(), event.topic);
    // Writing to a string does not fail.
    let _ = match &outcome.decision {
        Decision::Continue { .. } => {
            let changed = outcome.steps.iter().filter(|step| {
                let changed = matches!(step.verdict, StepVerdict::Continue { changed: true });
                changed && !step.interceptor.monitors()
            });
            let by: Vec<_> = changed.map(|step| &*step.interceptor.capsule).collect();
            match by.as_slice() {
                [] => Ok(()),
                by => write!(line, "  changed by {}", by.join(", ")),
            }
        }
        Decision::Final { by, .. } => write!(line, "  answered by {by}"),
        Decision::Deny { by, reason } => write!(line, "  by {by}: {}", printable(reason)),
    };
    for step in outcome.steps.iter() {
        if let StepVerdict::Error(error) = &step.verdict {
            let capsule = &step.interceptor.capsule;
            let _ = write!(line, "  [{capsule}: {}]", printable(&error.to_string()));
        }
    }
    line
}
