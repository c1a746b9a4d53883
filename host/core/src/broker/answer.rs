//! What a subscriber says to a question.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use crate::{hook::Verdict, text::printable};

/// Most bytes of a denial's reason that are kept; the same as of an error
/// that a guest reports. No setting: readers of outcomes rely on it.
pub const MAX_REASON_BYTES: usize = 512;

/// The answer to a question.
///
/// Read from a JSON object in which every field may be left out: a non-empty
/// text `abort` denies the event for that reason; `payload`, any JSON but
/// `null`, replaces the event's payload by its text as it is written; whatever
/// else there is rides along. An `abort` that is not a text, and an `abort` or
/// a `payload` that is there twice, are errors, so that a denial is never
/// taken for anything else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    abort: Option<String>,
    payload: Option<Bytes>,
    fields: Map<String, Value>,
}

struct AnswerVisitor;

// === impl Answer ===

impl Answer {
    /// Neither denies nor replaces anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Denies the event; an empty `reason` does not. What would steer a
    /// terminal is escaped, and what is beyond [`MAX_REASON_BYTES`] cut.
    #[must_use]
    pub fn with_abort(mut self, reason: &str) -> Self {
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        self.abort = reason.map(|reason| printable(reason, MAX_REASON_BYTES).into_owned());
        self
    }

    /// Replaces the event's payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Option<Bytes>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Lets `fields` ride along.
    #[must_use]
    pub fn with_fields(mut self, fields: Map<String, Value>) -> Self {
        self.fields = fields;
        self
    }

    /// Why the event is denied, if it is: printable, and never empty.
    pub fn abort(&self) -> Option<&str> {
        self.abort.as_deref()
    }

    /// What replaces the payload.
    pub fn payload(&self) -> Option<&Bytes> {
        self.payload.as_ref()
    }

    /// What else was said.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// What the answer makes of an event in a chain. A denial replaces
    /// nothing.
    pub fn into_verdict(self) -> Verdict {
        match self.abort {
            Some(reason) => Verdict::Deny(reason),
            None => Verdict::Continue(self.payload),
        }
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnswerVisitor)
    }
}

// === impl AnswerVisitor ===

impl<'de> Visitor<'de> for AnswerVisitor {
    type Value = Answer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `abort`, `payload` or fields of your own")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answer, A::Error> {
        let mut abort: Option<Option<String>> = None;
        let mut payload: Option<Option<Box<RawValue>>> = None;
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "abort" if abort.is_some() => return Err(A::Error::duplicate_field("abort")),
                "abort" => abort = Some(map.next_value()?),
                "payload" if payload.is_some() => return Err(A::Error::duplicate_field("payload")),
                "payload" => payload = Some(map.next_value()?),
                _ => {
                    fields.insert(key, map.next_value()?);
                }
            }
        }
        let payload = payload.flatten().map(Box::<str>::from);
        Ok(Answer::new()
            .with_abort(&abort.flatten().unwrap_or_default())
            .with_payload(payload.map(|json| Bytes::from(json.into_string())))
            .with_fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    /// Rule: a non-empty `abort` is a denial with that reason; `payload`, if
    /// there, replaces the payload; other fields ride along.
    #[test]
    fn an_answer_is_read_from_an_object() {
        let cases = [
            ("{}", Answer::new()),
            (r#"{"abort": ""}"#, Answer::new()),
            (r#"{"abort": null, "payload": null}"#, Answer::new()),
            (r#"{"abort": " "}"#, Answer::new().with_abort(" ")),
            (
                r#"{"payload": {"b" : 1.50, "a":2}, "abort": "no"}"#,
                Answer::new()
                    .with_abort("no")
                    .with_payload(Bytes::from(r#"{"b" : 1.50, "a":2}"#)),
            ),
            (
                r#"{"payload": "text", "note": [1], "payload_base64": "eA=="}"#,
                Answer::new()
                    .with_payload(Bytes::from(r#""text""#))
                    .with_fields(fields(json!({"note": [1], "payload_base64": "eA=="}))),
            ),
        ];
        for (text, want) in cases {
            assert_eq!(
                serde_json::from_str::<Answer>(text).unwrap(),
                want,
                "{text}"
            );
            let value: Value = serde_json::from_str(text).unwrap();
            let read: Answer = serde_json::from_value(value).unwrap();
            assert_eq!(read.abort(), want.abort(), "{text}");
            assert_eq!(read.fields(), want.fields(), "{text}");
        }
    }

    #[test]
    fn a_denial_is_never_taken_for_anything_else() {
        let cases = [
            (r#"{"abort": true}"#, "invalid type: boolean `true`"),
            (r#"{"abort": {"reason": "no"}}"#, "invalid type: map"),
            (r#"{"abort": "no", "abort": ""}"#, "duplicate field `abort`"),
            (
                r#"{"payload": 1, "payload": 2}"#,
                "duplicate field `payload`",
            ),
            (r#"["no"]"#, "expected an object with `abort`"),
            ("null", "expected an object with `abort`"),
        ];
        for (text, want) in cases {
            let error = serde_json::from_str::<Answer>(text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn a_reason_is_bounded_and_printable() {
        let answer = Answer::new().with_abort("\u{1b}[2J");
        assert_eq!(answer.abort(), Some("\\u{1b}[2J"));
        let answer = Answer::new().with_abort(&"x".repeat(MAX_REASON_BYTES + 1));
        let reason = answer.abort().unwrap();
        assert_eq!(reason, format!("{}…", "x".repeat(MAX_REASON_BYTES)));
    }

    #[test]
    fn a_denial_replaces_nothing() {
        let denied = Answer::new()
            .with_abort("no")
            .with_payload(Bytes::from("1"));
        let cases = [
            (denied, Verdict::Deny("no".into())),
            (
                Answer::new().with_payload(Bytes::from("1")),
                Verdict::Continue(Some("1".into())),
            ),
            (Answer::new(), Verdict::Continue(None)),
        ];
        for (answer, want) in cases {
            assert_eq!(answer.into_verdict(), want);
        }
    }
}
