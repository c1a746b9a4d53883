//! One line in: an event of the host's own shape, or a CloudEvent.

use std::time::SystemTime;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use capsule_core::types::{Draft, Name, NameError, Principal, PrincipalError, Topic, TopicError};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Why a line is not an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventLineError {
    /// Nothing but white space.
    #[error("the line is empty; an event is a JSON object such as {{\"topic\":\"a.b\"}}")]
    Empty,
    /// Bytes that are no text.
    #[error("byte {at} of the line is not UTF-8")]
    NotUtf8 {
        /// Where, counted from 0.
        at: usize,
    },
    /// No JSON object, a field that is unknown, missing, or of another type.
    #[error("not an event: {0}")]
    Json(#[from] serde_json::Error),
    /// A CloudEvent of a version the host does not read.
    #[error("specversion `{found}` is not supported; the host reads CloudEvents 1.0")]
    SpecVersion {
        /// The version found.
        found: String,
    },
    /// The payload is there twice.
    #[error("`{0}` and `{0}_base64` are both set; an event has one payload")]
    TwoPayloads(&'static str),
    /// Bad base64.
    #[error("`{field}` is not base64: {error}")]
    Base64 {
        /// The field.
        field: &'static str,
        /// What is wrong.
        error: base64::DecodeError,
    },
    /// Bad topic.
    #[error("`{field}` is not a topic: {error}")]
    Topic {
        /// The field.
        field: &'static str,
        /// What is wrong.
        error: TopicError,
    },
    /// Bad principal.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
    /// Bad id, session, source or `traceparent`.
    #[error("`{field}` cannot be used: {error}")]
    Name {
        /// The field.
        field: &'static str,
        /// What is wrong.
        error: NameError,
    },
    /// Bad time.
    #[error("`time` is not an RFC 3339 time such as 2026-01-31T12:00:00Z: {0}")]
    Time(jiff::Error),
}

/// The host's own shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine<'a> {
    topic: String,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
    payload_base64: Option<String>,
    principal: Option<String>,
    session: Option<String>,
    id: Option<String>,
    source: Option<String>,
    time: Option<String>,
    traceparent: Option<String>,
}

/// A CloudEvent 1.0 in JSON. Extensions that the host does not know are
/// allowed, as that specification demands, and not carried.
#[derive(Deserialize)]
struct CloudEvent<'a> {
    specversion: String,
    r#type: String,
    id: String,
    source: String,
    time: Option<String>,
    datacontenttype: Option<String>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
    principal: Option<String>,
    session: Option<String>,
    traceparent: Option<String>,
}

#[derive(Deserialize)]
struct Kind {
    specversion: Option<serde::de::IgnoredAny>,
}

