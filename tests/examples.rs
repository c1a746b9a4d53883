//! The example capsules, built from source, over real events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use support::{Ran, capsule, examples, guests, repository};

/// Runs the examples over a file of `data`.
fn outcomes(file: &str) -> Vec<Value> {
    let cache = tempfile::tempdir().unwrap();
    let mut command = capsule(&["run", "--log", "error"]);
    command
        .arg("--cache-dir")
        .arg(cache.path().join("cache"))
        .arg("--capsules")
        .arg(examples())
        .arg("--input")
        .arg(repository().join("data").join(file));
    let ran = Ran::of(&mut command, b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.outcomes()
}

/// How many events ended how, and by whom; then what each capsule said.
fn told(outcomes: &[Value]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in outcomes {
        let by = outcome["by"].as_str().unwrap_or("nobody");
        let end = format!("{} by {by}", outcome["verdict"].as_str().unwrap());
        *counts.entry(end).or_default() += 1;
        for step in outcome["steps"].as_array().unwrap() {
            let verdict = step["verdict"].as_str().unwrap();
            let changed = if step["changed"] == true {
                ", changed"
            } else {
                ""
            };
            let error = step["error"].as_str().unwrap_or_default();
            let capsule = step["capsule"].as_str().unwrap();
            *counts
                .entry(format!("  {capsule}: {verdict}{changed} {error}"))
                .or_default() += 1;
        }
    }
    counts
        .iter()
        .map(|(what, count)| format!("{count:>5} {}\n", what.trim_end()))
        .collect()
}

#[test]
fn real_webhooks_go_through_the_examples() {
    let outcomes = outcomes("github-webhooks.jsonl");
    let lines = fs::read_to_string(repository().join("data/github-webhooks.jsonl")).unwrap();
    assert_eq!(outcomes.len(), lines.lines().count());
    assert!(
        outcomes
            .iter()
            .flat_map(|o| o["steps"].as_array().unwrap())
            .all(|s| s["verdict"] != "error")
    );
    insta::assert_snapshot!(told(&outcomes));
}

#[test]
fn events_of_an_agent_meet_every_example() {
    let outcomes = outcomes("agent-events.jsonl");
    let text = told(&outcomes);
    for example in fs::read_dir(examples()).unwrap() {
        let name = example.unwrap().file_name().into_string().unwrap();
        assert!(
            text.contains(&format!("  {name}: ")),
            "{name} is asked:\n{text}"
        );
    }
    insta::assert_snapshot!(text);
}

/// A panic is a trap, and its message reaches the log.
#[test]
fn a_panic_of_a_guest_is_heard() {
    let mut command = capsule(&["run", "--no-cache"]);
    let ran = Ran::of(
        command.arg("--capsules").arg(guests()),
        br#"{"topic":"a.b","payload":7}"#,
    );
    let outcome = &ran.outcomes()[0];
    assert_eq!(outcome["verdict"], "deny");
    assert_eq!(outcome["by"], "panics");
    assert_eq!(outcome["steps"][0]["error"], "trap");
    let heard = |line: &str| line.contains("ERROR capsule: ") && line.contains("cannot bear 7");
    assert!(ran.stderr.lines().any(heard), "{}", ran.stderr);
}

/// What `check` says of the examples is what it would say of a release.
#[test]
fn every_example_can_be_checked() {
    let mut command = capsule(&["check", "--no-cache"]);
    let ran = Ran::of(command.arg(examples()), b"");
    assert_eq!(ran.code, 0, "{}", String::from_utf8_lossy(&ran.stdout));
}
