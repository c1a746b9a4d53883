//! Capsules that do their worst, seen from outside of the host: a guard never
//! lets an event pass by failing, and everybody else goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use capsule_host::{
    Decision, Draft, ErrorKind, Host, HostBuilder, Outcome, Principal, StepVerdict, Topic,
    config::{DispatchSettings, HostConfig, QuarantineSettings},
};

use support::{
    Capsules,
    wat::{ENDLESS, FAILING},
};

/// Times that each does its worst.
const ROUNDS: usize = 200;
/// More time than any guest takes that fails by itself, in milliseconds, so
/// that a slow machine makes none of them late.
const AMPLE_MS: u32 = 600_000;
/// Time for guests that use up all they are given.
const SHORT_MS: u32 = 1;

/// A host whose first capsule does its worst; it is taken out after so many
/// `failures` in a row, with 0 never.
fn host(
    guest: &str,
    instance: &str,
    on_error: &str,
    timeout_ms: u32,
    failures: u32,
) -> (Capsules, Host) {
    let rest = format!(
        "priority = 1\non_error = \"{on_error}\"\ntimeout_ms = {timeout_ms}\n[runtime]\n\
         instance = \"{instance}\"\nmemory_mib = 64"
    );
    let capsules = Capsules::new().with("bad", guest, &rest).with(
        "good",
        "echo",
        &format!("priority = 2\ntimeout_ms = {AMPLE_MS}"),
    );
    let quarantine = QuarantineSettings {
        failures,
        ..QuarantineSettings::default()
    };
    let dispatch = DispatchSettings {
        chain_deadline_ms: u64::from(AMPLE_MS).try_into().unwrap(),
        ..DispatchSettings::default()
    };
    let config = HostConfig {
        dispatch,
        quarantine,
        ..HostConfig::default()
    };
    let builder = HostBuilder::new(config).capsules(capsules.path());
    (capsules, builder.no_cache().start().unwrap())
}

async fn ask(host: &Host, principal: &str, topic: &str) -> Outcome {
    let draft = Draft::new(Topic::new(topic).unwrap())
        .with_principal(Principal::new(principal).unwrap())
        .with_payload("{}");
    host.request(draft).await.unwrap()
}

fn error(outcome: &Outcome) -> ErrorKind {
    match outcome.steps.first().unwrap().verdict {
        StepVerdict::Error(error) => error.kind,
        other => panic!("the bad one answered: {other:?}"),
    }
}

