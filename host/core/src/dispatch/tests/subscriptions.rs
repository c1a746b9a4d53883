//! What reaches a subscription, in what order, and what it is told of losses.

use super::*;

/// What the tasks that run events at the same time come to, in no order.
async fn run_all(running: impl IntoIterator<Item = crate::dispatch::Running>) {
    let tasks: JoinSet<_> = running.into_iter().map(|event| event.run()).collect();
    tasks.join_all().await;
}

fn seqs(subscription: &mut Subscription) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_recv().ok())
        .map(|received| match received {
            Received::Item(message) => message.event.seq,
            Received::Lost { .. } => panic!("nothing is lost here"),
        })
        .collect()
}

/// Rule: what is admitted goes on to subscribers, with the payload that the
/// chain left.
#[tokio::test(start_paused = true)]
async fn an_admitted_event_arrives_as_the_chain_left_it() {
    let dispatcher = dispatcher([
        interceptor("a", Answer::Append("y")),
        interceptor("b", Answer::Append("z")),
    ]);
    let mut subscription = dispatcher.subscribe(options("s", "a.*"));

    let outcome = dispatcher.request(draft()).await.unwrap();

    let Some(Received::Item(message)) = subscription.recv().await else {
        panic!("it is there when the outcome is")
    };
    assert_eq!(text(&message.payload), "xyz");
    assert_eq!(text(&message.event.payload), "x", "and what was published");
    assert!(Arc::ptr_eq(&message.event, &outcome.event));
    assert_eq!(dispatcher.counters().handed_out, 1);
}

/// Rule: denied events, and those answered by a `Final`, reach no
/// subscription; raw taps see them.
#[tokio::test(start_paused = true)]
async fn what_is_not_admitted_reaches_taps_alone() {
    let cases = [
        (vec![interceptor("a", deny("no"))], 0),
        (vec![interceptor("a", answer("done"))], 0),
        (vec![interceptor("a", keep())], 1),
        (vec![], 1),
    ];
    for (interceptors, want) in cases {
        let dispatcher = dispatcher(interceptors);
        let mut admitted = dispatcher.subscribe(options("s", ">"));
        let mut tap = dispatcher.subscribe(options("t", ">").with_view(View::Raw));
        let _outcome = dispatcher.request(draft()).await.unwrap();
        assert_eq!(received(&mut admitted).len(), want);
        assert_eq!(received(&mut tap), ["x"]);
        assert_eq!(admitted.stats().pushed.items, want as u64);
        assert_empty(&dispatcher);
    }
}

/// Rule: `raw` taps see events before the chain.
#[tokio::test(start_paused = true)]
async fn a_tap_sees_an_event_as_published_before_its_chain_runs() {
    let dispatcher = dispatcher([
        interceptor("a", Answer::Append("y")),
        interceptor("b", Answer::Slow(100)),
    ]);
    let mut tap = dispatcher.subscribe(options("t", ">").with_view(View::Raw));

    let running = dispatcher.try_submit(draft()).unwrap();
    assert_eq!(received(&mut tap), ["x"], "before it is even polled");
    drop(running);

    assert_eq!(received(&mut tap), [""; 0], "once");
    assert_eq!(dispatcher.counters().cancelled, 1);
    assert_empty(&dispatcher);
}

/// Rule: filters: patterns, principal, session, source, kind; all, any, none
/// of them.
#[tokio::test(start_paused = true)]
async fn a_subscription_gets_what_its_filter_matches() {
    let of_bob = || Condition::Principal(Some(principal("bob")));
    let filters = [
        (Filter::everything(), 4),
        (wanting(&["a.*", "a.b"]), 3),
        (wanting(&["c"]), 1),
        (Filter::everything().all([of_bob()]), 1),
        (wanting(&["a.>"]).none([of_bob()]), 2),
        (Filter::everything().all([Condition::Principal(None)]), 2),
        (
            Filter::everything().all([Condition::Session(name("s1"))]),
            1,
        ),
        (Filter::everything().any([Condition::Source(name("ci"))]), 1),
        (
            Filter::everything().all([Condition::Kind(crate::types::Kind::Capsule)]),
            0,
        ),
    ];
    let dispatcher = dispatcher([interceptor("a", keep())]);
    let subscriptions: Vec<_> = filters
        .into_iter()
        .map(|(filter, want)| {
            let options = SubscribeOptions::new("s").with_filter(filter);
            (dispatcher.subscribe(options), want)
        })
        .collect();
    for draft in [
        of("alice", "a.b"),
        of("bob", "a.b"),
        on("a.b").with_session(name("s1")),
        on("c").with_source(name("ci")),
    ] {
        let _outcome = dispatcher.request(draft).await.unwrap();
    }
    for (mut subscription, want) in subscriptions {
        let filter = subscription.options().filter.clone();
        assert_eq!(received(&mut subscription).len(), want, "{filter:?}");
    }
}

