//! What a guest gets from the host, and what it says to the operator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use capsule_core::hook::Verdict;
use capsule_engine::{Capsule, CapsuleSpec, Grants, InstanceMode, Limits};
use tracing_subscriber::fmt::MakeWriter;

use support::{ask, engine, spec, text, wasm};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

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

#[tokio::test]
async fn a_guest_logs_under_its_name_and_within_its_limits() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let engine = engine(4);
    let spec = CapsuleSpec {
        limits: Limits {
            log_lines: 3,
            log_line_bytes: 10,
            ..Limits::default()
        },
        ..spec("chatty", InstanceMode::Principal)
    };
    let capsule = engine.load(&wasm(&text("log")), spec, None).unwrap();
    let cut = "WARN capsule: the capsule logs more than one call may; the rest is cut \
               capsule=\"chatty\" max_lines=3 max_line_bytes=10";
    let cases: [(&str, &[&str]); 4] = [
        ("1 line", &[r#"WARN capsule: 1 line capsule="chatty""#]),
        (
            "1\u{1b}[2J\n",
            &[r#"WARN capsule: 1\u{1b}[2J\n capsule="chatty""#],
        ),
        (
            "1 too long a line",
            &[cut, r#"WARN capsule: 1 too long… capsule="chatty""#],
        ),
        (
            "5 lines",
            &[
                r#"WARN capsule: 5 lines capsule="chatty""#,
                r#"WARN capsule: 5 lines capsule="chatty""#,
                r#"WARN capsule: 5 lines capsule="chatty""#,
                cut,
            ],
        ),
    ];
    for (payload, want) in cases {
        lines.take();
        ask(&capsule, "alice", payload).await.unwrap();
        assert_eq!(lines.take(), want, "payload: {payload:?}");
    }
}

/// Rule: host calls in one call of the hook are limited.
#[tokio::test]
async fn a_guest_calls_the_host_only_so_often() {
    let engine = engine(4);
    let spec = CapsuleSpec {
        limits: Limits {
            host_calls: 3,
            ..Limits::default()
        },
        ..spec("busy", InstanceMode::Principal)
    };
    let capsule = engine.load(&wasm(&text("log")), spec, None).unwrap();
    for _ in 0..3 {
        let answer = ask(&capsule, "alice", "3 lines").await;
        assert_eq!(
            answer,
            Ok(Verdict::Continue(None)),
            "it counts anew each time"
        );
    }
    let error = ask(&capsule, "alice", "4 lines").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "trap: it called the host more than 3 times (`max_host_calls` under [runtime])"
    );
    assert_eq!(capsule.instances(), 0, "it is thrown away");
}
