//! Capsules that do their worst, in every instance mode, while a good one
//! keeps answering.

mod support;

use std::time::Duration;

use capsule_core::hook::{ErrorKind, Hook, Verdict};
use capsule_engine::{Capsule, Engine, InstanceMode};
use tokio::time::{Instant, timeout};

use support::{MODES, ask, count, engine, event, load};

const ROUNDS: usize = 200;

/// Guests that fail by themselves, and how.
const FAILING: [(&str, ErrorKind); 17] = [
    ("recursion", ErrorKind::Stack),
    ("memory", ErrorKind::Memory),
    ("memories", ErrorKind::Memory),
    ("table", ErrorKind::Memory),
    ("trap", ErrorKind::Trap),
    ("trap-start", ErrorKind::Trap),
    ("trap-realloc", ErrorKind::Trap),
    ("realloc-outside", ErrorKind::Output),
    ("result-outside", ErrorKind::Output),
    ("result-crooked", ErrorKind::Output),
    ("list-outside", ErrorKind::Output),
    ("list-gigabyte", ErrorKind::Output),
    ("list-large", ErrorKind::Output),
    ("utf8", ErrorKind::Output),
    ("discriminant", ErrorKind::Output),
    ("fail", ErrorKind::Guest),
    ("fail-badly", ErrorKind::Output),
];

async fn each_fails_and_others_go_on(mode: InstanceMode) {
    let engine = engine(4);
    let good = load(&engine, "count", InstanceMode::Principal);
    let mut answered = 0_u8;
    for (guest, kind) in FAILING {
        let bad = load(&engine, guest, mode);
        for round in 0..ROUNDS {
            let error = ask(&bad, "mallory", "{}").await.unwrap_err();
            assert_eq!(error.kind, kind, "{guest} in round {round}: {error}");
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
