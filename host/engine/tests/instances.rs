//! Whom an instance serves, how long it lives, and who goes first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::time::Duration;

use capsule_core::hook::{ErrorKind, Verdict};
use capsule_engine::{Capsule, CapsuleSpec, Engine, EngineConfig, InstanceMode, Limits};
use tokio::time::timeout;

use support::{ask, ask_within, count, engine, load, spec, text, wasm};

async fn counted(capsule: &Capsule, principal: &str) -> u8 {
    count(ask(capsule, principal, "{}").await)
}

fn load_with(engine: &Engine, guest: &str, mode: InstanceMode, limits: Limits) -> Capsule {
    let spec = CapsuleSpec {
        limits,
        ..spec(guest, mode)
    };
    engine.load(&wasm(&text(guest)), spec, None).unwrap()
}

/// Rule: no instance serves a second principal unless the manifest says `shared`.
#[tokio::test]
async fn no_principal_sees_the_instance_of_another() {
    let engine = engine(8);
    let capsule = load(&engine, "count", InstanceMode::Principal);
    assert_eq!(counted(&capsule, "alice").await, 1);
    assert_eq!(counted(&capsule, "alice").await, 2);
    assert_eq!(counted(&capsule, "bob").await, 1);
    assert_eq!(counted(&capsule, "alice").await, 3);
    assert_eq!(capsule.instances(), 2);
}

#[tokio::test]
async fn two_capsules_of_one_name_do_not_share() {
    let engine = engine(8);
    let old = load(&engine, "count", InstanceMode::Principal);
    assert_eq!(counted(&old, "alice").await, 1);
    let new = load(&engine, "count", InstanceMode::Principal);
    assert_eq!(counted(&new, "alice").await, 1);
}

/// Rule: `fresh` is a new instance for each call.
#[tokio::test]
async fn a_fresh_instance_keeps_nothing() {
    let engine = engine(8);
    let capsule = load(&engine, "count", InstanceMode::Fresh);
    for _ in 0..3 {
        assert_eq!(counted(&capsule, "alice").await, 1);
        assert_eq!(capsule.instances(), 0);
    }
    assert_eq!(engine.memory_used(), 0);
}

/// Rule: `shared` is a pool for all principals.
#[tokio::test]
async fn a_shared_instance_serves_all() {
    let engine = engine(8);
    let capsule = load(&engine, "count", InstanceMode::Shared);
    assert_eq!(counted(&capsule, "alice").await, 1);
    assert_eq!(counted(&capsule, "bob").await, 2);
    assert_eq!(capsule.instances(), 1);
}

/// Rule: an instance is kept for its principal, whichever thread its next event
/// comes to; and a fresh one is fresh on every thread.
#[test]
fn an_instance_is_kept_for_all_threads() {
    let engine = engine(8);
    let kept = load(&engine, "count", InstanceMode::Principal);
    let fresh = load(&engine, "count", InstanceMode::Fresh);
    for nth in 1..=5 {
        let ask_both = async || {
            (
                counted(&kept, "alice").await,
                counted(&fresh, "alice").await,
            )
        };
        let on_its_own = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_time().build().unwrap().block_on(ask_both())
        };
        let counts = std::thread::scope(|scope| scope.spawn(on_its_own).join().unwrap());
        assert_eq!(counts, (nth, 1));
        assert_eq!((kept.instances(), fresh.instances()), (1, 0));
    }
    drop(kept);
    assert_eq!(engine.memory_used(), 0, "wherever it was kept");
}

/// Rule: an instance that trapped is thrown away and replaced before the next
/// call.
#[tokio::test]
async fn an_instance_that_trapped_is_not_used_again() {
    let engine = engine(8);
    for mode in [InstanceMode::Principal, InstanceMode::Shared] {
        let capsule = load(&engine, "count-or-fail", mode);
        assert_eq!(counted(&capsule, "alice").await, 1);
        let error = ask(&capsule, "alice", "trap").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Trap, "{error}");
        assert_eq!(capsule.instances(), 0);
        assert_eq!(counted(&capsule, "alice").await, 1, "a new instance");
    }
}

