use capsule_sdk::{prelude::*, testing::Harness};
use serde_json::{Value, json};

use crate::Enrich;

/// The payload after the capsule, `None` if it is left as it is.
fn enrich(config: Value, payload: Value) -> Option<Value> {
    let mut enrich = Harness::<Enrich>::new(config).unwrap();
    let event = enrich
        .event("user.prompt")
        .principal("alice")
        .event_id("e1")
        .time_ms(1_735_689_600_000);
    match event.call_json("enrich", &payload).unwrap() {
        Verdict::Continue(Some(bytes)) => Some(serde_json::from_slice(&bytes).unwrap()),
        Verdict::Continue(None) => None,
        other => panic!("got {other:?}"),
    }
}

#[test]
fn fields_are_added() {
    let facts = json!({"who": "principal", "what": "topic", "id": "event_id", "when": "time", "of": "session"});
    let read = json!({"who": "alice", "what": "user.prompt", "id": "e1", "when": "2025-01-01T00:00:00.000Z"});
    let fixed = json!({"region": "eu", "n": 1});
    let cases = [
        (
            "fixed",
            json!({"fields": fixed}),
            json!({}),
            Some(json!({"meta": fixed})),
        ),
        (
            "of the event; absent ones are left out",
            json!({"from_context": facts}),
            json!({}),
            Some(json!({"meta": read})),
        ),
        (
            "under a key",
            json!({"under": "x", "fields": {"a": 1}}),
            json!({"b": 2}),
            Some(json!({"b": 2, "x": {"a": 1}})),
        ),
        (
            "beside the others",
            json!({"under": "", "fields": {"a": 1}}),
            json!({"b": 2}),
            Some(json!({"a": 1, "b": 2})),
        ),
        (
            "into an object that is there",
            json!({"fields": {"a": 1}}),
            json!({"meta": {"b": 2}}),
            Some(json!({"meta": {"a": 1, "b": 2}})),
        ),
        (
            "no field is overwritten",
            json!({"fields": {"a": 1, "c": 3}}),
            json!({"meta": {"a": null}}),
            Some(json!({"meta": {"a": null, "c": 3}})),
        ),
        (
            "nothing to add",
            json!({"fields": {"a": 1}}),
            json!({"meta": {"a": 2}}),
            None,
        ),
        (
            "no object is overwritten",
            json!({"fields": {"a": 1}}),
            json!({"meta": "text"}),
            None,
        ),
        (
            "unless told",
            json!({"overwrite": true, "fields": {"a": 1}}),
            json!({"meta": {"a": 2}}),
            Some(json!({"meta": {"a": 1}})),
        ),
        (
            "also a text",
            json!({"overwrite": true, "fields": {"a": 1}}),
            json!({"meta": "text"}),
            Some(json!({"meta": {"a": 1}})),
        ),
        (
            "the same again",
            json!({"overwrite": true, "fields": {"a": 1}}),
            json!({"meta": {"a": 1}}),
            None,
        ),
    ];
    for (name, config, payload, want) in cases {
        assert_eq!(enrich(config, payload), want, "case: {name}");
    }
}

#[test]
fn an_event_of_the_system_gets_no_principal() {
    let mut enrich = Harness::<Enrich>::new(json!({"from_context": {"who": "principal"}})).unwrap();

    let got = enrich.event("a").call("enrich", "{}").unwrap();

    assert_eq!(got, Verdict::unchanged());
}

#[test]
fn what_is_no_object_is_skipped() {
    let mut enrich = Harness::<Enrich>::new(json!({"fields": {"a": 1}})).unwrap();
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let payloads: [&[u8]; 8] = [
        b"",
        b"[]",
        b"7",
        b"null",
        b"\"{}\"",
        b"{",
        b"{\"a\": \"\xff\"}",
        deep.as_bytes(),
    ];
    for payload in payloads {
        let got = enrich.event("a").call("enrich", payload).unwrap();
        assert_eq!(
            got,
            Verdict::skip(),
            "payload: {:.20}",
            String::from_utf8_lossy(payload)
        );
    }
}

#[test]
fn other_values_stay_as_they_are_written() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let values = [
        "12345678901234567890123",
        "1.10",
        "1e400",
        "[ 1 ,2 ]",
        r#""\u0041\/ \ud83d\ude00""#,
        &deep,
    ];
    let mut enrich = Harness::<Enrich>::new(json!({"fields": {"a": 1}})).unwrap();
    for value in values {
        let payload = format!(r#"{{"v":{value}}}"#);
        let got = enrich.event("a").call("enrich", payload).unwrap();

        let want = format!(r#"{{"meta":{{"a":1}},"v":{value}}}"#);
        assert_eq!(got, Verdict::replace(want), "value: {value:.20}");
    }
}

#[test]
fn a_bad_config_names_the_key() {
    let cases = [
        (json!({}), "fields"),
        (json!({"fields": []}), "fields"),
        (json!({"from_context": {"x": "who"}}), "from_context.x"),
        (json!({"from_context": {"x": 7}}), "from_context.x"),
        (
            json!({"from_context": {"x": "topic"}, "fields": {"x": 1}}),
            "from_context.x",
        ),
        (json!({"feilds": {"x": 1}}), "feilds"),
    ];
    for (config, key) in cases {
        let error = Harness::<Enrich>::new(&config).unwrap_err().to_string();
        assert!(error.contains(key), "{config} gives {error}");
    }
}

/// The `[config]` of the manifest, and the sample events on topics with this
/// start.
fn samples(topics: &str) -> (Value, Vec<Value>) {
    let manifest: Value = toml::from_str(include_str!("../Capsule.toml")).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/agent-events.jsonl");
    let events = std::fs::read_to_string(path).unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = events.filter(|event| event["topic"].as_str().unwrap().starts_with(topics));
    (manifest["config"].clone(), events.collect())
}

#[test]
fn the_manifest_enriches_the_sample_events() {
    let (config, events) = samples("user.prompt");
    let mut enrich = Harness::<Enrich>::new(config).unwrap();
    let first = &events[0];
    let event = enrich
        .event("user.prompt")
        .principal("alice")
        .event_id("a001")
        .time_ms(1_772_442_000_000);

    let mut want = first["payload"].clone();
    want["meta"] = json!({
        "environment": "demo",
        "schema": 1,
        "topic": "user.prompt",
        "principal": "alice",
        "event_id": "a001",
        "published": first["time"],
    });
    let got = event.call_json("enrich", &first["payload"]).unwrap();
    assert_eq!(got, Verdict::replace(want.to_string()));
}
