//! What `#[capsule]` makes of a type, seen through the native harness.

use capsule_sdk::{Capsule, Level, prelude::*, testing::Harness};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct ToolCall {
    command: String,
}

/// A handler of every shape.
#[derive(Default)]
struct Shapes {
    events: u32,
}

#[capsule]
impl Shapes {
    #[action]
    fn nothing(&mut self) -> Verdict {
        self.events += 1;
        Verdict::answer(self.events.to_string())
    }

    #[action("json-only")]
    fn json(&self, Json(call): Json<ToolCall>) -> Result<Verdict> {
        Ok(Verdict::deny(call.command))
    }

    #[action]
    fn text(&self, text: String) -> Verdict {
        Verdict::replace(text.to_uppercase())
    }

    #[action]
    fn context_only(&self, cx: &Context) -> Result<Verdict> {
        Verdict::answer_json(&json!([
            cx.topic(),
            cx.principal(),
            cx.session(),
            cx.event_id(),
            cx.source(),
            cx.time_ms(),
            cx.hops(),
            cx.remaining_ms(),
            cx.traceparent(),
        ]))
    }

    #[action]
    fn both(&mut self, bytes: Vec<u8>, cx: &Context) -> Result<Verdict, std::num::ParseIntError> {
        info!("{} bytes", bytes.len());
        cx.topic().parse::<u8>()?;
        Ok(Self::helper())
    }

    #[action]
    fn r#match(&self, _cx: &Context, _payload: Vec<u8>) -> Verdict {
        Self::helper()
    }

    fn helper() -> Verdict {
        Verdict::unchanged()
    }
}

struct Configured {
    limit: u8,
}

#[capsule]
impl Configured {
    fn new(config: &Config) -> Result<Self> {
        let limit = config.get("limit")?.unwrap_or(3);
        debug!("limit {limit}");
        Ok(Self { limit })
    }

    #[action]
    fn check(&self) -> Verdict {
        warn!("checked");
        Verdict::answer([self.limit])
    }
}

fn shapes() -> Result<Harness<Shapes>> {
    Harness::new(())
}

#[test]
fn handlers_take_what_they_want_and_no_more() {
    let cases = [
        ("nothing", "", Verdict::answer("1")),
        ("json-only", r#"{"command": "ls"}"#, Verdict::deny("ls")),
        ("text", "hear", Verdict::replace("HEAR")),
        ("match", "x", Verdict::unchanged()),
    ];
    for (action, payload, want) in cases {
        let got = shapes().unwrap().event("a.b").call(action, payload);
        assert_eq!(got, Ok(want), "action: {action}");
    }
}

#[test]
fn actions_are_named_in_the_order_of_the_source() {
    assert_eq!(
        Shapes::ACTIONS,
        [
            "nothing",
            "json-only",
            "text",
            "context_only",
            "both",
            "match"
        ]
    );
}

#[test]
fn state_lasts_from_event_to_event() {
    let mut shapes = shapes().unwrap();

    shapes.event("a").call("nothing", []).unwrap();

    assert_eq!(
        shapes.event("a").call("nothing", []),
        Ok(Verdict::answer("2"))
    );
}

#[test]
fn an_event_is_what_the_test_says() {
    let plain = shapes().unwrap().event("a.b").call("context_only", []);
    let full = shapes()
        .unwrap()
        .event("a.b")
        .principal("alice")
        .session("s1")
        .event_id("e7")
        .source("cli")
        .time_ms(12)
        .hops(2)
        .remaining_ms(50)
        .traceparent("00-1-2-01")
        .call("context_only", []);

    let answer = |value| Ok(Verdict::answer_json(&value).unwrap());
    assert_eq!(
        plain,
        answer(json!([
            "a.b", null, null, "event-1", "test", 0, 0, 1000, null
        ]))
    );
    assert_eq!(
        full,
        answer(json!([
            "a.b",
            "alice",
            "s1",
            "e7",
            "cli",
            12,
            2,
            50,
            "00-1-2-01"
        ]))
    );
}

#[test]
fn what_fails_is_an_error_and_never_a_verdict() {
    let cases = [
        (
            "absent",
            "no handler for action `absent`; this capsule has: \
             nothing, json-only, text, context_only, both, match",
        ),
        (
            "json-only",
            "the payload does not fit: missing field `command` at line 1 column 2",
        ),
        ("both", "invalid digit found in string"),
    ];
    for (action, want) in cases {
        let error = shapes()
            .unwrap()
            .event("a")
            .call_json(action, &json!({}))
            .unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn configuration_makes_the_state() {
    let cases = [
        (json!({}), Ok(3)),
        (json!({"limit": 9}), Ok(9)),
        (
            json!({"limit": 999}),
            Err("[config] limit: invalid value: integer `999`, expected u8 at line 1 column 3"),
        ),
        (json!([]), Err("[config] is a table, and not []")),
    ];
    for (config, want) in cases {
        let got = Harness::<Configured>::new(&config)
            .and_then(|mut capsule| capsule.event("a").call("check", []));
        let want = want
            .map(|limit| Verdict::answer([limit]))
            .map_err(Error::msg);
        assert_eq!(got, want, "config: {config}");
    }
}

#[test]
fn each_harness_has_the_lines_of_its_own_capsule() {
    let mut quiet = shapes().unwrap();
    let mut capsule = Harness::<Configured>::new(json!({"limit": 1})).unwrap();
    capsule.event("a").call("check", []).unwrap();
    quiet.event("1").call("both", "four").unwrap();

    assert_eq!(
        capsule.logs(),
        [
            (Level::Debug, "limit 1".to_owned()),
            (Level::Warn, "checked".to_owned())
        ]
    );
    assert_eq!(quiet.logs(), [(Level::Info, "4 bytes".to_owned())]);
}
