use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};

use capsule_core::{
    hook::{Call, ErrorKind, Hook as _, HookError, Verdict},
    types::{Draft, Topic},
};
use futures_util::poll;
use tokio::{runtime, time::Instant};

use super::*;
use crate::{Capsule, CapsuleSpec, Engine, EngineConfig, InstanceMode, guests};

const LENGTH: Duration = Duration::from_micros(1);
/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a guest may compute: several times as long as it takes the clock to
/// rest.
const TIME: Duration = Duration::from_millis(500);

/// Answers once, and then never.
const LATER: &str = r#"
    (global $asked (mut i32) (i32.const 0))
    (func (export "hook") (param i32 i32 i32 i32) (result i32)
      (loop $again (br_if $again (global.get $asked)))
      (global.set $asked (i32.const 1))
      (i32.const 0))"#;

fn until_it_rests(pulse: &Pulse) {
    let looks = PATIENCE.as_millis();
    let rests = (0..looks).any(|_| {
        thread::park_timeout(Duration::from_millis(1));
        pulse.rests.load(Ordering::SeqCst)
    });
    assert!(rests, "it never rests");
}

#[test]
fn it_rests_without_marks_and_wakes_for_each() {
    let (ticks, ticked) = mpsc::channel();
    let tick = move || ticks.send(()).unwrap();
    let ticker = Ticker::start(LENGTH, FOR_EVER, tick).unwrap();
    for _ in 0..20 {
        until_it_rests(&ticker.pulse);
        ticked.try_iter().for_each(drop);
        let tick = ticked.recv_timeout(Duration::from_millis(5));
        assert_eq!(tick, Err(RecvTimeoutError::Timeout), "it rests");
        ticker.pulse.mark();
        for _ in 0..QUIET {
            ticked.recv_timeout(PATIENCE).unwrap();
        }
    }
}

/// Whichever processor it comes from.
#[test]
fn it_does_not_rest_with_a_mark_that_came_before() {
    let stripes = Pulse::default().marks.iter().count();
    for stripe in 0..stripes {
        let (done, ended) = mpsc::channel();
        // Not joined: one that rests would do so for ever.
        thread::spawn(move || {
            let pulse = Pulse::default();
            let mark = pulse.marks.iter().nth(stripe).unwrap();
            mark.store(true, Ordering::SeqCst);
            pulse.rest(FOR_EVER);
            let marked = [pulse.take_marks(), pulse.take_marks()];
            done.send((marked, pulse.rests.into_inner().into_inner()))
                .unwrap();
        });
        let ended = ended.recv_timeout(PATIENCE);
        assert_eq!(ended, Ok(([true, false], false)), "stripe {stripe}");
    }
}

#[test]
fn at_rest_it_still_ticks_now_and_then() {
    let (ticks, ticked) = mpsc::channel();
    let tick = move || ticks.send(()).unwrap();
    let ticker = Ticker::start(LENGTH, LENGTH, tick).unwrap();
    until_it_rests(&ticker.pulse);
    ticked.try_iter().for_each(drop);
    for _ in 0..3 {
        ticked.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn its_thread_ends_before_it_is_gone() {
    for rests in [true, false] {
        let (ticks, ticked) = mpsc::channel();
        let tick = move || ticks.send(()).unwrap();
        let ticker = Ticker::start(LENGTH, FOR_EVER, tick).unwrap();
        if rests {
            until_it_rests(&ticker.pulse);
        }
        drop(ticker);
        ticked.try_iter().for_each(drop);
        assert_eq!(ticked.try_recv(), Err(TryRecvError::Disconnected));
    }
}

async fn ask(capsule: &Capsule, time: Duration) -> Result<Verdict, HookError> {
    let call = Call {
        action: "check",
        event: &Draft::new(Topic::new("test.event").unwrap()).into_event(0),
        payload: &Default::default(),
        started: Instant::now(),
        deadline: Instant::now() + time,
    };
    capsule.call(call).await
}

/// What is answered on a thread of its own: the guest `wasm`, in an engine whose
/// clock never ends a rest by itself.
fn asked<F>(wasm: &[u8], ask: impl FnOnce(Arc<Pulse>, Capsule) -> F + Send + 'static) -> ErrorKind
where
    F: Future<Output = Result<Verdict, HookError>>,
{
    let config = EngineConfig {
        max_instances: 1,
        ..EngineConfig::default()
    };
    let engine = Engine::resting(config, FOR_EVER).unwrap();
    let spec = CapsuleSpec {
        id: "endless".into(),
        instance: InstanceMode::Shared,
        limits: Default::default(),
        grants: Default::default(),
        config_json: "{}".into(),
        outlet: None,
    };
    let capsule = engine.load(wasm, spec, None).unwrap();
    let (done, answer) = mpsc::channel();
    // Not joined: a guest that is not stopped would never end.
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_time().build();
        let pulse = Arc::clone(engine.0.ticker.pulse());
        until_it_rests(&pulse);
        let answer = runtime.unwrap().block_on(ask(pulse, capsule));
        done.send(answer.unwrap_err().kind).unwrap();
    });
    let answer = answer.recv_timeout(PATIENCE);
    answer.unwrap_or_else(|e: RecvTimeoutError| panic!("no answer: {e}"))
}

/// Rule: limits for each capsule: wall time.
#[test]
fn a_guest_that_never_ends_is_stopped_though_the_clock_was_at_rest() {
    for guest in guests::ENDLESS {
        let kind = asked(&guests::wasm(guest), |_, capsule| async move {
            ask(&capsule, TIME).await
        });
        assert_eq!(kind, ErrorKind::Timeout, "{guest}");
    }
}

#[test]
fn so_is_one_that_was_kept() {
    let later = guests::bytes(&guests::shell("", LATER));
    let kind = asked(&later, |pulse, capsule| async move {
        ask(&capsule, PATIENCE).await.unwrap();
        until_it_rests(&pulse);
        ask(&capsule, TIME).await
    });
    assert_eq!(kind, ErrorKind::Timeout);
}

/// It gives its thread back, and gets it again when the clock rests.
#[test]
fn so_is_one_that_others_have_kept_waiting() {
    let kind = asked(&guests::wasm("loop"), |pulse, capsule| async move {
        // Its first slice is to end before its time, however busy the machine.
        let mut answer = std::pin::pin!(ask(&capsule, 4 * TIME));
        assert!(poll!(&mut answer).is_pending());
        until_it_rests(&pulse);
        answer.await
    });
    assert_eq!(kind, ErrorKind::Timeout);
}
