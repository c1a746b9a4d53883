use std::collections::HashMap;

use capsule_sdk::{prelude::*, testing::Harness};
use serde_json::{Value, json};

use crate::{RateLimit, matches};

/// What becomes of events on these topics at these times: `true` is admitted.
fn admitted(config: Value, events: &[(&str, u64)]) -> Vec<bool> {
    let mut limit = Harness::<RateLimit>::new(config).unwrap();
    let mut send = |(topic, time): &(&str, u64)| {
        let verdict = limit.event(topic).time_ms(*time).call("limit", "").unwrap();
        !matches!(verdict, Verdict::Deny(_))
    };
    events.iter().map(&mut send).collect()
}

fn limit(events: u32, per_seconds: u32) -> Value {
    json!({"default": {"events": events, "per_seconds": per_seconds}})
}

#[test]
fn events_are_counted_by_their_own_time() {
    let cases = [
        (
            "a burst empties the bucket",
            limit(2, 1),
            vec![0, 0, 0],
            vec![true, true, false],
        ),
        (
            "time fills it",
            limit(2, 1),
            vec![0, 0, 499, 500, 500],
            vec![true, true, false, true, false],
        ),
        (
            "not beyond its size",
            limit(2, 1),
            vec![0, 90_000, 90_000, 90_000],
            vec![true, true, true, false],
        ),
        (
            "a denied event costs nothing",
            limit(1, 1),
            vec![0, 999, 1000],
            vec![true, false, true],
        ),
        (
            "thirds of seconds add up",
            limit(3, 1),
            vec![0, 0, 0, 333, 334, 667, 1000],
            vec![true, true, true, false, true, true, true],
        ),
        (
            "time going back fills nothing",
            limit(1, 1),
            vec![5000, 0, 4000, 5999, 6000],
            vec![true, false, false, false, true],
        ),
        (
            "nor can it be won twice",
            limit(1, 1),
            vec![0, 1000, 0, 1000, 2000],
            vec![true, true, false, false, true],
        ),
        (
            "the end of time",
            limit(u32::MAX, u32::MAX),
            vec![0, u64::MAX, 0],
            vec![true, true, true],
        ),
    ];
    for (name, config, times, want) in cases {
        let events: Vec<_> = times.into_iter().map(|time| ("a.b", time)).collect();
        assert_eq!(admitted(config, &events), want, "case: {name}");
    }
}

#[test]
fn a_burst_can_be_larger_or_smaller_than_the_rate() {
    for (burst, want) in [(1, 1), (2, 2), (9, 9)] {
        let config = json!({"default": {"events": 2, "per_seconds": 1, "burst": burst}});
        let count = admitted(config, &[("a", 0); 20])
            .into_iter()
            .filter(|ok| *ok)
            .count();
        assert_eq!(count, want, "burst: {burst}");
    }
}

#[test]
fn the_first_matching_limit_counts() {
    let config = json!({
        "limits": [
            {"topic": "tool.execute.shell", "events": 1, "per_seconds": 60},
            {"topic": "tool.>", "events": 2, "per_seconds": 60},
        ],
        "default": {"events": 1, "per_seconds": 60},
    });
    let events = [
        ("tool.execute.shell", true),
        ("tool.execute.shell", false),
        ("tool.execute.sql", true),
        ("tool.execute.http", true),
        ("tool.x", false),
        ("user.prompt", true),
        ("assistant.reply", false),
    ];
    let sent = events.map(|(topic, _)| (topic, 0));

    assert_eq!(admitted(config, &sent), events.map(|(_, want)| want));
}

#[test]
fn a_topic_without_a_limit_is_skipped() {
    let config = json!({"limits": [{"topic": "a.*", "events": 1, "per_seconds": 1}]});
    let mut limit = Harness::<RateLimit>::new(config).unwrap();

    for _ in 0..3 {
        assert_eq!(
            limit.event("a").call("limit", *b"\xff").unwrap(),
            Verdict::skip()
        );
    }
}

#[test]
fn a_denial_says_when_to_come_back() {
    let mut limit = Harness::<RateLimit>::new(limit(2, 60)).unwrap();
    let mut reason = |time| {
        limit
            .event("a")
            .principal("bob")
            .time_ms(time)
            .call("limit", "")
            .unwrap()
    };
    reason(70_000);
    reason(70_000);

    let of = |seconds: u32| {
        Verdict::deny(format!(
            "rate limit of `>` (2 events in 60 s), retry_after={seconds}s"
        ))
    };
    assert_eq!(reason(70_000), of(30));
    assert_eq!(reason(99_000), of(1));
    assert_eq!(reason(98_000), of(2));
}

#[test]
fn patterns_match_whole_segments() {
    let cases = [
        ("a.b", "a.b", true),
        ("a.b", "a.c", false),
        ("a.b", "a", false),
        ("a", "a.b", false),
        ("a.*", "a.b", true),
        ("a.*", "a", false),
        ("a.*", "a.b.c", false),
        ("*.b", "a.b", true),
        ("a.>", "a.b.c", true),
        ("a.>", "a", false),
        (">", "a", true),
        ("*", "a", true),
        ("*", "a.b", false),
        ("a", "ab", false),
    ];
    for (pattern, topic, want) in cases {
        assert_eq!(matches(pattern, topic), want, "{pattern} on {topic}");
    }
}

#[test]
fn a_bad_config_names_the_key() {
    let cases = [
        (json!({}), "default"),
        (
            json!({"default": {"events": 0, "per_seconds": 1}}),
            "default: `events`",
        ),
        (json!({"default": {"events": 1}}), "per_seconds"),
        (
            json!({"default": {"events": -1, "per_seconds": 1}}),
            "default.events",
        ),
        (
            json!({"limits": [{"topic": "a..b", "events": 1, "per_seconds": 1}]}),
            "limits[0].topic",
        ),
        (
            json!({"limits": [{"topic": ">.a", "events": 1, "per_seconds": 1}]}),
            "limits[0].topic",
        ),
        (
            json!({"limits": [{"topic": "a", "events": 1, "per_seconds": 0}]}),
            "limits[0]",
        ),
        (json!({"limit": 5}), "limit"),
    ];
    for (config, key) in cases {
        let error = Harness::<RateLimit>::new(&config).unwrap_err().to_string();
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
fn the_manifest_limits_the_sample_events() {
    let (config, events) = samples("tool.");
    let mut limits = HashMap::new();
    let mut denied = Vec::new();
    for event in events {
        let [topic, principal, time] =
            ["topic", "principal", "time"].map(|key| event[key].as_str().unwrap());
        // As the host does: an instance for each principal.
        let limit = limits
            .entry(principal.to_owned())
            .or_insert_with(|| Harness::<RateLimit>::new(config.clone()).unwrap());
        let verdict = limit
            .event(topic)
            .time_ms(of_day(time))
            .call("limit", "")
            .unwrap();
        if verdict != Verdict::unchanged() {
            denied.push(event["id"].as_str().unwrap().to_owned());
        }
    }
    let want = ["a058", "a059", "a060", "a061", "a063", "a064", "a065"];

    assert_eq!(denied, want);
}

/// Milliseconds since midnight of `2026-03-02T09:00:00.000Z`.
fn of_day(time: &str) -> u64 {
    let part = |from, to| time[from..to].parse::<u64>().unwrap();
    ((part(11, 13) * 60 + part(14, 16)) * 60 + part(17, 19)) * 1000 + part(20, 23)
}
