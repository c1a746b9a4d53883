//! The broker without a dispatcher.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

use futures_util::poll;
use tokio::task::JoinSet;

use super::*;

const ACCEPTED: Response = Response { accepted: true };
const REFUSED: Response = Response { accepted: false };

/// Rule: the first answer wins, later ones are told `accepted: false`.
#[tokio::test(start_paused = true)]
async fn the_first_answer_wins() {
    let (broker, hook) = (broker(), hook("guard"));
    let mut early = broker.subscribe(hook.clone()).unwrap();
    let mut late = broker.subscribe(hook.clone()).unwrap();
    let mut asked = pin!(broker.ask(&hook, message(), soon()));
    assert!(poll!(&mut asked).is_pending());
    let id = next_id(&mut early);
    assert_eq!(next_id(&mut late), id, "one question, one id");

    assert_eq!(early.respond(id, saying("1")), ACCEPTED);
    assert_eq!(late.respond(id, saying("2")), REFUSED);
    assert_eq!(early.respond(id, saying("3")), REFUSED, "it answers once");

    assert_eq!(asked.await.unwrap(), saying("1"));
    drop((early, late));
    assert_empty(&broker);
}

/// Rule: unknown, expired and foreign hook ids get one plain reply.
#[tokio::test(start_paused = true)]
async fn nobody_answers_what_was_not_put_to_them() {
    let (broker, hook) = (broker(), hook("guard"));
    let mut subscriber = broker.subscribe(hook.clone()).unwrap();
    let elsewhere = broker.subscribe(HookName::new("other").unwrap()).unwrap();
    let mut asked = pin!(broker.ask(&hook, message(), soon()));
    assert!(poll!(&mut asked).is_pending());
    let id = next_id(&mut subscriber);
    let too_late_to_be_asked = broker.subscribe(hook.clone()).unwrap();
    let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();

    for (who, subscriber, id) in [
        ("of another hook", &elsewhere, id),
        ("of this hook, but not asked", &too_late_to_be_asked, id),
        ("asked something else", &subscriber, unknown),
    ] {
        assert_eq!(subscriber.respond(id, Answer::new()), REFUSED, "{who}");
    }
    assert_eq!(broker.waiting(), 1, "the question is still open");

    // Nobody has polled the question since its time was up.
    tokio::time::advance(SECOND).await;
    assert_eq!(subscriber.respond(id, Answer::new()), REFUSED, "expired");
    assert_eq!(
        asked.await,
        Err(AskError::Deadline { hook: hook.clone() }),
        "what is refused does not count"
    );
    assert_eq!(broker.waiting(), 0);
}

#[test]
fn a_hook_id_is_a_uuid_and_anything_else_is_none() {
    let id = HookId::random();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_ne!(id, HookId::random());
    assert_eq!("../x".parse::<HookId>(), Err(HookIdError));
}

/// Rule: the wait has a deadline.
#[tokio::test(start_paused = true)]
async fn a_question_ends_at_its_deadline() {
    let (broker, hook) = (broker(), hook("guard"));
    let mut subscriber = broker.subscribe(hook.clone()).unwrap();
    let cases = [
        (Some(SECOND), SECOND),
        (None, BrokerConfig::default().deadline),
        (Some(Duration::ZERO), Duration::ZERO),
    ];
    for (wait, want) in cases {
        let started = Instant::now();
        let deadline = wait.map(|wait| started + wait);
        let answer = broker.ask(&hook, message(), deadline).await;
        assert_eq!(answer, Err(AskError::Deadline { hook: hook.clone() }));
        assert_eq!(started.elapsed(), want);
        assert_eq!(broker.waiting(), 0);
    }
    let received = std::iter::from_fn(|| subscriber.try_recv().unwrap());
    assert_eq!(received.count(), 2, "what is over is not even asked");
}

