//! What a guest gets from the host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use capsule_core::hook::Verdict;
use capsule_engine::{Capsule, CapsuleSpec, Grants, InstanceMode, Limits};

use support::{ask, engine, spec, text, wasm};

async fn answer(capsule: &Capsule, question: &str) -> Vec<u8> {
    match ask(capsule, "alice", question).await {
        Ok(Verdict::Final(bytes)) => bytes.to_vec(),
        other => panic!("{question}: {other:?}"),
    }
}

fn asking(clock: bool) -> CapsuleSpec {
    CapsuleSpec {
        config_json: r#"{"k": ["v", 1], "other": true}"#.into(),
        grants: Grants {
            clock,
            ..Grants::default()
        },
        ..spec("context", InstanceMode::Principal)
    }
}

#[tokio::test]
async fn a_guest_reads_its_event_and_its_configuration() {
    let engine = engine(4);
    let wasm = wasm(&text("context"));
    let capsule = engine.load(&wasm, asking(false), None).unwrap();
    assert_eq!(answer(&capsule, "principal").await, b"alice");
    assert_eq!(answer(&capsule, "config").await, br#"["v",1]"#);
    let time = answer(&capsule, "time").await;
    assert!(u64::from_le_bytes(time.try_into().unwrap()) > 1_700_000_000_000);
    assert_eq!(
        answer(&capsule, "start").await,
        [0],
        "no event at the start"
    );
}

#[tokio::test]
async fn wasi_has_nothing_to_give_unless_granted() {
    let engine = engine(4);
    let wasm = wasm(&text("context"));
    let capsule = engine.load(&wasm, asking(false), None).unwrap();
    assert_eq!(answer(&capsule, "environment").await, [0; 4]);
    assert_eq!(answer(&capsule, "wall clock").await, [0; 8]);
    let capsule = engine.load(&wasm, asking(true), None).unwrap();
    let seconds = answer(&capsule, "wall clock").await;
    assert!(u64::from_le_bytes(seconds.try_into().unwrap()) > 1_700_000_000);
}

/// Rule: WASI is linked inert: no files, no arguments, no input, no network.
#[tokio::test]
async fn wasi_has_no_files_no_arguments_no_input_and_no_network() {
    // A refusal is an error (1) and its code in `wasi:sockets/network`.
    const ACCESS_DENIED: u8 = 1;
    const PERMANENT_RESOLVER_FAILURE: u8 = 20;
    // What a `stream-error` says at the end.
    const CLOSED: u8 = 1;
    let engine = engine(4);
    // No grant changes any of it.
    let grants = Grants {
        log: true,
        clock: true,
    };
    let spec = CapsuleSpec {
        grants,
        ..spec("inert", InstanceMode::Principal)
    };
    let capsule = engine.load(&wasm(&text("inert")), spec, None).unwrap();
    let cases: [(&str, &[u8]); 7] = [
        ("arguments", &[0; 4]),
        ("working directory", &[0]),
        ("directories", &[0; 4]),
        ("input", &[1, CLOSED]),
        ("name", &[1, PERMANENT_RESOLVER_FAILURE]),
        ("tcp", &[1, ACCESS_DENIED]),
        ("udp", &[1, ACCESS_DENIED]),
    ];
    for (question, want) in cases {
        assert_eq!(answer(&capsule, question).await, want, "{question}");
    }
}

/// Rule: host calls in one call of the hook are limited: those of the host's
/// functions, of WASI's, and for more memory; not what a guest does by itself.
#[tokio::test]
async fn a_guest_calls_the_host_only_so_often() {
    let engine = engine(4);
    for guest in ["log", "context-often", "memory-often"] {
        let spec = CapsuleSpec {
            limits: Limits {
                host_calls: 3,
                ..Limits::default()
            },
            ..spec(guest, InstanceMode::Principal)
        };
        let capsule = engine.load(&wasm(&text(guest)), spec, None).unwrap();
        for _ in 0..3 {
            let answer = ask(&capsule, "alice", "3 times").await;
            let want = Ok(Verdict::Continue(None));
            assert_eq!(answer, want, "{guest}: it counts anew each time");
        }
        let error = ask(&capsule, "alice", "4 times").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "trap: it called the host more than 3 times (`max_host_calls` under [runtime])",
            "{guest}"
        );
        assert_eq!(capsule.instances(), 0, "{guest} is thrown away");
    }
}
