//! `capsule check`: is every capsule of a directory fit to run?

use anyhow::Result;
use serde::Serialize;

use super::{
    args::{CheckArgs, Format},
    command::Done,
    output,
};
use crate::registry::{Entry, State};

#[derive(Serialize)]
struct Report {
    capsule: String,
    dir: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Checks each capsule and reports on it.
pub(super) fn run(args: &CheckArgs) -> Result<Done> {
    let builder = args.host.builder(args.capsules.as_ref())?;
    let generation = builder.check()?;
    let reports: Vec<_> = generation
        .entries()
        .iter()
        .map(|entry| report(entry))
        .collect();
    match args.format {
        Format::Json => output::json(&reports)?,
        Format::Text => reports.iter().try_for_each(|report| match &report.error {
            None => output::text(&format!("ok      {}", report.capsule)),
            Some(error) => output::text(&format!("FAILED  {}\n{error}", report.capsule)),
        })?,
    }
    Ok(if reports.iter().all(|report| report.ok) {
        Done::Well
    } else {
        Done::WithFailures
    })
}

fn report(entry: &Entry) -> Report {
    let error = match &entry.state {
        State::Loaded(_) | State::External(_) => None,
        State::Failed(error) => Some(error.to_string()),
    };
    Report {
        capsule: entry.name(),
        dir: entry.dir.display().to_string(),
        ok: error.is_none(),
        error,
    }
}
