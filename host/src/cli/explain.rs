//! `capsule explain`: why an interceptor runs, or does not.

use anyhow::Result;
use capsule_core::dispatch::Interceptor;
use serde::Serialize;

use super::{
    args::{ExplainArgs, Format},
    command::Done,
    output,
};
use crate::{
    Explanation, Host,
    registry::{Entry, State},
};

#[derive(Serialize)]
struct Report {
    topic: String,
    principal: Option<String>,
    /// Only the host publishes on it.
    reserved: bool,
    asked: Vec<Asked>,
    not_asked: Vec<NotAsked>,
    not_loaded: Vec<NotLoaded>,
}

#[derive(Serialize)]
struct Asked {
    capsule: String,
    action: String,
    event: String,
    priority: i32,
    on_error: &'static str,
    mode: &'static str,
    timeout_ms: u128,
    order: &'static str,
}

#[derive(Serialize)]
struct NotAsked {
    capsule: String,
    action: String,
    event: String,
    why: String,
}

#[derive(Serialize)]
struct NotLoaded {
    capsule: String,
    error: String,
    /// Whether its interceptors take part all the same, as errors.
    takes_part: bool,
}

/// Explains one topic.
pub(super) fn run(args: &ExplainArgs) -> Result<Done> {
    let builder = args.host.builder(args.capsules.as_ref())?;
    let host = builder.keep_going().start()?;
    let report = report(&host, host.explain(&args.topic), args);
    match args.format {
        Format::Json => output::json(&report)?,
        Format::Text => print(&report)?,
    }
    Ok(Done::Well)
}

fn report(host: &Host, explanation: Explanation, args: &ExplainArgs) -> Report {
    Report {
        topic: explanation.topic.to_string(),
        principal: args.principal.as_ref().map(ToString::to_string),
        reserved: explanation.topic.is_reserved(),
        asked: explanation.asked.iter().map(|i| asked(i)).collect(),
        not_asked: explanation
            .not_asked
            .iter()
            .map(|other| NotAsked {
                capsule: other.interceptor.capsule.to_string(),
                action: other.interceptor.action.to_string(),
                event: other.interceptor.event.to_string(),
                why: other.why.to_string(),
            })
            .collect(),
        not_loaded: host
            .capsules()
            .entries()
            .iter()
            .filter_map(|entry| not_loaded(entry))
            .collect(),
    }
}

fn asked(interceptor: &Interceptor) -> Asked {
    Asked {
        capsule: interceptor.capsule.to_string(),
        action: interceptor.action.to_string(),
        event: interceptor.event.to_string(),
        priority: interceptor.priority,
        on_error: interceptor.on_error.as_str(),
        mode: interceptor.mode.as_str(),
        timeout_ms: interceptor.timeout.as_millis(),
        order: interceptor.order.as_str(),
    }
}

fn not_loaded(entry: &Entry) -> Option<NotLoaded> {
    match &entry.state {
        State::Loaded(_) | State::External(_) => None,
        State::Failed(error) => Some(NotLoaded {
            capsule: entry.name(),
            error: error.to_string(),
            takes_part: entry.manifest.is_some(),
        }),
    }
}

fn print(report: &Report) -> Result<()> {
    let whose = match &report.principal {
        Some(principal) => format!("An event of {principal}"),
        None => "An event of the system itself".to_owned(),
    };
    match report.asked.len() {
        _ if report.reserved => output::text(&format!(
            "{} is reserved: only the host publishes under `host.`, and nothing intercepts it.",
            report.topic
        ))?,
        0 => output::text(&format!(
            "{whose} on {} meets no interceptor: it is admitted as it is.",
            report.topic
        ))?,
        _ => {
            output::text(&format!(
                "{whose} on {} meets, in this order:\n",
                report.topic
            ))?;
            let mut table = output::table([
                "", "CAPSULE", "ACTION", "EVENT", "PRIORITY", "ON ERROR", "TIMEOUT", "MODE",
                "ORDER",
            ]);
            for (place, asked) in (1..).zip(&report.asked) {
                table.add_row([
                    &format!("{place}."),
                    &asked.capsule,
                    &asked.action,
                    &asked.event,
                    &asked.priority.to_string(),
                    asked.on_error,
                    &format!("{} ms", asked.timeout_ms),
                    asked.mode,
                    asked.order,
                ]);
            }
            output::text(&table.trim_fmt())?;
        }
    }
    if !report.not_asked.is_empty() {
        output::text("\nNot asked:\n")?;
        let mut table = output::table(["CAPSULE", "ACTION", "EVENT", "WHY NOT"]);
        for other in &report.not_asked {
            table.add_row([&other.capsule, &other.action, &other.event, &other.why]);
        }
        output::text(&table.trim_fmt())?;
    }
    for failed in &report.not_loaded {
        let part = if failed.takes_part {
            "its interceptors take part as errors"
        } else {
            "what it would intercept is not known"
        };
        output::text(&format!(
            "\nNot loaded: {}; {part}.\n{}",
            failed.capsule, failed.error
        ))?;
    }
    Ok(())
}
