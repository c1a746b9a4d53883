//! No file is left to open. Alone in its process, whose limit it changes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use capsule_core::hook::Verdict;
use capsule_engine::{InstanceMode, LoadError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{ask, engine, fields, shell, spec, wasm};

/// What a capsule needs of the system is taken when it is loaded: what is
/// lacking is no failure of calls then.
#[tokio::test]
async fn a_capsule_whose_image_cannot_be_kept_is_not_loaded() {
    let engine = engine(2);
    let guest = fields("pass") + r#"(data (i32.const 64) "something")"#;
    let wasm = wasm(&shell("", &guest));
    let load = || engine.load(&wasm, spec("pass", InstanceMode::Fresh), None);
    let before = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        ..before
    };
    setrlimit(Resource::Nofile, none).unwrap();
    let refused = load();
    setrlimit(Resource::Nofile, before).unwrap();
    let Err(error @ LoadError::Image { .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(error.to_string().contains("ulimit -n"), "{error}");

    let verdict = ask(&load().unwrap(), "alice", "{}").await;
    assert_eq!(verdict.unwrap(), Verdict::Continue(None));
}
