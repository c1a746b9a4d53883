//! Capsules that do their worst, in every instance mode, while a good one
//! keeps answering.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::time::Duration;

use capsule_core::hook::ErrorKind;
use capsule_engine::{Capsule, InstanceMode};
use tokio::time::timeout;

use support::{ENDLESS, FAILING, MODES, ask, ask_within, count, engine, load};

const ROUNDS: usize = 200;

/// Rule: limits for each capsule hold: memory over all its memories and tables,
/// stack, size of a result; and an instance that failed is thrown away.
async fn each_fails_and_others_go_on(mode: InstanceMode) {
    let engine = engine(8);
    let good = load(&engine, "count", InstanceMode::Principal);
    let mut answered = 0_u8;
    for (guest, kind) in FAILING {
        let bad = load(&engine, guest, mode);
        for round in 0..ROUNDS {
            let error = ask(&bad, "mallory", "{}").await.unwrap_err();
            assert_eq!(
                error.kind.as_str(),
                kind,
                "{guest} in round {round}: {error}"
            );
            assert!(error.message.len() < 600, "{guest}: {error}");
            assert!(!error.message.contains('\u{1b}'), "{guest}: {error}");
            answered = answered.wrapping_add(1);
            assert_eq!(count(ask(&good, "alice", "{}").await), answered);
        }
        let kept = usize::from(guest == "fail" && mode != InstanceMode::Fresh);
        assert_eq!(bad.instances(), kept, "{guest} is thrown away");
    }
    drop(good);
    assert_eq!(engine.memory_used(), 0);
}

#[tokio::test]
async fn failing_capsules_of_principals_harm_no_other() {
    each_fails_and_others_go_on(InstanceMode::Principal).await;
}

#[tokio::test]
async fn failing_fresh_capsules_harm_no_other() {
    each_fails_and_others_go_on(InstanceMode::Fresh).await;
}

#[tokio::test]
async fn failing_shared_capsules_harm_no_other() {
    each_fails_and_others_go_on(InstanceMode::Shared).await;
}

/// Asks a capsule that never answers, and stops waiting after some ticks.
async fn give_up(bad: &Capsule) {
    let answer = ask(bad, "mallory", "{}");
    let outcome = timeout(Duration::from_millis(3), answer).await;
    assert!(outcome.is_err(), "it never answers: {outcome:?}");
}

#[tokio::test]
async fn endless_loops_hold_up_no_other() {
    let engine = engine(8);
    let good = load(&engine, "count", InstanceMode::Principal);
    let mut answered = 0_u8;
    for guest in ENDLESS {
        for mode in MODES {
            let bad = load(&engine, guest, mode);
            for _ in 0..ROUNDS {
                // On one thread: the good one answers while the other loops.
                let ((), answer) = tokio::join!(give_up(&bad), ask(&good, "alice", "{}"));
                answered = answered.wrapping_add(1);
                assert_eq!(count(answer), answered);
                assert_eq!(bad.instances(), 0, "{guest} is dropped with its future");
            }
        }
    }
}

/// Rule: limits for each capsule: wall time.
#[tokio::test]
async fn the_engine_stops_a_guest_that_nobody_stops() {
    let engine = engine(8);
    for guest in ENDLESS {
        for mode in MODES {
            let bad = load(&engine, guest, mode);
            let time = Duration::from_millis(3);
            let error = ask_within(&bad, "mallory", "{}", time).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Timeout, "{guest}: {error}");
            assert_eq!(bad.instances(), 0, "{guest} is thrown away");
        }
    }
}

#[tokio::test]
async fn a_trap_names_the_function_it_happened_in() {
    let engine = engine(1);
    let bad = load(&engine, "trap", InstanceMode::Fresh);
    let error = ask(&bad, "mallory", "{}").await.unwrap_err();
    let want = "wasm `unreachable` instruction executed in the_culprit < hook";
    assert_eq!(error.message, want);
}
