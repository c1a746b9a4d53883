//! External hooks as stages of chains, through a real dispatcher.

use tokio::task::JoinSet;

use super::*;
use crate::{
    dispatch::{
        Decision, DispatchConfig, Dispatcher, Interceptor, Mode, OnError, Order, Outcome,
        StepVerdict,
    },
    types::Pattern,
};

/// A stage that asks the hook `guard`.
fn stage(broker: &Arc<Broker>, on_error: OnError) -> Interceptor {
    Interceptor {
        capsule: "outside".into(),
        event: Pattern::new(">").unwrap(),
        action: "check".into(),
        priority: 100,
        on_error,
        mode: Mode::Enforce,
        timeout: SECOND,
        order: Order::Principal,
        hook: Arc::new(ExternalHook::new(broker.clone(), hook("guard"))),
        quarantine: None,
    }
}

fn dispatcher(stage: Interceptor) -> Dispatcher {
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    dispatcher.install(vec![stage]);
    dispatcher
}

fn draft() -> Draft {
    Draft::new(Topic::new("a.b").unwrap()).with_payload("x")
}

/// What the hook said, and the end.
fn told(outcome: &Outcome) -> String {
    let step = match outcome.steps.first().unwrap().verdict {
        StepVerdict::Error(error) => error.to_string(),
        verdict => verdict.as_str().to_owned(),
    };
    match &outcome.decision {
        Decision::Continue { payload } => {
            format!("{step} -> continue {}", String::from_utf8_lossy(payload))
        }
        Decision::Deny { by, reason } => format!("{step} -> deny by {by}: {reason}"),
        Decision::Final { .. } => panic!("no external hook does this"),
    }
}

/// Rule: a non-empty `abort` is a denial with that reason; a payload replaces
/// the event's.
#[tokio::test(start_paused = true)]
async fn an_answer_decides_as_a_capsules_does() {
    let cases = [
        (
            r#"{"abort": "no\u001b[0m"}"#,
            "deny -> deny by outside: no\\u{1b}[0m",
        ),
        (r#"{"payload": {"a":1}}"#, r#"continue -> continue {"a":1}"#),
        (r#"{"note": "seen"}"#, "continue -> continue x"),
    ];
    for (answer, want) in cases {
        let broker = broker();
        let mut subscriber = broker.subscribe(hook("guard")).unwrap();
        let dispatcher = dispatcher(stage(&broker, OnError::Continue));
        let answers = async {
            let request = subscriber.recv().await.unwrap();
            assert_eq!(&*request.message.action, "check");
            let reply_to = request.reply_to.unwrap();
            assert_eq!(reply_to.deadline, soon(), "the stage's own");
            let answer = serde_json::from_str(answer).unwrap();
            subscriber.respond(reply_to.hook_id, answer)
        };
        let (outcome, response) = tokio::join!(dispatcher.request(draft()), answers);
        assert!(response.accepted);
        assert_eq!(told(&outcome.unwrap()), want, "{answer}");
        assert_eq!(broker.waiting(), 0);
    }
}

/// Rule: an external hook is timed and failed like any other interceptor.
#[tokio::test(start_paused = true)]
async fn silence_and_absence_follow_on_error() {
    let silence = "timeout: no answer within 1000 ms";
    let absence = "unavailable: the hook `guard` has no subscriber";
    for (subscribes, error, want) in [(true, silence, SECOND), (false, absence, Duration::ZERO)] {
        for on_error in [OnError::Continue, OnError::Deny] {
            let broker = broker();
            let _silent = subscribes.then(|| broker.subscribe(hook("guard")).unwrap());
            let dispatcher = dispatcher(stage(&broker, on_error));
            let outcome = dispatcher.request(draft()).await.unwrap();
            let end = match on_error {
                OnError::Continue => "continue x".to_owned(),
                OnError::Deny => format!("deny by outside: `check` failed: {error}"),
            };
            assert_eq!(told(&outcome), format!("{error} -> {end}"));
            assert_eq!(outcome.duration, want);
            assert_eq!(broker.waiting(), 0);
        }
    }
}

/// Rule: a guard never lets anything pass by failing, also when its process
/// goes away in the middle.
#[tokio::test(start_paused = true)]
async fn a_guard_that_goes_away_denies_at_once() {
    let broker = broker();
    let mut subscriber = broker.subscribe(hook("guard")).unwrap();
    let dispatcher = dispatcher(stage(&broker, OnError::Deny));
    let dies = async {
        subscriber.recv().await.unwrap();
        drop(subscriber);
    };
    let (outcome, ()) = tokio::join!(dispatcher.request(draft()), dies);
    let outcome = outcome.unwrap();
    assert!(
        told(&outcome).ends_with(
            "unavailable: every subscriber of the hook `guard` that was asked has disconnected"
        ),
        "{}",
        told(&outcome)
    );
    assert!(!outcome.is_admitted());
    assert_eq!(outcome.duration, Duration::ZERO);
    assert_empty(&broker);
}

/// Rule: an external hook is ordered like any other interceptor: deliveries
/// for one principal never overlap and happen in publish order.
#[tokio::test(start_paused = true)]
async fn one_principals_events_reach_a_hook_one_by_one_in_order() {
    let broker = broker();
    let mut subscriber = broker.subscribe(hook("guard")).unwrap();
    let dispatcher = dispatcher(stage(&broker, OnError::Deny));
    let mut running: Vec<_> = (0..10)
        .map(|_| dispatcher.try_submit(draft()).unwrap())
        .collect();
    // The last to be taken in is the first to be polled.
    running.reverse();
    let mut outcomes: JoinSet<_> = running.into_iter().map(|event| event.run()).collect();

    for seq in 0..10 {
        let request = subscriber.recv().await.unwrap();
        assert_eq!(request.message.event.seq, seq);
        tokio::task::yield_now().await;
        let next = subscriber.try_recv().unwrap();
        assert!(next.is_none(), "nothing comes before this is answered");
        let id = request.reply_to.unwrap().hook_id;
        assert!(subscriber.respond(id, Answer::new()).accepted);
        assert!(outcomes.join_next().await.unwrap().unwrap().is_admitted());
    }
    assert_eq!((broker.waiting(), dispatcher.lanes()), (0, 0));
}

/// Rule: cancelling a publisher's wait gives everything back.
#[tokio::test(start_paused = true)]
async fn a_cancelled_request_leaves_no_question_behind() {
    let broker = broker();
    let mut subscriber = broker.subscribe(hook("guard")).unwrap();
    let dispatcher = dispatcher(stage(&broker, OnError::Deny));
    let id = {
        let mut request = std::pin::pin!(dispatcher.request(draft()));
        assert!(futures_util::poll!(&mut request).is_pending());
        assert_eq!(broker.waiting(), 1);
        next_id(&mut subscriber)
    };
    assert_eq!((broker.waiting(), dispatcher.lanes()), (0, 0));
    assert_eq!(dispatcher.counters().cancelled, 1);
    assert!(!subscriber.respond(id, Answer::new()).accepted);
    drop(subscriber);
    assert_empty(&broker);
}