/// Rule: a subscription may be scoped to one principal, and then never holds
/// another's bytes.
#[tokio::test(start_paused = true)]
async fn a_scoped_subscription_never_holds_anothers_events() {
    let scopes = [
        (Scope::All, 6),
        (Scope::Principal(Some(principal("alice"))), 1),
        (Scope::Principal(Some(principal("bob"))), 2),
        (Scope::Principal(None), 3),
    ];
    for view in [View::Admitted, View::Raw] {
        let dispatcher = dispatcher([]);
        let subscribe = |(scope, want): &(Scope, u64)| {
            let options = SubscribeOptions::new("s")
                .with_scope(scope.clone())
                .with_view(view);
            (dispatcher.subscribe(options), *want)
        };
        let subscriptions: Vec<_> = scopes.iter().map(subscribe).collect();
        for who in [Some("alice"), Some("bob"), Some("bob"), None, None, None] {
            let draft = draft().with_principal(who.map(principal));
            let _outcome = dispatcher.request(draft).await.unwrap();
        }
        for (subscription, want) in subscriptions {
            let stats = subscription.stats();
            assert_eq!(stats.pushed.items, want, "{:?}", subscription.options());
            assert_eq!(stats.queued, stats.pushed);
        }
    }
}

/// Rule: admitted events of one principal reach a subscription in publish
/// order. The publisher of the later one does not wait for the earlier.
#[tokio::test(start_paused = true)]
async fn a_fast_event_stays_behind_a_slow_one_of_its_principal() {
    let dispatcher = dispatcher([on_topic("a", "slow", Answer::Slow(100))]);
    let subscribe = |event| dispatcher.subscribe(options("s", event));
    let (mut all, mut fast, mut other) = (subscribe(">"), subscribe("fast"), subscribe(">"));
    let started = Instant::now();
    dispatcher
        .publish(on("slow").with_payload("1"))
        .await
        .unwrap();

    let second = dispatcher
        .request(on("fast").with_payload("2"))
        .await
        .unwrap();
    assert!(second.is_admitted());
    let elsewhere = of("alice", "fast").with_payload("3");
    assert!(dispatcher.request(elsewhere).await.unwrap().is_admitted());

    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(received(&mut all), ["3"], "others do not wait");
    assert_eq!(received(&mut fast), ["3"]);
    sleep(101).await;
    for subscription in [&mut all, &mut other] {
        let got = received(subscription);
        assert_eq!(got.last().unwrap(), "2", "{got:?}");
    }
    assert_eq!(received(&mut fast), ["2"]);
    assert_empty(&dispatcher);
}

/// Rule: admitted events of one principal reach a subscription in publish
/// order, whatever mix of chains they belong to; what is denied, fails or is
/// cancelled on the way holds nothing up.
#[tokio::test(start_paused = true)]
async fn order_is_kept_at_every_subscription_over_any_mix_of_chains() {
    let dispatcher = dispatcher([
        on_topic("slow", "slow.>", Answer::Slow(70)),
        on_topic("slower", "slow.er", Answer::Slow(90)),
        on_topic("guard", "denied", deny("no")),
        on_topic("broken", "broken", Answer::Panic),
    ]);
    let mut everywhere = dispatcher.subscribe(options("s", ">"));
    let mut some = dispatcher.subscribe(options("s", "slow.er"));
    let topics = [
        "slow.er",
        "fast",
        "denied",
        "slow.down",
        "broken",
        "gone",
        "slow.er",
        "fast",
    ];
    let mut running = Vec::new();
    let mut cancelled = Vec::new();
    for topic in topics.repeat(3) {
        let event = dispatcher.try_submit(on(topic)).unwrap();
        match topic {
            "gone" => cancelled.push(event),
            _ => running.push(event),
        }
    }
    running.reverse();
    tokio::join!(run_all(running), async {
        sleep(50).await;
        drop(cancelled);
    });

    let got = seqs(&mut everywhere);
    assert_eq!(got.len(), 6 * 3, "three are denied, three cancelled");
    assert!(got.is_sorted(), "{got:?}");
    let got = seqs(&mut some);
    assert!(got.len() == 6 && got.is_sorted(), "{got:?}");
    assert_empty(&dispatcher);
}

