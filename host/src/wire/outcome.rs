//! One line out: what became of an event, or why a line was none.

use std::{borrow::Cow, fmt::Display, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use capsule_core::{
    dispatch::{Decision, Outcome, Step, StepVerdict, Steps},
    types::EventId,
};
use memchr::memchr2;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

#[derive(Serialize)]
struct OutcomeLine<'a> {
    #[serde(serialize_with = "shown")]
    id: &'a EventId,
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_base64: Option<String>,
    #[serde(serialize_with = "step_lines")]
    steps: &'a Steps,
    duration_us: f64,
}

#[derive(Serialize)]
struct StepLine<'a> {
    capsule: &'a str,
    action: &'a str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    monitor: bool,
    duration_us: f64,
}

#[derive(Serialize)]
struct RefusalLine<'a> {
    line: u64,
    error: &'a str,
}

/// Writes the outcome as one line of JSON, without a line end. Durations are in
/// microseconds, to a tenth. Bytes that are no JSON go out as base64.
///
/// # Errors
///
/// None that a caller can cause: the error of the serializer is passed on.
pub fn write_outcome(to: &mut Vec<u8>, outcome: &Outcome) -> Result<(), serde_json::Error> {
    let event = &outcome.event;
    let mut line = OutcomeLine {
        id: &event.id,
        topic: event.topic.as_str(),
        principal: event.principal.as_ref().map(|p| p.as_str()),
        session: event.session.as_ref().map(|s| s.as_str()),
        verdict: outcome.decision.as_str(),
        by: None,
        reason: None,
        payload: None,
        payload_base64: None,
        response: None,
        response_base64: None,
        steps: &outcome.steps,
        duration_us: micros(outcome.duration),
    };
    match &outcome.decision {
        Decision::Continue { payload } => {
            (line.payload, line.payload_base64) = json_or_base64(payload);
        }
        Decision::Final { by, response } => {
            line.by = Some(by);
            (line.response, line.response_base64) = json_or_base64(response);
        }
        Decision::Deny { by, reason } => {
            line.by = Some(by);
            line.reason = Some(reason);
        }
    }
    serde_json::to_writer(to, &line)
}

/// Writes what stands in the place of the outcome of line number `line`, which was
/// not an event or was not taken in.
///
/// # Errors
///
/// As [`write_outcome`].
pub fn write_refusal(to: &mut Vec<u8>, line: u64, error: &str) -> Result<(), serde_json::Error> {
    serde_json::to_writer(to, &RefusalLine { line, error })
}

fn step_line(step: Step<'_>) -> StepLine<'_> {
    let interceptor = step.interceptor;
    let mut line = StepLine {
        capsule: &interceptor.capsule,
        action: &interceptor.action,
        verdict: step.verdict.as_str(),
        changed: None,
        reason: None,
        error: None,
        message: None,
        monitor: interceptor.monitors(),
        duration_us: micros(step.duration),
    };
    match step.verdict {
        StepVerdict::Continue { changed } => line.changed = Some(*changed),
        StepVerdict::Deny { reason } => line.reason = Some(reason),
        StepVerdict::Error(error) => {
            line.error = Some(error.kind.as_str());
            line.message = Some(&error.message);
        }
        StepVerdict::Final | StepVerdict::Skip => {}
    }
    line
}

/// The bytes as they are if they are JSON, or else in base64.
fn json_or_base64(bytes: &[u8]) -> (Option<Cow<'_, RawValue>>, Option<String>) {
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(json) => (Some(on_one_line(json)), None),
        Err(_) => (None, Some(BASE64_STANDARD.encode(bytes))),
    }
}

/// In JSON a raw line end stands between tokens only, where a space does as
/// well.
fn on_one_line(json: &RawValue) -> Cow<'_, RawValue> {
    if memchr2(b'\n', b'\r', json.get().as_bytes()).is_none() {
        return Cow::Borrowed(json);
    }
    RawValue::from_string(json.get().replace(['\n', '\r'], " "))
        .map_or(Cow::Borrowed(json), Cow::Owned)
}

fn shown<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

fn step_lines<S: Serializer>(steps: &Steps, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(steps.iter().map(step_line))
}

fn micros(duration: Duration) -> f64 {
    let tenths = duration.as_nanos() / 100;
    tenths as f64 / 10.0
}

fn is_false(value: &bool) -> bool {
    !value
}
