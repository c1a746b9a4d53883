//! `capsule list`: what is in a directory of capsules.

use anyhow::Result;
use serde::Serialize;

use super::{
    args::{CheckArgs, Format},
    command::Done,
    output,
};
use crate::registry::{Entry, State};

#[derive(Serialize)]
struct Row {
    capsule: String,
    version: String,
    description: String,
    state: &'static str,
    events: Vec<String>,
}

/// Lists the capsules, loaded or not.
pub(super) fn run(args: &CheckArgs) -> Result<Done> {
    let generation = args.host.builder(args.capsules.as_ref())?.check()?;
    let rows: Vec<_> = generation
        .entries()
        .iter()
        .map(|entry| row(entry))
        .collect();
    match args.format {
        Format::Json => output::json(&rows)?,
        Format::Text => {
            let mut table = output::table(["CAPSULE", "VERSION", "STATE", "EVENTS", "DESCRIPTION"]);
            for row in rows {
                let events = row.events.join("\n");
                let description = output::printable(&row.description);
                table.add_row([&row.capsule, &row.version, row.state, &events, &description]);
            }
            output::text(&table.trim_fmt())?;
        }
    }
    Ok(Done::Well)
}

fn row(entry: &Entry) -> Row {
    let manifest = entry.manifest.as_ref();
    Row {
        capsule: entry.name(),
        version: manifest.map_or_else(String::new, |m| m.capsule.version.to_string()),
        description: manifest.map_or_else(String::new, |m| m.capsule.description.clone()),
        state: match entry.state {
            State::Loaded(_) => "ok",
            State::External(_) => "external",
            State::Failed(_) => "failed",
        },
        events: manifest.map_or_else(Vec::new, |manifest| {
            manifest
                .interceptors
                .iter()
                .map(|interceptor| interceptor.event.to_string())
                .collect()
        }),
    }
}
