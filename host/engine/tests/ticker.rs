//! The engine's clock. Alone in its process, which it looks at.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use capsule_engine::InstanceMode;
use support::{engine, load};

fn clocks() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.trim() == "capsule-tick")
        .count()
}

#[test]
fn the_clock_runs_for_as_long_as_an_engine_or_a_capsule() {
    let engine = engine(2);
    let capsule = load(&engine, "pass", InstanceMode::Fresh);
    let clone = engine.clone();
    assert_eq!(clocks(), 1);
    drop(engine);
    drop(clone);
    assert_eq!(clocks(), 1, "the capsule still needs it");
    drop(capsule);
    // The system lists a thread a little longer than it is waited for.
    let gone = (0..10_000).any(|_| {
        std::thread::yield_now();
        clocks() == 0
    });
    assert!(gone);
}