/// Rule: each loss is counted on the subscription and seen in-band by its
/// consumer: what was published is what was delivered and what was lost, to
/// the event, under every policy.
#[tokio::test(start_paused = true)]
async fn every_event_is_delivered_or_counted_as_lost() {
    let cases = [
        // policy, items received, of which the last
        (Overflow::DropOldest, 8, "99"),
        (Overflow::DropNewest, 8, "7"),
        (Overflow::Block, 100, "99"),
        (Overflow::Close, 8, "7"),
    ];
    for (overflow, want, last) in cases {
        let dispatcher = dispatcher([interceptor("a", keep())]);
        let mailbox = queue(overflow, 8);
        let mut subscription = dispatcher.subscribe(options("s", "a.b").with_mailbox(mailbox));
        let mut got = Vec::new();
        let all = (0..100).map(|n| draft().with_payload(n.to_string()));
        let publish = async {
            for draft in all {
                assert!(dispatcher.request(draft).await.unwrap().is_admitted());
            }
        };
        if overflow == Overflow::Block {
            let consume = async {
                while got.len() < 100 {
                    got.extend(subscription.recv().await);
                }
            };
            tokio::join!(publish, consume);
        } else {
            publish.await;
            got.extend(std::iter::from_fn(|| subscription.try_recv().ok()));
        }
        let (mut items, mut lost) = (Vec::new(), 0);
        for received in got {
            match received {
                Received::Item(message) => items.push(text(&message.payload)),
                Received::Lost { items, .. } => lost += items,
            }
        }
        let stats = subscription.stats();
        assert_eq!((items.len(), items.last().unwrap().as_str()), (want, last));
        assert!(adds_up(&stats) && stats.queued.is_zero(), "{stats:?}");
        assert_eq!(stats.delivered.items, items.len() as u64);
        assert_eq!(stats.lost.total().items, lost, "{overflow}: seen in-band");
        let told = match overflow {
            // The one that found it full ended it.
            Overflow::Close => 1,
            _ => 100 - want as u64,
        };
        assert_eq!(lost, told, "{overflow}");
        assert_eq!(dispatcher.counters().lost, lost);
        assert_empty(&dispatcher);
    }
}

/// Rule: an event larger than the budget is an error to the publisher.
#[tokio::test(start_paused = true)]
async fn an_event_larger_than_a_subscriptions_queue_is_an_error() {
    let dispatcher = dispatcher([on_topic("a", "grows", Answer::Append("0123456789"))]);
    let mailbox = MailboxConfig {
        max_bytes: NonZeroUsize::new(300).unwrap(),
        ..MailboxConfig::default()
    };
    let mut small = dispatcher.subscribe(options("small", ">").with_mailbox(mailbox));
    let largest = "a".repeat(300 - on("a.b").with_payload("").size());

    let fits = draft().with_payload(largest.clone());
    assert!(dispatcher.request(fits).await.unwrap().is_admitted());
    let larger = draft().with_payload(format!("{largest}a"));
    let error = dispatcher.request(larger.clone()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "an event of 301 bytes is larger than the queue of the subscription `small`: 300 bytes"
    );
    assert!(dispatcher.try_publish(larger.clone()).is_err());
    assert_eq!(received(&mut small), [&*largest]);

    // Nobody could know it before: its chain made it larger.
    let grows = on("grows").with_payload(largest[4..].to_owned());
    assert!(dispatcher.request(grows).await.unwrap().is_admitted());
    assert_eq!(received(&mut small), ["lost 1"]);
    assert_eq!(small.stats().lost.too_large.items, 1);

    drop(small);
    assert!(dispatcher.request(larger).await.unwrap().is_admitted());
    assert_empty(&dispatcher);
}

/// Rule: a trigger is seen by nobody who subscribes, so how much they have
/// room for is nothing to it.
#[tokio::test(start_paused = true)]
async fn a_trigger_is_neither_seen_nor_bounded_by_subscriptions() {
    let dispatcher = dispatcher([interceptor("a", keep())]);
    let mailbox = MailboxConfig {
        max_bytes: NonZeroUsize::new(100).unwrap(),
        ..MailboxConfig::default()
    };
    let subscribe = |view| {
        let options = options("small", ">").with_mailbox(mailbox).with_view(view);
        dispatcher.subscribe(options)
    };
    let subscriptions = [subscribe(View::Admitted), subscribe(View::Raw)];

    let gathered = dispatcher.trigger(draft(), Gather::default()).await;

    assert_eq!(gathered.unwrap().replies.len(), 1);
    for subscription in subscriptions {
        assert_eq!(subscription.stats(), Stats::default());
    }
}