/// Rule: errors follow the interceptor's `on_error`; a guard that says `deny`
/// never lets anything pass by failing.
async fn each_fails_as_its_on_error_says(instance: &str) {
    let failing = FAILING.map(|(guest, kind)| (guest, kind, AMPLE_MS));
    let endless = ENDLESS.map(|guest| (guest, "timeout", SHORT_MS));
    for (guest, kind, timeout_ms) in failing.into_iter().chain(endless) {
        for on_error in ["continue", "deny"] {
            let (_capsules, host) = host(guest, instance, on_error, timeout_ms, 0);
            for round in 0..ROUNDS {
                let outcome = ask(&host, "mallory", "a.b").await;
                let what = format!("{guest}, {instance}, {on_error}, round {round}: {outcome:?}");
                assert_eq!(error(&outcome).as_str(), kind, "{what}");
                match (&outcome.decision, on_error) {
                    (Decision::Deny { by, .. }, "deny") => assert_eq!(&**by, "bad", "{what}"),
                    (Decision::Continue { .. }, "continue") => {
                        let good = outcome.steps.iter().nth(1).unwrap().verdict;
                        assert_eq!(good, &StepVerdict::Continue { changed: true }, "{what}");
                    }
                    _ => panic!("{what}"),
                }
            }
            let counted = host.counters();
            assert_eq!(counted.errors.iter().sum::<u64>(), ROUNDS as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn capsules_kept_for_a_principal_fail_as_they_must() {
    each_fails_as_its_on_error_says("principal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capsules_made_for_a_call_fail_as_they_must() {
    each_fails_as_its_on_error_says("fresh").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capsules_shared_by_all_fail_as_they_must() {
    each_fails_as_its_on_error_says("shared").await;
}

/// Rule: different principals never wait for one another, even on one thread
/// that a guest keeps busy.
#[tokio::test]
async fn an_endless_loop_of_one_tenant_holds_up_no_other() {
    let rest = "priority = 1\ntimeout_ms = 200\n[runtime]\ninstance = \"principal\"";
    let capsules = Capsules::new().with("moody", "count-or-fail", rest);
    let host = Host::builder()
        .capsules(capsules.path())
        .no_cache()
        .start()
        .unwrap();
    let looping = host.request(
        Draft::new(Topic::new("a.b").unwrap())
            .with_principal(Principal::new("mallory").unwrap())
            .with_payload("l"),
    );
    let mut looping = Box::pin(looping);
    let mut answered = 0;
    let late = loop {
        tokio::select! {
            biased;
            outcome = ask(&host, "alice", "a.b") => {
                assert!(matches!(outcome.decision, Decision::Final { .. }), "{outcome:?}");
                answered += 1;
                tokio::task::yield_now().await;
            }
            outcome = &mut looping => break outcome.unwrap(),
        }
        if answered >= 10 {
            break looping.await.unwrap();
        }
    };
    assert_eq!(error(&late), ErrorKind::Timeout);
    assert!(
        answered > 0,
        "alice is answered while mallory's event loops"
    );
}

/// Rule: a quarantined guard still denies.
#[tokio::test]
async fn a_guard_that_keeps_failing_is_taken_out_and_denies() {
    let (_capsules, host) = host("trap", "principal", "deny", AMPLE_MS, 5);
    let mut errors = Vec::new();
    for _ in 0..50 {
        let outcome = ask(&host, "mallory", "a.b").await;
        assert!(matches!(outcome.decision, Decision::Deny { .. }));
        errors.push(error(&outcome));
    }
    assert!(errors.starts_with(&[ErrorKind::Trap; 5]));
    assert_eq!(errors[5], ErrorKind::Quarantined);
    let outcome = ask(&host, "alice", "a.b").await;
    assert_eq!(error(&outcome), ErrorKind::Trap, "for mallory alone");
}

/// Rule: at the start a capsule that cannot be loaded stops the host; with
/// `--keep-going` the host starts without it, and its guards deny.
#[tokio::test]
async fn what_is_refused_at_the_start_denies_where_it_was_a_guard() {
    let pass = support::wat::text("pass");
    let foreign = support::wat::shell(
        "(import \"a:b/c\" (instance))",
        &support::wat::fields("pass"),
    );
    let interceptor = "capsule:host/interceptor@0.1.0";
    let refused = [
        (
            "missing export",
            support::wat::bytes(&pass.replace(interceptor, "a:b/c")),
        ),
        (
            "wrong version",
            support::wat::bytes(&pass.replace(interceptor, "capsule:host/interceptor@0.2.0")),
        ),
        ("undeclared import", support::wat::bytes(&foreign)),
        ("core module", support::wat::bytes("(module)")),
        ("no module", b"garbage".to_vec()),
    ];
    for (what, wasm) in refused {
        for instance in ["principal", "fresh", "shared"] {
            for on_error in ["continue", "deny"] {
                let rest = format!(
                    "priority = 1\non_error = \"{on_error}\"\n[runtime]\ninstance = \"{instance}\""
                );
                let capsules = Capsules::new()
                    .with("bad", "pass", &rest)
                    .with_file("bad/bad.wasm", &wasm)
                    .with("good", "echo", "priority = 2");
                let builder = || Host::builder().capsules(capsules.path()).no_cache();
                assert!(builder().start().is_err(), "{what}");
                let host = builder().keep_going().start().unwrap();
                for _ in 0..ROUNDS {
                    let outcome = ask(&host, "mallory", "a.b").await;
                    assert_eq!(error(&outcome), ErrorKind::Unavailable, "{what}");
                    assert_eq!(outcome.is_admitted(), on_error == "continue", "{what}");
                }
            }
        }
    }
}

/// Rule: every error is counted, and what a tenant makes fail again and again
/// does not fill the log: of each family one is a warning in an interval.
#[test]
fn failures_again_and_again_are_one_warning_each() {
    let capsules = Capsules::new().with("bad", "trap", "");
    let settings = capsules.root().join("host.toml");
    let warnings = |interval: u32, filter: &str| {
        let text = format!(
            "[dispatch]\nfailure_log_interval_ms = {interval}\n\
             [quarantine]\nfirst_ms = {AMPLE_MS}\nlongest_ms = {AMPLE_MS}"
        );
        std::fs::write(&settings, text).unwrap();
        let flags = ["--config", settings.to_str().unwrap(), "--log", filter];
        let ran = capsules.run_with(&flags, &b"{\"topic\":\"a.b\"}\n".repeat(20));
        assert_eq!(ran.outcomes().len(), 20);
        let lines = ran.stderr.lines();
        let failed: Vec<_> = lines.filter(|l| l.contains("interceptor failed")).collect();
        ["error=\"trap\"", "error=\"quarantined\""].map(|kind| {
            let of_kind = failed.iter().filter(|line| line.contains(kind));
            of_kind.count()
        })
    };
    assert_eq!(warnings(3_600_000, "warn"), [1, 1]);
    assert_eq!(warnings(3_600_000, "debug"), [5, 15], "none is gone");
    assert_eq!(warnings(0, "warn"), [5, 15]);
}
