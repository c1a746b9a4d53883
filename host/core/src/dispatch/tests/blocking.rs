//! Subscriptions that publishers wait for.

use super::*;

/// A subscription that publishers wait for, with room for so many.
fn blocking(dispatcher: &Dispatcher, name: &str, event: &str, items: usize) -> Subscription {
    let mailbox = queue(Overflow::Block, items);
    dispatcher.subscribe(options(name, event).with_mailbox(mailbox))
}

/// Rule: `block`: the publisher waits; others do not.
#[tokio::test(start_paused = true)]
async fn a_publisher_waits_for_a_full_subscription_and_others_do_not() {
    let dispatcher = Arc::new(dispatcher([]));
    let mut full = blocking(&dispatcher, "full", "a.b", 1);
    assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    let mut waits = std::pin::pin!(dispatcher.request(draft().with_payload("y")));
    assert!(futures_util::poll!(waits.as_mut()).is_pending());

    let started = Instant::now();
    for elsewhere in [on("c"), of("alice", "c")] {
        assert!(dispatcher.request(elsewhere).await.unwrap().is_admitted());
    }
    dispatcher.publish(draft().with_payload("z")).await.unwrap();
    // Another principal waits for the queue, but not behind the first.
    let mut other = std::pin::pin!(dispatcher.request(of("alice", "a.b").with_payload("other")));
    assert!(futures_util::poll!(other.as_mut()).is_pending());
    assert_eq!(started.elapsed(), Duration::ZERO);

    assert_eq!(received(&mut full), ["x"]);
    assert!(waits.await.unwrap().is_admitted());
    assert_eq!(received(&mut full), ["y"]);
    assert!(other.await.unwrap().is_admitted());
    assert_eq!(received(&mut full), ["other"]);
    idle().await;
    assert_eq!(received(&mut full), ["z"]);
    assert_eq!(full.stats().lost.total(), Tally::default());
    assert_empty(&dispatcher);
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_a_request_that_waits_for_a_subscription() {
    let dispatcher = dispatcher([]);
    let mut full = blocking(&dispatcher, "full", "a.b", 1);
    assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    let mut waits = std::pin::pin!(dispatcher.request(draft().with_payload("y")));
    assert!(futures_util::poll!(waits.as_mut()).is_pending());
    let mut drains = std::pin::pin!(dispatcher.drain());
    assert!(futures_util::poll!(drains.as_mut()).is_pending());

    assert_eq!(received(&mut full), ["x"]);
    assert!(waits.await.unwrap().is_admitted());
    assert!(futures_util::poll!(drains.as_mut()).is_ready());
}

/// Rule: a full lane is the publisher's to see: the subscription that events
/// wait for is named.
#[tokio::test(start_paused = true)]
async fn a_stalled_subscription_fills_its_lane_and_is_named() {
    let dispatcher = with_config(narrow(3), [interceptor("a", keep())]);
    let mut stalled = blocking(&dispatcher, "stalled", "a.b", 1);
    for _ in 0..4 {
        dispatcher.publish(draft()).await.unwrap();
        idle().await;
    }
    let Err(PublishError::Full { full, .. }) = dispatcher.try_publish(draft()) else {
        panic!("its lane is full");
    };
    assert_eq!(
        full.to_string(),
        "the system itself has 3 events under way to `stalled` already"
    );
    dispatcher.try_publish(of("alice", "a.b")).unwrap();
    dispatcher.try_publish(on("c")).unwrap();
    let mut waits = std::pin::pin!(dispatcher.publish(draft()));
    assert!(futures_util::poll!(waits.as_mut()).is_pending());

    let mut got = 0;
    while got < 6 {
        got += received(&mut stalled).len();
        idle().await;
        if got == 1 {
            waits.as_mut().await.unwrap();
        }
    }
    assert_empty(&dispatcher);
}

/// Rule: dropping a subscription frees whoever waits for it.
#[tokio::test(start_paused = true)]
async fn dropping_a_full_subscription_frees_those_who_wait_for_it() {
    for closes in [true, false] {
        let dispatcher = Arc::new(with_config(narrow(3), [interceptor("a", keep())]));
        let mut stalled = blocking(&dispatcher, "stalled", "a.b", 1);
        let mut publishers = JoinSet::new();
        for n in 0..20 {
            let dispatcher = dispatcher.clone();
            let who = format!("p{}", n % 2);
            publishers.spawn(async move { dispatcher.request(of(&who, "a.b")).await });
        }
        idle().await;
        assert!(dispatcher.lanes() > 0 && publishers.len() == 20);
        if closes {
            stalled.close();
            assert_eq!(stalled.stats().lost.discarded.items, 1);
            assert!(adds_up(&stalled.stats()));
        } else {
            drop(stalled);
        }
        for outcome in publishers.join_all().await {
            assert!(outcome.unwrap().is_admitted());
        }
        assert_empty(&dispatcher);
        let left_queued = u64::from(!closes);
        assert_eq!(dispatcher.counters().lost, left_queued, "when it went");
    }
}

/// Rule: a subscription waits for no other's consumer.
#[tokio::test(start_paused = true)]
async fn a_stalled_subscription_keeps_nothing_from_another() {
    let dispatcher = dispatcher([]);
    let mut stalled = blocking(&dispatcher, "stalled", "a.b", 1);
    let mut lively = blocking(&dispatcher, "lively", "a.b", 1);
    let mut free = dispatcher.subscribe(options("free", "a.b"));
    for n in 0..5 {
        let draft = draft().with_payload(n.to_string());
        dispatcher.publish(draft).await.unwrap();
    }
    for n in 0..5 {
        idle().await;
        assert_eq!(received(&mut lively), [n.to_string()]);
    }
    assert_eq!(received(&mut free), ["0", "1", "2", "3", "4"]);
    assert_eq!(stalled.stats().queued.items, 1);
    for n in 0..5 {
        assert_eq!(received(&mut stalled), [n.to_string()]);
        idle().await;
    }
    assert_empty(&dispatcher);
}

/// Rule: admitted events of one principal reach a subscription in publish
/// order, also one that publishers wait for.
#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_waited_for_keeps_the_order_too() {
    let dispatcher = dispatcher([
        on_topic("slow", "slow", Answer::Slow(100)),
        on_topic("guard", "denied", deny("no")),
    ]);
    let mut waited_for = blocking(&dispatcher, "s", ">", 100);
    for (n, topic) in ["slow", "fast", "denied", "slow", "fast"]
        .iter()
        .enumerate()
    {
        let draft = on(topic).with_payload(n.to_string());
        dispatcher.publish(draft).await.unwrap();
    }
    idle().await;
    assert_eq!(received(&mut waited_for), [""; 0]);
    sleep(100).await;
    assert_eq!(received(&mut waited_for), ["0", "1"]);
    sleep(100).await;
    assert_eq!(received(&mut waited_for), ["3", "4"]);
    assert_empty(&dispatcher);
}

