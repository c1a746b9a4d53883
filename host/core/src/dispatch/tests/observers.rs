//! What observers are told, and who waits for them.

use super::*;

fn observe(
    dispatcher: &Dispatcher,
    categories: impl Into<Categories>,
    config: MailboxConfig,
) -> Observer {
    dispatcher
        .observers()
        .observe("watch", categories.into(), config)
}

/// The records there are, each in a word or two.
fn records(observer: &mut Observer) -> Vec<String> {
    std::iter::from_fn(|| observer.try_recv().ok())
        .map(|received| match received {
            Received::Item(record) => word(&record),
            Received::Lost { items, .. } => format!("lost {items}"),
        })
        .collect()
}

fn word(record: &Record) -> String {
    match record {
        Record::Published { .. } => "published".into(),
        Record::Admitted { changed, .. } => format!("admitted {changed}"),
        Record::Step {
            capsule, verdict, ..
        } => format!("step {capsule} {verdict}"),
        Record::Verdict { verdict, by, .. } => match by {
            Some(by) => format!("verdict {verdict} {by}"),
            None => format!("verdict {verdict}"),
        },
        Record::Denied { by, reason, .. } => format!("denied {by} {reason}"),
        Record::Error { capsule, error, .. } => format!("error {capsule} {}", error.kind),
        Record::Dropped { consumer, lost } => format!("dropped {consumer} {}", lost.items),
        Record::Lifecycle { event } => format!("lifecycle {}", event.topic.as_str()),
        Record::Reload { interceptors } => format!("reload {interceptors}"),
        Record::Audit(_) => "audit".into(),
    }
}

/// Rule: observers receive records (published, admitted, step, verdict,
/// denied, error); those of one event in the order in which they happened.
#[tokio::test(start_paused = true)]
async fn the_records_of_an_event_come_in_order() {
    let cases = [
        (
            vec![
                interceptor("a", keep()),
                interceptor("b", Answer::Append("y")),
            ],
            &[
                "published",
                "step a continue",
                "step b continue",
                "admitted true",
                "verdict continue",
            ][..],
        ),
        (
            vec![interceptor("a", deny("no")), interceptor("b", keep())],
            &["published", "step a deny", "denied a no", "verdict deny a"],
        ),
        (
            vec![interceptor("a", answer("done"))],
            &["published", "step a final", "verdict final a"],
        ),
        (
            vec![
                interceptor("a", Answer::Panic),
                interceptor("b", Answer::Say(Verdict::Skip)),
            ],
            &[
                "published",
                "error a trap",
                "step a error",
                "step b skip",
                "admitted false",
                "verdict continue",
            ],
        ),
        (vec![], &["published", "admitted false", "verdict continue"]),
    ];
    for (interceptors, want) in cases {
        let dispatcher = dispatcher(interceptors);
        let mut observer = observe(&dispatcher, Categories::all(), MailboxConfig::default());
        let outcome = dispatcher.request(draft()).await.unwrap();
        assert_eq!(records(&mut observer), want);
        drop(outcome);
    }
}

/// Rule: by category: an observer gets what it asked for and nothing else.
#[tokio::test(start_paused = true)]
async fn an_observer_gets_the_categories_that_it_asked_for() {
    for category in Category::ALL {
        let dispatcher = dispatcher([]);
        let mut observer = observe(&dispatcher, category, MailboxConfig::default());
        let mailbox = queue(Overflow::DropNewest, 1);
        let _lagging = dispatcher.subscribe(options("s", "a.b").with_mailbox(mailbox));
        dispatcher.install(vec![
            on_topic("a", "a.*", Answer::Fail(ErrorKind::Guest)),
            on_topic("b", "c", deny("no")),
        ]);
        for topic in ["a.b", "c", "a.b"] {
            let _outcome = dispatcher.request(on(topic)).await.unwrap();
        }
        dispatcher.register_session(None, &name("ci"), &name("n"), name("s"));
        idle().await;
        let got: Vec<_> = std::iter::from_fn(|| observer.try_recv().ok())
            .map(|received| match received {
                Received::Item(record) => record.category(),
                Received::Lost { .. } => panic!("there is room"),
            })
            .collect();
        assert!(
            got.iter().all(|of| *of == category),
            "{category:?}: {got:?}"
        );
        assert_eq!(got.is_empty(), category == Category::Audit, "{category:?}");
    }
}