/// A `null` that is there is a payload like any other.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Reads one line, without its line end. A payload that is JSON is a part of
/// `line`, which stays in memory as long as it does.
///
/// # Errors
///
/// [`EventLineError`] says what is wrong with it.
pub fn parse_event(bytes: &Bytes) -> Result<Draft, EventLineError> {
    let line = str::from_utf8(bytes).map_err(|error| EventLineError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    if line.trim_ascii().is_empty() {
        return Err(EventLineError::Empty);
    }
    match serde_json::from_str(line) {
        Ok(event) => own(bytes, event),
        // Only a line that is not of the host's own shape is looked at twice.
        Err(error) => match serde_json::from_str(line) {
            Ok(Kind {
                specversion: Some(_),
            }) => cloud_event(bytes, serde_json::from_str(line)?),
            _ => Err(error.into()),
        },
    }
}

fn own(line: &Bytes, event: EventLine<'_>) -> Result<Draft, EventLineError> {
    let payload = match (event.payload, event.payload_base64) {
        (Some(_), Some(_)) => return Err(EventLineError::TwoPayloads("payload")),
        (Some(json), None) => line.slice_ref(json.get().as_bytes()),
        (None, Some(text)) => base64("payload_base64", &text)?,
        (None, None) => Bytes::new(),
    };
    let topic = topic("topic", &event.topic)?;
    let principal = event.principal.as_deref().map(Principal::new).transpose()?;
    Ok(Draft::of(principal, topic, payload)
        .with_session(name("session", event.session)?)
        .with_id(name("id", event.id)?)
        .with_source(name("source", event.source)?)
        .with_time(time(event.time)?)
        .with_traceparent(name("traceparent", event.traceparent)?))
}

fn cloud_event(line: &Bytes, event: CloudEvent<'_>) -> Result<Draft, EventLineError> {
    if event.specversion != "1.0" {
        return Err(EventLineError::SpecVersion {
            found: event.specversion,
        });
    }
    let is_json = event.datacontenttype.as_deref().is_none_or(is_json);
    let payload = match (event.data, event.data_base64) {
        (Some(_), Some(_)) => return Err(EventLineError::TwoPayloads("data")),
        (Some(data), None) if is_json => line.slice_ref(data.get().as_bytes()),
        // Data of another type is carried as a JSON string that holds it.
        (Some(data), None) => serde_json::from_str::<String>(data.get())?.into(),
        (None, Some(text)) => base64("data_base64", &text)?,
        (None, None) => Bytes::new(),
    };
    let topic = topic("type", &event.r#type)?;
    let principal = event.principal.as_deref().map(Principal::new).transpose()?;
    Ok(Draft::of(principal, topic, payload)
        .with_session(name("session", event.session)?)
        .with_id(name("id", Some(event.id))?)
        .with_source(name("source", Some(event.source))?)
        .with_time(time(event.time)?)
        .with_traceparent(name("traceparent", event.traceparent)?))
}

/// Whether a media type says JSON: `application/json`, `…+json`, with or
/// without parameters.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.ends_with("/json") || essence.ends_with("+json")
}

fn topic(field: &'static str, text: &str) -> Result<Topic, EventLineError> {
    Topic::new(text).map_err(|error| EventLineError::Topic { field, error })
}

fn name(field: &'static str, text: Option<String>) -> Result<Option<Name>, EventLineError> {
    text.map(|text| Name::new(&text))
        .transpose()
        .map_err(|error| EventLineError::Name { field, error })
}

fn base64(field: &'static str, text: &str) -> Result<Bytes, EventLineError> {
    match BASE64_STANDARD.decode(text) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(EventLineError::Base64 { field, error }),
    }
}