/// Rule: each loss is counted on the subscription and seen in-band by its
/// consumer, also that of an admitted event whose publisher gave up waiting
/// for it.
#[tokio::test(start_paused = true)]
async fn an_admitted_event_whose_publisher_gives_up_is_a_counted_loss() {
    let dispatcher = dispatcher([]);
    let mut full = blocking(&dispatcher, "full", "a.b", 1);
    let mut free = dispatcher.subscribe(options("free", "a.b"));
    assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    let wait = Duration::from_millis(10);
    let second = tokio::time::timeout(wait, dispatcher.request(draft().with_payload("y")));
    // Behind the second, so it never gets as far as the queue.
    let third = tokio::time::timeout(wait, dispatcher.request(draft().with_payload("z")));
    let (second, third) = tokio::join!(second, third);
    assert!(second.is_err() && third.is_err());

    assert_eq!(dispatcher.counters().admitted, 3);
    assert_eq!(received(&mut free), ["x", "y", "z"]);
    assert_eq!(received(&mut full), ["lost 2", "x"]);
    let stats = full.stats();
    assert!(adds_up(&stats), "{stats:?}");
    assert_eq!((stats.pushed.items, stats.delivered.items), (3, 1));
    assert_eq!(dispatcher.counters().lost, 2);
    assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    assert_eq!(received(&mut full), ["x"]);
    assert_empty(&dispatcher);
}

/// Rule: not even the host waits for a full subscription when it says
/// something of itself: that is queued beyond the budget.
#[tokio::test(start_paused = true)]
async fn the_hosts_own_events_go_beyond_a_full_queue() {
    let dispatcher = dispatcher([]);
    let mut full = blocking(&dispatcher, "full", ">", 1);
    assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    dispatcher.register_session(None, &name("ci"), &name("n"), name("s"));
    assert_eq!(received(&mut full).len(), 2);
}