/// Rule: with none registered the cost is one atomic load: no record is made.
#[tokio::test(start_paused = true)]
async fn nothing_is_made_that_nobody_wants() {
    let dispatcher = dispatcher([]);
    let unwanted = || -> Record { panic!("nobody wants it") };
    dispatcher.tell(Category::Published, unwanted);
    let observer = observe(&dispatcher, Category::Denied, MailboxConfig::default());
    dispatcher.tell(Category::Published, unwanted);
    assert!(dispatcher.observers().want(Category::Denied));
    drop(observer);
    dispatcher.tell(Category::Denied, unwanted);
    assert_eq!(dispatcher.observers().count(), 0);
}

/// Rule: through the same bounded mailbox with the same policies: publishers
/// wait for an observer that blocks.
#[tokio::test(start_paused = true)]
async fn publishers_wait_for_an_observer_that_blocks() {
    let dispatcher = Arc::new(dispatcher([]));
    let mut observer = observe(&dispatcher, Category::Published, queue(Overflow::Block, 2));
    let mut free = dispatcher.observers().observe(
        "free",
        Category::Published.into(),
        MailboxConfig::default(),
    );
    for _ in 0..2 {
        let _outcome = dispatcher.request(draft()).await.unwrap();
    }
    let Err(PublishError::Full { full, draft: back }) = dispatcher.try_submit(draft()) else {
        panic!("the observer is full");
    };
    assert_eq!(
        full.to_string(),
        "the observer `watch` is full, and publishers wait for it"
    );
    assert_eq!(
        full,
        NoRoom::Observer {
            observer: "watch".into()
        }
    );
    let full = dispatcher
        .trigger(back, Gather::default())
        .await
        .unwrap_err();
    assert!(matches!(full, PublishError::Full { .. }), "{full}");

    // Several, so that whoever is called has somebody behind it in line.
    let mut waiting = JoinSet::new();
    for n in 0..7 {
        let dispatcher = dispatcher.clone();
        let draft = of(&format!("p{n}"), "a.b");
        waiting.spawn(async move { dispatcher.request(draft).await });
    }
    idle().await;
    assert_eq!(waiting.len(), 7);
    assert_eq!(dispatcher.counters().published, 2, "none is taken in");
    assert_eq!(free.status().queued, 2, "others got what there is");

    let consume = async {
        for _ in 0..9 {
            let record = observer.recv().await;
            assert!(matches!(record, Some(Received::Item(_))), "{record:?}");
            assert!(observer.status().queued <= 2, "a record an event");
        }
    };
    tokio::time::timeout(Duration::from_secs(1), consume)
        .await
        .expect("each of those who wait gets its turn");
    for outcome in waiting.join_all().await {
        assert!(outcome.unwrap().is_admitted());
    }
    assert_eq!(records(&mut free).len(), 9);
    assert_empty(&dispatcher);
}

/// Rule: a publisher that needs room at two observers gets it, whoever else
/// waits for one of them.
#[tokio::test(start_paused = true)]
async fn publishers_that_wait_for_two_observers_all_get_through() {
    let dispatcher = Arc::new(dispatcher([interceptor("a", keep())]));
    let mut consumers = JoinSet::new();
    for (category, ms) in [(Category::Published, 3), (Category::Verdict, 5)] {
        let mut observer = observe(&dispatcher, category, queue(Overflow::Block, 1));
        consumers.spawn(async move {
            for _ in 0..30 {
                assert!(matches!(observer.recv().await, Some(Received::Item(_))));
                sleep(ms).await;
            }
        });
    }
    let mut publishers = JoinSet::new();
    for n in 0..30 {
        let dispatcher = dispatcher.clone();
        publishers
            .spawn(async move { dispatcher.request(of(&format!("p{}", n % 5), "a.b")).await });
    }
    let all = async {
        for outcome in publishers.join_all().await {
            assert!(outcome.unwrap().is_admitted());
        }
        consumers.join_all().await;
    };
    tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .expect("none waits for ever");
    assert_empty(&dispatcher);
}

