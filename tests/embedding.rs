//! What an application sees of the host that it embeds: its start, hooks that
//! the application answers itself, and what is counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use capsule_host::{
    Condition, Decision, Draft, ErrorKind, Filter, Host, Outcome, Pattern, Principal, Received,
    StepVerdict, SubscribeOptions, Topic,
    broker::{Answer, HookName},
};

use support::{Capsules, Ran, capsule};

const REVIEW: &str = r#"manifest_version = 1
[capsule]
name = "review"
version = "0.1.0"
hook = "human.review"
[[interceptor]]
event = "tool.>"
action = "approve"
on_error = "deny"
timeout_ms = 200
"#;

fn with_a_hook() -> Capsules {
    Capsules::new().with_file("review/Capsule.toml", REVIEW)
}

async fn ask(host: &Host, payload: &'static str) -> Outcome {
    let draft = Draft::new(Topic::new("tool.run").unwrap())
        .with_principal(Principal::new("alice").unwrap())
        .with_payload(payload);
    host.request(draft).await.unwrap()
}

fn error(outcome: &Outcome) -> ErrorKind {
    match outcome.steps.first().unwrap().verdict {
        StepVerdict::Error(error) => error.kind,
        other => panic!("answered: {other:?}"),
    }
}

/// Rule: an external hook can be a stage of a chain, declared in a manifest
/// without a module: ordered, timed and failed like any other interceptor.
#[tokio::test]
async fn a_manifest_without_a_module_is_answered_from_outside() {
    let capsules = with_a_hook();
    let host = Host::builder()
        .capsules(capsules.path())
        .no_cache()
        .start()
        .unwrap();

    let outcome = ask(&host, "{}").await;
    assert_eq!(error(&outcome), ErrorKind::Unavailable, "nobody subscribes");
    assert!(!outcome.is_admitted(), "a guard denies");

    let name = HookName::new("human.review").unwrap();
    let mut person = host.hooks().subscribe(name).unwrap();
    let answers: [(&str, Result<&str, &str>); 3] = [
        ("{}", Ok("{}")),
        (r#"{"abort":"not today"}"#, Err("not today")),
        (r#"{"payload":{"a":1}}"#, Ok(r#"{"a":1}"#)),
    ];
    for (answer, want) in answers {
        let answering = async {
            let request = person.recv().await.unwrap();
            assert_eq!(&*request.message.action, "approve");
            let answer: Answer = serde_json::from_str(answer).unwrap();
            let id = request.reply_to.unwrap().hook_id;
            assert!(person.respond(id, answer.clone()).accepted);
            assert!(!person.respond(id, answer).accepted, "it answers once");
        };
        let (outcome, ()) = tokio::join!(ask(&host, "{}"), answering);
        match (outcome.decision, want) {
            (Decision::Continue { payload }, Ok(want)) => assert_eq!(payload, want),
            (Decision::Deny { by, reason }, Err(want)) => {
                assert_eq!((&*by, &*reason), ("review", want));
            }
            (decision, want) => panic!("{decision:?}, not {want:?}"),
        }
    }
    let outcome = ask(&host, "{}").await;
    assert_eq!(error(&outcome), ErrorKind::Timeout, "it does not answer");
    assert_eq!(host.hooks().waiting(), 0);
}

#[test]
fn commands_know_capsules_without_a_module() {
    let capsules = with_a_hook();
    let listed = Ran::of(capsule(&["list"]).arg(capsules.path()), b"");
    assert!(listed.stderr.is_empty(), "{}", listed.stderr);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("review   0.1.0    external  tool.>"),
        "{listed}"
    );
    let checked = Ran::of(capsule(&["check"]).arg(capsules.path()), b"");
    assert_eq!(checked.stdout, b"ok      review\n");
    let built = Ran::of(capsule(&["build"]).arg(capsules.path().join("review")), b"");
    assert_eq!(built.code, 1);
    let want = "the hook `human.review` is answered by a process outside of the host, so there is \
                no module to build";
    assert!(built.stderr.contains(want), "{}", built.stderr);
}

/// Rule: lifecycle events under `host.` say what was loaded and what failed.
#[tokio::test]
async fn whoever_subscribes_before_the_start_sees_it() {
    let capsules = with_a_hook()
        .with("good", "echo", "")
        .with("bad", "pass", "")
        .with_file("bad/bad.wasm", b"garbage");
    let builder = Host::builder().capsules(capsules.path()).no_cache();
    let own = Pattern::new("host.capsule.*").unwrap();
    let wanted = Filter::everything().any([Condition::Pattern(own)]);
    let mut seen = builder.subscribe(SubscribeOptions::new("start").with_filter(wanted));
    let host = builder.keep_going().start().unwrap();
    let mut told = Vec::new();
    while let Ok(Received::Item(message)) = seen.try_recv() {
        let payload: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        told.push(format!(
            "{} {} {}",
            message.event.topic,
            payload["capsule"].as_str().unwrap(),
            payload["version"].as_str().unwrap()
        ));
    }
    assert_eq!(
        told,
        [
            "host.capsule.failed bad 0.1.0",
            "host.capsule.loaded good 0.1.0",
            "host.capsule.loaded review 0.1.0"
        ]
    );
    let forged = Draft::new(Topic::new("host.capsule.loaded").unwrap());
    assert!(host.request(forged).await.is_err(), "nobody else may");
}

#[tokio::test]
async fn everything_that_is_counted_is_there_to_read() {
    let capsules = Capsules::new().with("echo", "echo", "priority = 1").with(
        "trap",
        "trap",
        "priority = 2\non_error = \"deny\"",
    );
    let host = Host::builder()
        .capsules(capsules.path())
        .no_cache()
        .start()
        .unwrap();
    let _idle = host.subscribe(SubscribeOptions::new("idle"));
    for _ in 0..3 {
        assert!(!ask(&host, "{}").await.is_admitted());
    }
    let metrics = host.metrics();
    let timed = |line: &&str| line.contains("duration_seconds_");
    let counts: String = metrics
        .lines()
        .filter(|line| !timed(line))
        .map(
            |line| match line.strip_prefix("capsule_instance_memory_bytes ") {
                Some(_) => "capsule_instance_memory_bytes BYTES\n".to_owned(),
                None => format!("{line}\n"),
            },
        )
        .collect();
    insta::assert_snapshot!(counts);
    let calls = "capsule_step_duration_seconds_count{capsule=\"trap\",action=\"act\"} 3";
    assert!(metrics.contains(calls), "{metrics}");
    assert!(metrics.contains("capsule_chain_duration_seconds_count 3"));
    assert!(!metrics.contains("alice"), "no principal is a label");
}