/// Rule: dropping a subscription ends it: nothing is queued for it, nobody
/// waits for it, and nothing is left of it.
#[tokio::test(start_paused = true)]
async fn a_dropped_subscription_is_forgotten() {
    let dispatcher = dispatcher([]);
    let before = dispatcher.subscribe(options("s", "a.b"));
    assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    assert_eq!(dispatcher.subscriptions(), 1);
    let held = Arc::downgrade(&match before.stats().queued.items {
        1 => dispatcher.request(draft()).await.unwrap().event,
        _ => panic!("it is queued"),
    });
    assert!(held.upgrade().is_some());

    drop(before);

    assert_eq!(dispatcher.subscriptions(), 0);
    assert!(held.upgrade().is_none(), "what was queued is thrown away");
    assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    assert_eq!(dispatcher.counters().handed_out, 2);
    assert_empty(&dispatcher);
}

/// Rule: a subscription gets what publishers hand in after it was made: not
/// what is under way, and not what waits for room already.
#[tokio::test(start_paused = true)]
async fn a_subscription_gets_what_is_handed_in_after_it() {
    let dispatcher = with_config(narrow(1), [interceptor("a", Answer::Slow(100))]);
    let under_way = dispatcher.try_submit(draft().with_payload("1")).unwrap();
    let waits = dispatcher.request(draft().with_payload("2"));
    let mut waits = std::pin::pin!(waits);
    assert!(futures_util::poll!(waits.as_mut()).is_pending());

    let mut late = dispatcher.subscribe(options("late", ">"));

    let third = dispatcher.request(draft().with_payload("3"));
    let (first, second, third) = tokio::join!(under_way.run(), waits, third);
    assert!(first.is_admitted() && second.unwrap().is_admitted());
    assert!(third.unwrap().is_admitted());
    assert_eq!(received(&mut late), ["3"]);
}

/// Rule: sessions bind late: registering fills `session` on every later event
/// that lacks it, before anybody asks whether it is wanted.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_bound_late_is_seen_by_filters() {
    let dispatcher = dispatcher([]);
    let filter = Filter::everything().all([Condition::Session(name("s1"))]);
    let mut subscription = dispatcher.subscribe(SubscribeOptions::new("s").with_filter(filter));
    let (source, native) = (name("ci"), name("native"));
    let draft = || {
        draft()
            .with_source(source.clone())
            .with_native_session(native.clone())
    };
    assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    dispatcher.register_session(None, &source, &native, name("s1"));
    let outcome = dispatcher.request(draft()).await.unwrap();
    assert_eq!(outcome.event.session, Some(name("s1")));
    let of_alice = draft().with_principal(principal("alice"));
    assert!(dispatcher.request(of_alice).await.unwrap().is_admitted());
    assert_eq!(received(&mut subscription), ["x"]);
}

/// Rule: draining is fair by bytes over principals: a flood of one principal
/// does not keep another's event waiting.
#[tokio::test(start_paused = true)]
async fn a_flood_does_not_starve_a_quiet_principal_at_a_subscription() {
    let dispatcher = dispatcher([]);
    let mut subscription = dispatcher.subscribe(options("s", ">"));
    for _ in 0..1000 {
        let _outcome = dispatcher.request(of("flood", "a.b")).await.unwrap();
    }
    let quiet = of("quiet", "a.b").with_payload("quiet");
    let _outcome = dispatcher.request(quiet).await.unwrap();
    let at = received(&mut subscription)
        .iter()
        .position(|got| got == "quiet");
    assert!(at.unwrap() < 32, "within the quantum of 4 KiB: {at:?}");
}

#[tokio::test]
async fn a_publisher_can_ask_whether_anybody_hears() {
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    let [one, other] = ["a.one", "a.other"].map(|text| Topic::new(text).unwrap());
    assert!(!dispatcher.is_heard(&one));
    let subscription = dispatcher.subscribe(options("s", "a.one"));
    assert!(dispatcher.is_heard(&one));
    assert!(!dispatcher.is_heard(&other));
    drop(subscription);
    assert!(!dispatcher.is_heard(&one));
    dispatcher.install(vec![interceptor("c", Answer::Say(Verdict::Skip))]);
    assert!(dispatcher.is_heard(&one));
}

#[tokio::test]
async fn what_nothing_intercepts_is_delivered_when_publish_returns() {
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    let mut subscription = dispatcher.subscribe(SubscribeOptions::new("s"));
    for number in 0..1000 {
        dispatcher.publish(draft()).await.unwrap();
        let Ok(Received::Item(message)) = subscription.try_recv() else {
            panic!("event {number} is not there");
        };
        assert_eq!(message.event.seq, number);
    }
    let counters = dispatcher.counters();
    assert_eq!((counters.admitted, counters.cancelled), (1000, 0));
    assert_eq!(dispatcher.principals(), 0);
}
