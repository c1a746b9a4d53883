//! Whatever thread a call comes from, and so whichever wasmtime engine its
//! instance is made in: one host, one set of limits, one clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use capsule_core::hook::{ErrorKind, HookError, Verdict};
use capsule_engine::{Capsule, InstanceMode};
use rustix::process::{Resource, getrlimit};

use support::{ENDLESS, MODES, ask, ask_within, count, engine, load};

/// Threads are given to processors in turn: among so many that are new, each
/// processor has some.
const THREADS: u8 = 32;
/// Bytes of the memory that an instance of `count` has.
const MEMORY: usize = 4 << 16;

type Answer = Result<Verdict, HookError>;

/// What a thread of its own is answered.
fn on_new_thread(capsule: &Arc<Capsule>, principal: &str, payload: &str) -> Answer {
    thread::scope(|scope| {
        let asking = scope.spawn(|| block_on(ask(capsule, principal, payload)));
        asking.join().unwrap()
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    runtime.block_on(future)
}

/// Rule: limits for each capsule: wall time.
#[test]
fn every_threads_guests_are_stopped_when_their_time_is_up() {
    let engine = engine(8);
    let (done, answers) = mpsc::channel();
    let mut asked = 0;
    for guest in ENDLESS {
        for mode in MODES {
            let bad = Arc::new(load(&engine, guest, mode));
            for _ in 0..THREADS / 4 {
                let (bad, done) = (Arc::clone(&bad), done.clone());
                // Not joined: one that is not stopped would never end.
                thread::spawn(move || {
                    let asking = ask_within(&bad, "mallory", "{}", Duration::from_millis(50));
                    done.send(block_on(asking)).unwrap();
                });
                asked += 1;
            }
        }
    }
    for _ in 0..asked {
        let answer = answers.recv_timeout(Duration::from_secs(120));
        let answer = answer.expect("all are stopped, some day");
        // With so many at once, some do not get a place in their time.
        let kind = answer.unwrap_err().kind;
        assert!(
            matches!(kind, ErrorKind::Timeout | ErrorKind::Unavailable),
            "{kind:?}"
        );
    }
}

#[test]
fn an_instance_serves_its_owner_on_whatever_thread() {
    let engine = engine(8);
    let capsule = Arc::new(load(&engine, "count-or-fail", InstanceMode::Principal));
    for nth in 1..=THREADS {
        let answer = on_new_thread(&capsule, "alice", "{}");
        assert_eq!(count(answer), nth, "the instance that the first one made");
    }
    assert_eq!(capsule.instances(), 1);
    let error = on_new_thread(&capsule, "alice", "trap").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Trap);
    assert_eq!((capsule.instances(), engine.memory_used()), (0, 0));
}

/// An instance stays in the engine of the thread that made it; where threads
/// use the engines of others, they wait for each other there.
#[test]
fn an_instance_that_is_used_elsewhere_for_long_is_made_anew_there() {
    let engine = engine(8);
    let capsule = Arc::new(load(&engine, "count", InstanceMode::Principal));
    let mut last = 0;
    let mut made_anew = 0;
    for _ in 0..THREADS / 2 {
        let asked = thread::scope(|scope| {
            let asking = scope.spawn(|| {
                block_on(async {
                    let mut counts = Vec::new();
                    for _ in 0..1_010 {
                        counts.push(count(ask(&capsule, "alice", "{}").await));
                    }
                    counts
                })
            });
            asking.join().unwrap()
        });
        let mut began = Vec::new();
        for (nth, count) in asked.into_iter().enumerate() {
            if count != u8::wrapping_add(last, 1) {
                assert_eq!(count, 1);
                began.push(nth);
            }
            last = count;
        }
        assert!(began.is_empty() || began == [1_000], "{began:?}");
        made_anew += began.len();
        assert_eq!(capsule.instances(), 1);
    }
    // Where there is room for one engine only, all are at home in it.
    let has_others = thread::available_parallelism().unwrap().get() > 1;
    let has_room = getrlimit(Resource::As).current.is_none();
    assert!(made_anew > 0 || !has_others || !has_room);
}

/// Rule: limits for the whole host: instances.
#[test]
fn threads_share_the_places_of_the_host() {
    let engine = engine(2);
    let capsule = Arc::new(load(&engine, "count", InstanceMode::Principal));
    for nth in 0..THREADS {
        let principal = format!("p{nth}");
        assert_eq!(count(on_new_thread(&capsule, &principal, "{}")), 1);
        let lives = usize::from(nth + 1).min(2);
        assert_eq!(capsule.instances(), lives);
        assert_eq!(engine.memory_used(), lives * MEMORY);
    }
    assert_eq!(engine.evicted(), u64::from(THREADS) - 2);
    drop(capsule);
    assert_eq!(engine.memory_used(), 0, "those of all threads are gone");
}

/// Rule: the least recently used goes first, whichever thread used it.
#[test]
fn the_oldest_of_all_threads_gives_way() {
    let engine = engine(8);
    let capsule = Arc::new(load(&engine, "count", InstanceMode::Principal));
    let asked = |nth: u8| count(on_new_thread(&capsule, &format!("p{nth}"), "{}"));
    for nth in 0..8 {
        assert_eq!(asked(nth), 1);
    }
    let others = [0, 2, 3, 4, 5, 6, 7];
    for nth in others {
        assert_eq!(asked(nth), 2);
    }
    assert_eq!(asked(8), 1, "takes the place of 1");
    for nth in others {
        assert_eq!(asked(nth), 3, "{nth} is still there");
    }
    assert_eq!(asked(1), 1);
}

#[test]
fn threads_that_make_instances_at_once_do_not_meet() {
    let engine = engine(THREADS.into());
    let capsule = load(&engine, "count", InstanceMode::Fresh);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                block_on(async {
                    for _ in 0..50 {
                        assert_eq!(count(ask(&capsule, "alice", "{}").await), 1);
                    }
                });
            });
        }
    });
    assert_eq!((capsule.instances(), engine.memory_used()), (0, 0));
}