/// Rule: a blocking observer never holds up another sink, nor registration.
#[tokio::test(start_paused = true)]
async fn a_full_observer_holds_up_neither_registration_nor_others() {
    let dispatcher = dispatcher([]);
    let full = observe(&dispatcher, Category::Published, queue(Overflow::Block, 1));
    let under_way: Vec<_> = (0..1)
        .map(|_| dispatcher.try_submit(draft()).unwrap())
        .collect();
    let mut waits = std::pin::pin!(dispatcher.request(draft()));
    assert!(futures_util::poll!(waits.as_mut()).is_pending());

    let mut late = observe(&dispatcher, Categories::all(), MailboxConfig::default());
    let subscription = dispatcher.subscribe(options("s", ">"));
    dispatcher.install(vec![]);
    dispatcher.register_session(None, &name("ci"), &name("n"), name("s"));
    for event in under_way {
        assert!(event.run().await.is_admitted());
    }
    assert_eq!(
        records(&mut late),
        [
            "reload 0",
            "lifecycle host.session.registered",
            "admitted false",
            "verdict continue"
        ]
    );
    drop(subscription);

    // It goes, and with it the wait for it.
    drop(full);
    assert!(waits.await.unwrap().is_admitted());
    assert_empty(&dispatcher);
}

/// Rule: observers report delivered, missed, disconnected.
#[tokio::test(start_paused = true)]
async fn an_observer_says_exactly_how_it_does() {
    let cases = [
        (Overflow::DropOldest, 4, vec!["lost 6"], None),
        (Overflow::DropNewest, 4, vec!["lost 6"], None),
        // What is under way already goes beyond the budget, up to twice that.
        (Overflow::Block, 8, vec!["lost 2"], None),
        (
            Overflow::Close,
            4,
            vec!["lost 1"],
            Some(crate::mailbox::CloseReason::Lagged),
        ),
    ];
    for (overflow, queued, lost, disconnected) in cases {
        let dispatcher = dispatcher([]);
        let mut observer = observe(&dispatcher, Category::Admitted, queue(overflow, 4));
        let under_way: Vec<_> = (0..10)
            .map(|_| dispatcher.try_submit(draft()).unwrap())
            .collect();
        for event in under_way {
            assert!(event.run().await.is_admitted());
        }
        let missed = lost.first().map_or(0, |text| text[5..].parse().unwrap());
        let status = observer.status();
        assert_eq!((status.delivered, status.queued), (0, queued), "{overflow}");
        assert_eq!((status.missed, status.disconnected), (missed, disconnected));
        assert_eq!(dispatcher.counters().lost, missed);

        let got = records(&mut observer);
        let admitted = vec!["admitted false"; queued as usize];
        assert_eq!(got, [lost, admitted].concat(), "{overflow}");
        let status = observer.status();
        assert_eq!((status.delivered, status.queued), (queued, 0));
        assert_eq!(status.missed, missed);
    }
}

/// Rule: records belong to principals, and an observer's queue is fair among
/// them.
#[tokio::test(start_paused = true)]
async fn a_flood_does_not_starve_a_quiet_principal_at_an_observer() {
    let dispatcher = dispatcher([]);
    let mut observer = observe(&dispatcher, Category::Verdict, MailboxConfig::default());
    for _ in 0..1000 {
        let _outcome = dispatcher.request(of("flood", "a.b")).await.unwrap();
    }
    let _outcome = dispatcher.request(of("quiet", "a.b")).await.unwrap();
    let quiet = principal("quiet");
    let at = std::iter::from_fn(|| observer.try_recv().ok()).position(|received| {
        let Received::Item(record) = received else {
            panic!("there is room")
        };
        record.event().unwrap().principal.as_ref() == Some(&quiet)
    });
    assert!(at.unwrap() < 32, "{at:?}");
}

/// Rule: a reload is recorded, and a principal that shares a lane is audited
/// with the event that does.
#[tokio::test(start_paused = true)]
async fn a_degraded_lane_is_audited() {
    let config = DispatchConfig {
        lanes: LaneConfig {
            max_lanes_per_capsule: 1,
            ..LaneConfig::default()
        },
        ..DispatchConfig::default()
    };
    let dispatcher = with_config(config, [interceptor("a", Answer::Slow(10))]);
    let mut observer = observe(&dispatcher, Category::Audit, MailboxConfig::default());
    let submit = |who| dispatcher.try_submit(of(who, "a.b")).unwrap();
    let alone = ["alice", "bob", "carol"].map(submit);
    assert!(
        observer.try_recv().is_err(),
        "one that is alone needs no lane"
    );
    let [first, second] = ["alice", "bob"].map(submit);
    let Ok(Received::Item(Record::Audit(Audit::LaneShared { principal, event }))) =
        observer.try_recv()
    else {
        panic!("it is audited")
    };
    assert_eq!(principal, Some(super::principal("bob")));
    assert_eq!(event.seq, second.event().seq);
    assert!(observer.try_recv().is_err(), "alice has a lane");
    assert_eq!(dispatcher.counters().shared_lanes, 1);
    let all = alone.into_iter().chain([first, second]).map(Running::run);
    for outcome in futures_util::future::join_all(all).await {
        assert!(outcome.is_admitted());
    }
    assert_empty(&dispatcher);
}

