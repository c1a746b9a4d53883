use capsule_sdk::testing::Harness;
use serde_json::json;

use super::*;

fn capsule() -> Result<Harness<CannedReply>> {
    Harness::new(json!({"replies": [
        {"topic": "user.prompt", "field": "/text", "equals": "/help", "reply": {"text": "Ask."}},
        {"topic": "tool.*", "field": "/args/0", "contains": "Hours", "reply": "9 to 17"},
        {"field": "/kind", "equals": 7, "reply": null},
        {"topic": "deploy.>", "reply": {"error": "paused"}},
    ]}))
}

#[test]
fn the_first_rule_that_fits_answers() {
    struct Case {
        topic: &'static str,
        payload: &'static str,
        want: Option<&'static str>,
    }
    let case = |topic, payload, want| Case {
        topic,
        payload,
        want,
    };
    let cases = [
        case(
            "user.prompt",
            r#"{"text": "/help"}"#,
            Some(r#"{"text":"Ask."}"#),
        ),
        case("user.prompt", r#"{"text": "/help me"}"#, None),
        case("user.prompt", r#"{"text": ["/help"]}"#, None),
        case("user.prompted", r#"{"text": "/help"}"#, None),
        case(
            "tool.search",
            r#"{"args": ["your opening hours?"]}"#,
            Some(r#""9 to 17""#),
        ),
        case("tool.search", r#"{"args": []}"#, None),
        case("tool.search.web", r#"{"args": ["hours"]}"#, None),
        case("tool", r#"{"args": ["hours"]}"#, None),
        case("any.topic", r#"{"kind": 7}"#, Some("null")),
        case("deploy.staging.eu", r#"{"kind": 7}"#, Some("null")),
        case(
            "deploy.staging.eu",
            r#"{"kind": 8}"#,
            Some(r#"{"error":"paused"}"#),
        ),
        case("deploy.staging", "not JSON", Some(r#"{"error":"paused"}"#)),
        case("deploy", "{}", None),
    ];
    for Case {
        topic,
        payload,
        want,
    } in cases
    {
        let got = capsule().and_then(|mut capsule| capsule.event(topic).call("reply", payload));
        let want = want.map_or(Verdict::skip(), Verdict::answer);
        assert_eq!(got, Ok(want), "{topic} {payload}");
    }
}

#[test]
fn a_rule_that_cannot_work_is_refused_by_name() {
    let cases = [
        (json!({}), "[config]: missing field `replies`"),
        (
            json!({"replies": [{"topic": "a", "reply": 1}, {"reply": 1}]}),
            "[config]: `replies[1]`: needs `topic`, `field` or both",
        ),
        (
            json!({"replies": [{"topic": "a", "equals": 1, "reply": 1}]}),
            "[config]: `replies[0]`: `equals` and `contains` need a `field`",
        ),
        (
            json!({"replies": [{"field": "/a", "reply": 1}]}),
            "[config]: `replies[0]`: `field` needs either `equals` or `contains`",
        ),
        (
            json!({"replies": [{"field": "a", "equals": 1, "reply": 1}]}),
            "[config]: `replies[0]`: `field` is a JSON pointer: write `/a`",
        ),
        (
            json!({"replies": [{"topics": "a", "reply": 1}]}),
            "[config]: `replies[0].topics`: unknown field `topics`",
        ),
    ];
    for (config, want) in cases {
        let error = Harness::<CannedReply>::new(config)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(want), "got {error}");
    }
}