/// Rule: an instance that timed out or was cancelled is thrown away and replaced
/// before the next call.
#[tokio::test]
async fn an_instance_that_was_cancelled_is_not_used_again() {
    let engine = engine(8);
    for mode in [InstanceMode::Principal, InstanceMode::Shared] {
        let capsule = load(&engine, "count-or-fail", mode);
        assert_eq!(counted(&capsule, "alice").await, 1);
        let looping = ask(&capsule, "alice", "loop");
        assert!(timeout(Duration::from_millis(3), looping).await.is_err());
        assert_eq!(capsule.instances(), 0);
        assert_eq!(counted(&capsule, "alice").await, 1, "a new instance");
    }
}

/// Rule: the same where an owner has several at once: the others stay.
#[tokio::test]
async fn of_several_at_once_only_the_cancelled_one_goes() {
    let engine = engine(8);
    for mode in [InstanceMode::Principal, InstanceMode::Shared] {
        let capsule = load(&engine, "count-or-fail", mode);
        assert_eq!(counted(&capsule, "alice").await, 1);
        let looping = ask(&capsule, "alice", "loop");
        let looping = timeout(Duration::from_millis(3), looping);
        let (looping, other) = tokio::join!(looping, ask(&capsule, "alice", "{}"));
        assert!(looping.is_err());
        assert_eq!(count(other), 1, "while the first was in use");
        assert_eq!(capsule.instances(), 1);
        assert_eq!(counted(&capsule, "alice").await, 2, "the other is kept");
    }
    assert_eq!(engine.memory_used(), 0);
}

#[tokio::test]
async fn an_instance_that_answered_with_an_error_is_kept() {
    let engine = engine(8);
    let capsule = load(&engine, "count-or-fail", InstanceMode::Principal);
    let error = ask(&capsule, "alice", "error").await.unwrap_err();
    assert_eq!(
        (error.kind, &*error.message),
        (ErrorKind::Guest, "not today")
    );
    assert_eq!(counted(&capsule, "alice").await, 2);
}

#[tokio::test]
async fn every_verdict_arrives() {
    let engine = engine(8);
    let cases = [
        ("pass", Verdict::Continue(None)),
        ("echo", Verdict::Continue(Some("as it came".into()))),
        ("count", Verdict::Final(vec![1].into())),
        ("deny", Verdict::Deny("because".into())),
        ("skip", Verdict::Skip),
    ];
    for (guest, want) in cases {
        let capsule = load(&engine, guest, InstanceMode::Principal);
        let got = ask(&capsule, "alice", "as it came").await;
        assert_eq!(got, Ok(want), "guest: {guest}");
    }
    let echo = load(&engine, "echo", InstanceMode::Principal);
    let got = ask(&echo, "alice", "").await;
    assert_eq!(got, Ok(Verdict::Continue(Some("".into()))));
}

/// Rule: limits for the whole host: instances; the least recently used goes
/// first.
#[tokio::test]
async fn the_least_recently_used_instance_goes_first() {
    let engine = engine(2);
    let first = load(&engine, "count", InstanceMode::Principal);
    let second = load(&engine, "count", InstanceMode::Principal);
    assert_eq!(counted(&first, "alice").await, 1);
    assert_eq!(counted(&second, "alice").await, 1);
    assert_eq!(counted(&first, "alice").await, 2);
    assert_eq!(counted(&first, "bob").await, 1, "takes second's place");
    assert_eq!((first.instances(), second.instances()), (2, 0));
    assert_eq!(counted(&first, "alice").await, 3);
}

/// Rule: limits for each capsule: instances.
#[tokio::test]
async fn a_capsule_at_its_own_limit_gives_up_its_own() {
    let engine = engine(8);
    let other = load(&engine, "count", InstanceMode::Principal);
    assert_eq!(counted(&other, "alice").await, 1);
    let limits = Limits {
        max_instances: Some(1),
        ..Limits::default()
    };
    let capsule = load_with(&engine, "count", InstanceMode::Principal, limits);
    assert_eq!(counted(&capsule, "alice").await, 1);
    assert_eq!(counted(&capsule, "bob").await, 1);
    assert_eq!(capsule.instances(), 1);
    assert_eq!(counted(&capsule, "alice").await, 1, "alice's had to go");
    assert_eq!(counted(&other, "alice").await, 2, "the others stay");
}