/// Rule: a principal with one event under way needs no lane, to a subscriber
/// that publishers wait for either.
#[tokio::test(start_paused = true)]
async fn an_event_that_waits_for_a_subscriber_alone_shares_no_lane() {
    let config = DispatchConfig {
        lanes: LaneConfig {
            max_lanes_per_capsule: 0,
            ..LaneConfig::default()
        },
        ..DispatchConfig::default()
    };
    let dispatcher = Arc::new(with_config(config, []));
    let mut observer = observe(&dispatcher, Category::Audit, MailboxConfig::default());
    let mailbox = queue(Overflow::Block, 1);
    let mut subscription = dispatcher.subscribe(options("s", ">").with_mailbox(mailbox));
    for who in ["alice", "alice", "bob"] {
        dispatcher.publish(of(who, "a.b")).await.unwrap();
        idle().await;
    }
    // Alice's second and Bob's only one wait for room, not for one another.
    assert_eq!(records(&mut observer), [""; 0]);
    assert_eq!(dispatcher.counters().shared_lanes, 0);
    for _ in 0..3 {
        let _message = subscription.recv().await;
    }
    dispatcher.drain().await;
    assert_empty(&dispatcher);
}

/// Rule: an audit record when a principal begins to share a lane: with an event
/// that is in it, and so not for one that is refused.
#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_makes_nobody_share_a_lane() {
    let config = DispatchConfig {
        lanes: LaneConfig {
            max_lanes_per_capsule: 0,
            in_flight_per_principal: RoomUse {
                events: 1,
                bytes: 1 << 20,
            },
            ..LaneConfig::default()
        },
        ..DispatchConfig::default()
    };
    let dispatcher = with_config(config, [interceptor("a", Answer::Slow(10))]);
    let mut observer = observe(&dispatcher, Category::Audit, MailboxConfig::default());
    let first = dispatcher.try_submit(of("alice", "a.b")).unwrap();
    assert!(dispatcher.try_submit(of("alice", "a.b")).is_err());
    let _outcome = first.run().await;
    assert_eq!(records(&mut observer), [""; 0]);
    assert_empty(&dispatcher);
}

/// Rule: a principal that shares a lane is audited with the event that does:
/// not with one that only visits others, and with a trigger too.
#[tokio::test(start_paused = true)]
async fn the_event_that_begins_to_share_is_the_one_that_is_named() {
    let config = DispatchConfig {
        lanes: LaneConfig {
            max_lanes_per_capsule: 0,
            ..LaneConfig::default()
        },
        ..DispatchConfig::default()
    };
    let hooks = [
        on_topic("a", "a", Answer::Slow(10)),
        on_topic("b", "b", Answer::Slow(10)),
    ];
    let dispatcher = with_config(config, hooks);
    let mut observer = observe(&dispatcher, Category::Audit, MailboxConfig::default());
    let mut named = || {
        let record = observer.try_recv().ok()?;
        match record {
            Received::Item(Record::Audit(Audit::LaneShared { event, .. })) => Some(event.seq),
            other => panic!("{other:?}"),
        }
    };
    let alone = dispatcher.try_submit(of("alice", "a")).unwrap();
    let elsewhere = dispatcher.try_submit(of("alice", "b")).unwrap();
    assert_eq!(named(), Some(elsewhere.event().seq), "in the lane of b");
    let second = dispatcher.try_submit(of("alice", "a")).unwrap();
    assert_eq!(named(), Some(second.event().seq), "in the lane of a");
    drop((alone, elsewhere, second));
    let alone = dispatcher.try_submit(of("bob", "a")).unwrap();
    let triggered = dispatcher.trigger(of("bob", "a"), Gather::default());
    let (_, gathered) = tokio::join!(alone.run(), triggered);
    assert_eq!(named(), Some(gathered.unwrap().event.seq));
    assert_eq!(named(), None);
    assert_empty(&dispatcher);
}
