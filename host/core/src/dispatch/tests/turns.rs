//! Whose turn it is, and whose time.

#![expect(clippy::disallowed_methods, reason = "each test waits for its tasks")]

use tokio::task::coop::{consume_budget, has_budget_remaining};

use super::*;

/// A publisher that has used up its turn gives its thread to others; a hook's
/// time must not run meanwhile.
#[tokio::test(start_paused = true)]
async fn the_time_others_take_before_the_first_stage_is_not_the_hooks() {
    let dispatcher = Arc::new(dispatcher([Interceptor {
        timeout: Duration::from_millis(50),
        on_error: OnError::Deny,
        ..interceptor("a", Answer::Slow(10))
    }]));
    let others = tokio::spawn(async { tokio::time::advance(Duration::from_secs(2)).await });
    while has_budget_remaining() {
        consume_budget().await;
    }
    let outcome = dispatcher.request(draft()).await.unwrap();
    others.await.unwrap();
    assert_eq!(outcome.decision.as_str(), "continue", "{outcome:?}");
    assert_eq!(
        outcome.duration,
        Duration::from_millis(2010),
        "with the wait"
    );
}

/// The same for one that is run by itself.
#[tokio::test(start_paused = true)]
async fn nor_is_it_where_an_event_is_run_by_itself() {
    let dispatcher = Arc::new(dispatcher([Interceptor {
        timeout: Duration::from_millis(50),
        on_error: OnError::Deny,
        ..interceptor("a", Answer::Slow(10))
    }]));
    let others = tokio::spawn(async { tokio::time::advance(Duration::from_secs(2)).await });
    let running = dispatcher.try_submit(draft()).unwrap();
    while has_budget_remaining() {
        consume_budget().await;
    }
    let outcome = running.run().await;
    others.await.unwrap();
    assert_eq!(outcome.decision.as_str(), "continue", "{outcome:?}");
    assert_eq!(
        outcome.duration,
        Duration::from_millis(2010),
        "with the wait"
    );
}

/// Rule: deliveries to one (capsule, principal) never overlap. A directory
/// that wants a name which another has is in the plan under that name.
#[tokio::test(start_paused = true)]
async fn a_twin_that_failed_does_not_loosen_the_order() {
    for priority in [1, 1000] {
        let double = Arc::new(Double::new(Answer::Slow(10)));
        let dispatcher = Arc::new(dispatcher([
            Interceptor {
                order: Order::Session,
                priority,
                ..interceptor("x", Answer::Fail(ErrorKind::Unavailable))
            },
            Interceptor {
                hook: double.clone(),
                ..interceptor("x", keep())
            },
        ]));
        for session in ["s1", "s2"] {
            dispatcher
                .publish(of("alice", "a").with_session(name(session)))
                .await
                .unwrap();
        }
        dispatcher.drain().await;
        let overlaps = double.overlaps.load(Ordering::Relaxed);
        assert_eq!(overlaps, 0, "beside a twin of priority {priority}");
    }
}

/// Rule: a capsule may ask for one lane per session. Others of its chain have
/// not asked.
#[tokio::test(start_paused = true)]
async fn a_lane_for_each_session_is_that_of_its_capsule_alone() {
    let dispatcher = Arc::new(dispatcher([
        Interceptor {
            order: Order::Session,
            priority: 1,
            ..interceptor("a", Answer::Slow(200))
        },
        interceptor("b", Answer::Slow(100)),
    ]));
    let started = tokio::time::Instant::now();
    for session in ["s1", "s2"] {
        let draft = of("alice", "a").with_session(name(session));
        dispatcher.publish(draft).await.unwrap();
    }
    dispatcher.drain().await;
    assert_eq!(started.elapsed(), Duration::from_millis(400));
}

/// Which capsule was there first is nothing that a chain shows.
#[tokio::test]
async fn lanes_are_in_the_order_of_the_chain() {
    let on = |capsule, event, priority| Interceptor {
        priority,
        ..on_topic(capsule, event, keep())
    };
    let dispatcher = dispatcher([on("a", "x", 1), on("b", "y", 2), on("a", "y", 3)]);
    let chain = dispatcher.plan().chain(&Topic::new("y").unwrap());
    let names: Vec<_> = chain.scopes().iter().map(|s| &**s.group.name()).collect();
    assert_eq!(names, ["b", "a"]);
}

/// Rule: deliveries to one (capsule, principal) are in order: the next event
/// does not come to a capsule between two of its stages. An event takes one
/// place of the lane, however often it meets the capsule.
#[tokio::test(start_paused = true)]
async fn a_capsule_that_is_met_twice_has_one_lane() {
    let stage = |capsule, priority| Interceptor {
        priority,
        ..interceptor(capsule, Answer::Slow(100))
    };
    let stages = [stage("a", 1), stage("b", 2), stage("a", 3)];
    let dispatcher = Arc::new(with_config(narrow(2), stages));
    let chain = dispatcher.plan().chain(&Topic::new("a").unwrap());
    assert_eq!(chain.lane_count(), 2);
    let started = tokio::time::Instant::now();
    for _ in 0..2 {
        let running = dispatcher.try_submit(of("alice", "a")).unwrap();
        tokio::spawn(running.run());
    }
    dispatcher.drain().await;
    assert_eq!(started.elapsed(), Duration::from_millis(600));
}

/// Rule: two stages of one principal's successive events may run at the same
/// time in different capsules.
#[tokio::test(start_paused = true)]
async fn successive_events_are_in_two_capsules_at_once() {
    let dispatcher = Arc::new(dispatcher([
        Interceptor {
            priority: 1,
            ..interceptor("a", Answer::Slow(100))
        },
        interceptor("b", Answer::Slow(100)),
    ]));
    let started = tokio::time::Instant::now();
    for _ in 0..10 {
        dispatcher.publish(of("alice", "a")).await.unwrap();
    }
    dispatcher.drain().await;
    assert_eq!(started.elapsed(), Duration::from_millis(1100));
}

/// The smallest queue is what an event must fit, whichever came last.
#[tokio::test]
async fn an_event_too_large_for_any_queue_is_an_error() {
    let dispatcher = dispatcher([]);
    let sizes = [1 << 20, 1000, 1 << 20].map(|bytes| {
        let mut mailbox = queue(Overflow::DropOldest, 8);
        mailbox.max_bytes = std::num::NonZeroUsize::new(bytes).unwrap();
        dispatcher.subscribe(SubscribeOptions::new("s").with_mailbox(mailbox))
    });
    let refused = dispatcher
        .request(draft().with_payload(vec![0; 2000]))
        .await;
    assert!(
        matches!(refused, Err(PublishError::TooLargeFor { max: 1000, .. })),
        "{refused:?}"
    );
    drop(sizes);
}