#[tokio::test]
async fn waiting_for_an_instance_ends_at_the_deadline() {
    let limited = Limits {
        max_instances: Some(1),
        ..Limits::default()
    };
    // The host's limit, then the capsule's own.
    for (places, limits) in [(1, Limits::default()), (8, limited)] {
        let engine = engine(places);
        let capsule = load_with(&engine, "count-or-fail", InstanceMode::Principal, limits);
        let looping = ask(&capsule, "alice", "loop");
        // Long enough for the other's deadline to pass on a busy machine, too.
        let looping = timeout(Duration::from_millis(300), looping);
        let waiting = ask_within(&capsule, "bob", "{}", Duration::from_millis(5));
        let (looping, waiting) = tokio::join!(looping, waiting);
        assert!(looping.is_err());
        let error = waiting.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_eq!(counted(&capsule, "bob").await, 1, "the place is free again");
    }
}

#[tokio::test]
async fn who_waits_gets_the_place_that_becomes_free() {
    let engine = engine(1);
    let capsule = load(&engine, "count-or-fail", InstanceMode::Principal);
    let looping = ask(&capsule, "alice", "loop");
    let looping = timeout(Duration::from_millis(5), looping);
    let (looping, answer) = tokio::join!(looping, ask(&capsule, "bob", "{}"));
    assert!(looping.is_err());
    assert_eq!(count(answer), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_principals_than_places_all_get_their_answer() {
    let engine = engine(2);
    let capsule = std::sync::Arc::new(load(&engine, "count", InstanceMode::Principal));
    let mut calls = tokio::task::JoinSet::new();
    for nth in 0..400 {
        let capsule = capsule.clone();
        calls.spawn(async move { ask(&capsule, &format!("p{}", nth % 40), "{}").await });
    }
    while let Some(answer) = calls.join_next().await {
        assert!(count(answer.unwrap()) >= 1);
    }
    assert!(capsule.instances() <= 2);
    drop(capsule);
    assert_eq!(engine.memory_used(), 0);
}

#[tokio::test]
async fn one_owner_may_have_several_instances_at_once() {
    let engine = engine(8);
    let capsule = load(&engine, "count", InstanceMode::Principal);
    let (a, b) = tokio::join!(ask(&capsule, "alice", "{}"), ask(&capsule, "alice", "{}"));
    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
}

#[tokio::test]
async fn a_dropped_capsule_leaves_nothing() {
    let engine = engine(8);
    let capsule = load(&engine, "count", InstanceMode::Principal);
    assert_eq!(counted(&capsule, "alice").await, 1);
    assert_eq!(engine.memory_used(), 4 << 16);
    drop(capsule);
    assert_eq!(engine.memory_used(), 0);
}

/// Rule: limits for the whole host: memory.
#[tokio::test]
async fn idle_instances_give_way_when_the_host_is_out_of_memory() {
    let engine = Engine::new(EngineConfig {
        max_instances: 8,
        max_memory_per_instance: 6 << 16,
        memory_budget: 6 << 16,
        ..EngineConfig::default()
    })
    .unwrap();
    let limits = Limits {
        memory_bytes: 6 << 16,
        ..Limits::default()
    };
    let first = load_with(
        &engine,
        "count-or-fail",
        InstanceMode::Principal,
        limits.clone(),
    );
    let second = load_with(&engine, "count-or-fail", InstanceMode::Principal, limits);
    assert_eq!(counted(&first, "alice").await, 1);
    assert_eq!(counted(&second, "alice").await, 1);
    assert_eq!(first.instances(), 0, "it was idle");

    let looping = timeout(Duration::from_millis(5), ask(&second, "alice", "loop"));
    let (looping, answer) = tokio::join!(looping, ask(&first, "alice", "{}"));
    assert!(looping.is_err());
    let error = answer.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Unavailable,
        "a busy one stays: {error}"
    );
}