fn time(text: Option<String>) -> Result<Option<SystemTime>, EventLineError> {
    text.map(|text| text.parse::<Timestamp>().map(SystemTime::from))
        .transpose()
        .map_err(EventLineError::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<std::sync::Arc<capsule_core::types::Event>, String> {
        parse_event(&Bytes::copy_from_slice(line.as_bytes()))
            .map(|draft| draft.into_event(0))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn events_are_read() {
        let event = read(
            r#"{"topic":"a.b","payload":{"n":1.50, "a":[]},"principal":"alice","session":"s",
                "id":"7","source":"test","time":"2026-01-31T12:00:00.5Z","traceparent":"00-a"}"#,
        )
        .unwrap();
        assert_eq!(event.topic.as_str(), "a.b");
        assert_eq!(event.payload, r#"{"n":1.50, "a":[]}"#, "as it was written");
        assert_eq!(event.principal.as_ref().unwrap().as_str(), "alice");
        assert_eq!(event.session.as_ref().unwrap().as_str(), "s");
        assert_eq!(event.id.to_string(), "7");
        assert_eq!(event.source.as_ref().unwrap().as_str(), "test");
        assert_eq!(event.traceparent.as_ref().unwrap().as_str(), "00-a");
        let since = event.time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since.as_millis(), 1_769_860_800_500);

        let bytes = read(r#"{"topic":"a","payload_base64":"AP8="}"#).unwrap();
        assert_eq!(bytes.payload, &[0, 255][..]);
        assert_eq!(read(r#"{"topic":"a"}"#).unwrap().payload, "");
        let null = read(r#"{"topic":"a","payload":null}"#).unwrap();
        assert_eq!(null.payload, "null");
        assert_eq!(
            read(r#"{"topic":"a","payload":"x"}"#).unwrap().payload,
            r#""x""#
        );
    }

    #[test]
    fn cloud_events_are_read() {
        let event = read(
            r#"{"specversion":"1.0","type":"com.example.made","source":"/here","id":"1",
                "subject":"s","data":{"a":1},"principal":"alice","anything":"else"}"#,
        )
        .unwrap();
        assert_eq!(event.topic.as_str(), "com.example.made");
        assert_eq!(event.payload, r#"{"a":1}"#);
        assert_eq!(event.source.as_ref().unwrap().as_str(), "/here");
        assert_eq!(event.principal.as_ref().unwrap().as_str(), "alice");

        let of = |rest: &str| {
            read(&format!(
                r#"{{"specversion":"1.0","type":"a","source":"/","id":"1",{rest}}}"#
            ))
        };
        let text = of(r#""datacontenttype":"text/plain","data":"a\nb""#).unwrap();
        assert_eq!(text.payload, "a\nb");
        let json = of(r#""datacontenttype":"application/vnd.x+json; charset=utf-8","data":"a""#);
        assert_eq!(json.unwrap().payload, r#""a""#);
        assert_eq!(
            of(r#""data_base64":"AP8=""#).unwrap().payload,
            &[0, 255][..]
        );
    }

    #[test]
    fn what_is_no_event_says_why() {
        let cases = [
            (
                "",
                "the line is empty; an event is a JSON object such as {\"topic\":\"a.b\"}",
            ),
            (
                "  \t",
                "the line is empty; an event is a JSON object such as {\"topic\":\"a.b\"}",
            ),
            ("nope", "not an event: expected ident at line 1 column 2"),
            (
                "[]",
                "not an event: invalid length 0, expected struct EventLine with 9 elements at line 1 column 2",
            ),
            (
                "{}",
                "not an event: missing field `topic` at line 1 column 2",
            ),
            (
                r#"{"topic":"a","priority":1}"#,
                "not an event: unknown field `priority`, expected one of `topic`, `payload`, `payload_base64`, `principal`, `session`, `id`, `source`, `time`, `traceparent` at line 1 column 23",
            ),
            (
                r#"{"topic":"a","topic":"b"}"#,
                "not an event: duplicate field `topic` at line 1 column 20",
            ),
            (
                r#"{"topic":"a..b"}"#,
                "`topic` is not a topic: segment 2 is empty (two dots in a row, or one at an end)",
            ),
            (
                r#"{"topic":"a","principal":"Bob"}"#,
                "principal `Bob` has 'B'; allowed are a-z 0-9 _ -",
            ),
            (
                r#"{"topic":"a","payload":1,"payload_base64":""}"#,
                "`payload` and `payload_base64` are both set; an event has one payload",
            ),
            (
                r#"{"topic":"a","payload_base64":"%"}"#,
                "`payload_base64` is not base64: Invalid symbol 37, offset 0.",
            ),
            (
                r#"{"topic":"a","session":""}"#,
                "`session` cannot be used: it is empty; leave it out instead",
            ),
            (
                r#"{"specversion":"0.3","type":"a","source":"/","id":"1"}"#,
                "specversion `0.3` is not supported; the host reads CloudEvents 1.0",
            ),
            (
                r#"{"specversion":"1.0","type":"a","source":"/"}"#,
                "not an event: missing field `id` at line 1 column 45",
            ),
        ];
        for (line, want) in cases {
            assert_eq!(read(line).map(drop).unwrap_err(), want, "line: {line}");
        }
        let late = read(r#"{"topic":"a","time":"yesterday"}"#).unwrap_err();
        assert!(late.starts_with("`time` is not an RFC 3339 time"), "{late}");
        assert_eq!(
            parse_event(&Bytes::from_static(b"{\"topic\":\"\xff\"}"))
                .unwrap_err()
                .to_string(),
            "byte 10 of the line is not UTF-8"
        );
    }
}