/// Rule: dropping the waiter frees its slot, and its hook id with it.
#[tokio::test(start_paused = true)]
async fn dropping_the_waiter_frees_its_slot() {
    let broker = Arc::new(Broker::new(BrokerConfig {
        max_waiting: NonZeroUsize::MIN,
        ..BrokerConfig::default()
    }));
    let hook = hook("guard");
    let mut subscriber = broker.subscribe(hook.clone()).unwrap();
    {
        let mut asked = pin!(broker.ask(&hook, message(), soon()));
        assert!(poll!(&mut asked).is_pending());
        assert_eq!(
            broker.ask(&hook, message(), soon()).await,
            Err(AskError::Full { limit: 1 })
        );
    }
    assert_eq!(broker.waiting(), 0);
    let id = next_id(&mut subscriber);
    assert_eq!(subscriber.respond(id, Answer::new()), REFUSED);
    let mut asked = pin!(broker.ask(&hook, message(), soon()));
    assert!(poll!(&mut asked).is_pending(), "the slot is free");
}

/// Rule: a subscriber that falls behind is disconnected rather than silently
/// skipped; what waits for it alone ends at once.
#[tokio::test(start_paused = true)]
async fn who_falls_behind_is_disconnected() {
    let (broker, hook) = (broker_with_queues_of_one(), hook("guard"));
    let mut slow = broker.subscribe(hook.clone()).unwrap();
    let mut first = pin!(broker.ask(&hook, message(), soon()));
    assert!(poll!(&mut first).is_pending());
    let mut quick = broker.subscribe(hook.clone()).unwrap();

    let mut second = pin!(broker.ask(&hook, message(), soon()));
    assert!(poll!(&mut second).is_pending(), "`quick` may answer it");
    let gone = Err(AskError::AllGone { hook: hook.clone() });
    assert_eq!(poll!(&mut first), Poll::Ready(gone), "at once");
    assert_eq!((broker.lagged(), broker.subscribers()), (1, 1));

    let id = next_id(&mut slow);
    assert_eq!(slow.respond(id, Answer::new()), REFUSED);
    assert_eq!(slow.try_recv().unwrap_err(), End::Lagged);
    assert_eq!(slow.recv().await.unwrap_err(), End::Lagged, "and stays so");

    let id = next_id(&mut quick);
    assert_eq!(quick.respond(id, saying("1")), ACCEPTED);
    assert_eq!(second.await.unwrap(), saying("1"));
}

/// Rule: what waits for a subscriber alone ends when it falls behind, also the
/// question that made it do so.
#[tokio::test(start_paused = true)]
async fn the_question_that_finds_a_queue_full_ends_at_once() {
    let (broker, hook) = (broker_with_queues_of_one(), hook("guard"));
    let mut slow = broker.subscribe(hook.clone()).unwrap();
    assert_eq!(broker.emit(&hook, message()), 1);
    let started = Instant::now();

    let answer = broker.ask(&hook, message(), soon()).await;

    assert_eq!(answer, Err(AskError::AllGone { hook }));
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(slow.recv().await.is_ok(), "what was queued is received");
    assert_eq!(slow.recv().await.unwrap_err(), End::Lagged);
    assert_empty(&broker);
}

/// Rule: a question ends when everybody it was put to has gone.
#[tokio::test(start_paused = true)]
async fn a_question_does_not_outlive_its_subscribers() {
    let (broker, hook) = (broker(), hook("guard"));
    let gone = Err(AskError::AllGone { hook: hook.clone() });
    let one = broker.subscribe(hook.clone()).unwrap();
    let two = broker.subscribe(hook.clone()).unwrap();
    let mut asked = pin!(broker.ask(&hook, message(), soon()));
    assert!(poll!(&mut asked).is_pending());
    drop(one);
    assert!(poll!(&mut asked).is_pending(), "one may still answer");
    let responder = two.responder();
    drop(two);
    assert_eq!(poll!(&mut asked), Poll::Ready(gone.clone()));
    assert_empty(&broker);

    let mut back = broker.subscribe(hook.clone()).unwrap();
    let mut asked = pin!(broker.ask(&hook, message(), soon()));
    assert!(poll!(&mut asked).is_pending());
    let id = next_id(&mut back);
    assert_eq!(responder.respond(id, Answer::new()), REFUSED);
    broker.close();
    assert_eq!(poll!(&mut asked), Poll::Ready(gone));
    assert_eq!(back.recv().await.unwrap_err(), End::Closed);
    assert_empty(&broker);
    assert_eq!(
        broker.subscribe(hook.clone()).unwrap_err(),
        SubscribeError::Closed
    );
    assert_eq!(
        broker.ask(&hook, message(), soon()).await,
        Err(AskError::NoSubscriber { hook: hook.clone() })
    );
}

