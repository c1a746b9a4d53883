//! What a guest says to the operator. Alone in its process: whether anybody
//! listens to a log is remembered for all threads.

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

use capsule_engine::{CapsuleSpec, InstanceMode, Limits};
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

/// Rule: log lines in one call of the hook are limited.
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