/// Rule: to emit waits for nothing, and says to how many subscribers it went.
#[tokio::test(start_paused = true)]
async fn what_is_emitted_asks_nothing() {
    let (broker, hook) = (broker_with_queues_of_one(), hook("guard"));
    assert_eq!(broker.emit(&hook, message()), 0);
    let mut one = broker.subscribe(hook.clone()).unwrap();
    let two = broker.subscribe(hook.clone()).unwrap();
    assert_eq!(broker.emit(&hook, message()), 2);
    let request = one.recv().await.unwrap();
    assert_eq!(&*request.message.payload, b"x");
    assert_eq!(request.reply_to, None);
    assert_eq!(broker.emit(&hook, message()), 1, "`two` has fallen behind");
    drop((one, two));
    assert_empty(&broker);
}

#[tokio::test]
async fn subscribers_are_bounded() {
    let broker = Arc::new(Broker::new(BrokerConfig {
        subscriber_queue: NonZeroUsize::MAX,
        max_subscribers: NonZeroUsize::MIN,
        ..BrokerConfig::default()
    }));
    let only = broker.subscribe(hook("a")).unwrap();
    let refused = broker.subscribe(hook("b")).unwrap_err();
    assert_eq!(refused, SubscribeError::Full { limit: 1 });
    drop(only);
    assert!(broker.subscribe(hook("b")).is_ok());
    assert_empty(&broker);
}

/// Rule: receiving is cancel-safe.
#[tokio::test(start_paused = true)]
async fn a_dropped_receive_loses_nothing() {
    let (broker, hook) = (broker(), hook("guard"));
    let mut subscriber = broker.subscribe(hook.clone()).unwrap();
    {
        let mut receive = pin!(subscriber.recv());
        assert!(poll!(&mut receive).is_pending());
        broker.emit(&hook, message());
    }
    assert!(subscriber.recv().await.is_ok());
}

/// Rule: `accepted: true` means that the answer counts, whatever happens at
/// the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_accepted_answer_is_the_one_that_was_given() {
    let broker = broker();
    let accepted = Arc::new(AtomicUsize::new(0));
    let mut subscribers = JoinSet::new();
    for _ in 0..3 {
        let mut subscriber = broker.subscribe(hook("guard")).unwrap();
        let accepted = accepted.clone();
        subscribers.spawn(async move {
            while let Ok(request) = subscriber.recv().await {
                let id = request.reply_to.unwrap().hook_id;
                if subscriber.respond(id, Answer::new()).accepted {
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    let mut callers = JoinSet::new();
    for caller in 0..8_u64 {
        let broker = broker.clone();
        callers.spawn(async move {
            let mut answered = 0;
            for nth in 0..100_u64 {
                // Some time-outs are about as long as an answer takes.
                let deadline = Instant::now() + Duration::from_micros(nth * caller * 5);
                match broker.ask(&hook("guard"), message(), deadline).await {
                    Ok(_) => answered += 1,
                    Err(AskError::Deadline { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            answered
        });
    }
    let answered: usize = callers.join_all().await.into_iter().sum();
    broker.close();
    subscribers.join_all().await;
    assert_eq!(accepted.load(Ordering::Relaxed), answered);
    assert_empty(&broker);
}
