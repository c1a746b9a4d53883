//! The rules of chains: who is asked, in what order, and what the answers come
//! to.

use super::*;

async fn outcome(interceptors: impl IntoIterator<Item = Interceptor>) -> Outcome {
    dispatcher(interceptors).request(draft()).await.unwrap()
}

/// The outcome in one line: who took part and said what, and the end.
fn told(outcome: &Outcome) -> String {
    let steps: Vec<_> = outcome
        .steps
        .iter()
        .map(|step| {
            let word = match &step.verdict {
                StepVerdict::Error(error) => error.kind.as_str(),
                verdict => verdict.as_str(),
            };
            format!("{}:{word}", step.interceptor.capsule)
        })
        .collect();
    let end = match &outcome.decision {
        Decision::Continue { payload } => format!("continue {}", String::from_utf8_lossy(payload)),
        Decision::Final { by, response } => {
            format!("final by {by} {}", String::from_utf8_lossy(response))
        }
        Decision::Deny { by, reason } => format!("deny by {by}: {reason}"),
    };
    format!("[{}] {end}", steps.join(" "))
}

/// Rule: priority ascending, then capsule id, then order of declaration;
/// every matching interceptor takes part once.
#[tokio::test(start_paused = true)]
async fn chains_run_by_priority_then_id_then_declaration() {
    // The tree of patterns finds them in quite another order.
    let at = |id: &str, event: &str, priority, text| Interceptor {
        event: Pattern::new(event).unwrap(),
        priority,
        ..interceptor(id, Answer::Append(text))
    };
    let elsewhere = Interceptor {
        event: Pattern::new("other.>").unwrap(),
        ..interceptor("elsewhere", deny("never asked"))
    };
    let outcome = outcome([
        at("late", ">", 200, "6"),
        at("zed", "a.>", 100, "5"),
        at("abe", "*.b", 100, "3"),
        at("abe", "a.b", 100, "4"),
        elsewhere,
        at("zed", "a.*", 10, "2"),
        at("zoe", "*.*", -5, "1"),
    ])
    .await;
    assert!(
        told(&outcome).ends_with("continue x123456"),
        "{}",
        told(&outcome)
    );
}

/// Rule: `Continue(None)` keeps the payload, `Continue(Some)` replaces it, also
/// with an empty one; `Final` ends the chain with a response; `Deny` ends it
/// with a refusal; `Skip` is recorded as such. Events without a matching
/// interceptor are admitted as they are.
#[tokio::test(start_paused = true)]
async fn verdicts_do_what_they_say() {
    let cases = [
        (vec![interceptor("a", keep())], "[a:continue] continue x"),
        (
            vec![interceptor(
                "a",
                Answer::Say(Verdict::Continue(Some(Bytes::new()))),
            )],
            "[a:continue] continue ",
        ),
        (
            vec![
                interceptor("a", Answer::Append("y")),
                interceptor("b", Answer::Append("z")),
            ],
            "[a:continue b:continue] continue xyz",
        ),
        (
            vec![
                interceptor("a", Answer::Say(Verdict::Final("done".into()))),
                interceptor("b", keep()),
            ],
            "[a:final] final by a done",
        ),
        (
            vec![interceptor("a", deny("no")), interceptor("b", keep())],
            "[a:deny] deny by a: no",
        ),
        (
            vec![
                interceptor("a", Answer::Say(Verdict::Skip)),
                interceptor("b", Answer::Append("y")),
            ],
            "[a:skip b:continue] continue xy",
        ),
        (vec![], "[] continue x"),
    ];
    for (interceptors, want) in cases {
        assert_eq!(told(&outcome(interceptors).await), want);
    }
}

/// Rule: errors follow the interceptor's `on_error`; every error is counted
/// and visible in the outcome.
#[tokio::test(start_paused = true)]
async fn errors_follow_on_error() {
    let answers = ErrorKind::ALL
        .map(Answer::Fail)
        .into_iter()
        .chain([Answer::Hang, Answer::Panic]);
    for answer in answers {
        let kind = match answer {
            Answer::Fail(kind) => kind,
            Answer::Hang => ErrorKind::Timeout,
            _ => ErrorKind::Trap,
        };
        let open = dispatcher([interceptor("a", answer.clone()), interceptor("b", keep())]);
        let told_open = told(&open.request(draft()).await.unwrap());
        assert_eq!(told_open, format!("[a:{kind} b:continue] continue x"));

        let guard = Interceptor {
            on_error: OnError::Deny,
            ..interceptor("a", answer)
        };
        let closed = dispatcher([guard, interceptor("b", keep())]);
        let told_closed = told(&closed.request(draft()).await.unwrap());
        assert!(
            told_closed.starts_with(&format!("[a:{kind}] deny by a: `act` failed: {kind}: ")),
            "{told_closed}"
        );
        for (dispatcher, admitted) in [(open, 1), (closed, 0)] {
            let counted = dispatcher.counters();
            assert_eq!(counted.errors.iter().sum::<u64>(), 1);
            assert_eq!(counted.errors[kind as usize], 1);
            assert_eq!(counted.admitted, admitted);
        }
    }
}

/// Rule: each interceptor has a time-out of its own.
#[tokio::test(start_paused = true)]
async fn a_hook_that_is_too_slow_is_an_error() {
    let slow = |ms| Interceptor {
        timeout: Duration::from_millis(50),
        ..interceptor("a", Answer::Slow(ms))
    };
    assert_eq!(told(&outcome([slow(49)]).await), "[a:continue] continue x");
    let late = outcome([slow(51)]).await;
    assert_eq!(told(&late), "[a:timeout] continue x");
    assert_eq!(late.duration, Duration::from_millis(50));
    let StepVerdict::Error(error) = late.steps.first().unwrap().verdict else {
        panic!("{late:?}")
    };
    assert_eq!(error.message, "no answer within 50 ms");
}

/// Rule: the chain's deadline ends as its remaining stages' `on_error` says:
/// one of them being `deny` makes it a denial.
#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_chain_ends_as_its_remaining_stages_say() {
    let hang = |id| Interceptor {
        timeout: Duration::from_secs(2),
        ..interceptor(id, Answer::Hang)
    };
    let guard = |id| Interceptor {
        on_error: OnError::Deny,
        ..interceptor(id, keep())
    };
    let open = outcome([
        hang("a"),
        hang("b"),
        hang("c"),
        interceptor("d", deny("never asked")),
    ]);
    let open = open.await;
    assert_eq!(
        told(&open),
        "[a:timeout b:timeout c:timeout d:timeout] continue x"
    );
    assert_eq!(open.duration, Duration::from_secs(5));

    let closed = outcome([hang("a"), hang("b"), hang("c"), hang("d"), guard("e")]).await;
    assert_eq!(
        told(&closed),
        "[a:timeout b:timeout c:timeout d:timeout e:timeout] deny by e: `act` failed: timeout: \
         the chain's deadline of 5000 ms has passed"
    );
    let watching = Interceptor {
        mode: Mode::Monitor,
        ..guard("e")
    };
    let watched = outcome([hang("a"), hang("b"), hang("c"), watching]).await;
    assert!(watched.is_admitted(), "a monitor never decides");
}

/// Rule: in monitor mode the interceptor runs, its verdict is recorded and
/// never applied.
#[tokio::test(start_paused = true)]
async fn a_monitor_is_recorded_and_never_applied() {
    let watch = |answer| Interceptor {
        mode: Mode::Monitor,
        on_error: OnError::Deny,
        ..interceptor("a", answer)
    };
    let cases = [
        (Answer::Append("y"), "[a:continue b:continue] continue xz"),
        (deny("no"), "[a:deny b:continue] continue xz"),
        (
            Answer::Say(Verdict::Final("f".into())),
            "[a:final b:continue] continue xz",
        ),
        (
            Answer::Fail(ErrorKind::Trap),
            "[a:trap b:continue] continue xz",
        ),
        (Answer::Hang, "[a:timeout b:continue] continue xz"),
    ];
    for (answer, want) in cases {
        let outcome = outcome([watch(answer), interceptor("b", Answer::Append("z"))]).await;
        assert_eq!(told(&outcome), want);
    }
}

/// Rule: a quarantined interceptor takes part as an error, and a guard still
/// denies; a time-out counts as a failure.
#[tokio::test(start_paused = true)]
async fn a_quarantined_guard_denies_without_being_asked() {
    let quarantine = Arc::new(Quarantine::new(QuarantineConfig::default()));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let guard = Interceptor {
        on_error: OnError::Deny,
        quarantine: Some(quarantine),
        hook: Arc::new(Double {
            seen: seen.clone(),
            ..Double::new(Answer::Hang)
        }),
        ..interceptor("a", keep())
    };
    let dispatcher = dispatcher([guard]);
    for _ in 0..5 {
        let outcome = dispatcher.request(draft()).await.unwrap();
        assert!(told(&outcome).starts_with("[a:timeout] deny by a"));
    }
    let outcome = dispatcher.request(draft()).await.unwrap();
    assert!(
        told(&outcome).starts_with(
            "[a:quarantined] deny by a: `act` failed: quarantined: it failed 5 times in a row"
        ),
        "{}",
        told(&outcome)
    );
    assert_eq!(seen.lock().len(), 5);
}

/// Rule: only the host publishes under `host.`.
#[tokio::test]
async fn reserved_topics_are_refused() {
    let reserved = Draft::new(Topic::new("host.bus.lagged").unwrap());
    let error = dispatcher([]).request(reserved).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic `host.bus.lagged` is reserved: only the host publishes under `host.`"
    );
}

/// Rule: deliveries to one (capsule, principal) never overlap and happen in
/// publish order; different principals never wait for one another.
#[tokio::test(start_paused = true)]
async fn one_principals_events_keep_their_order_and_others_do_not_wait() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let overlaps = Arc::new(AtomicUsize::new(0));
    let double = Interceptor {
        hook: Arc::new(Double {
            overlaps: overlaps.clone(),
            seen: seen.clone(),
            ..Double::new(Answer::Slow(100))
        }),
        ..interceptor("a", keep())
    };
    let dispatcher = dispatcher([double]);
    let mut running: Vec<_> = (0..10)
        .map(|_| dispatcher.try_submit(draft()).unwrap())
        .collect();
    // The last to be taken in is the first to be polled.
    running.reverse();
    let started = Instant::now();
    let outcomes: JoinSet<_> = running.into_iter().map(|event| event.run()).collect();
    outcomes.join_all().await;

    assert_eq!(overlaps.load(Ordering::Relaxed), 0);
    let order: Vec<_> = seen.lock().iter().map(|(_, seq)| *seq).collect();
    assert_eq!(order, (0..10).collect::<Vec<_>>());
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    assert_eq!(dispatcher.lanes(), 0, "an idle principal costs nothing");

    let started = Instant::now();
    let outcomes: JoinSet<_> = (0..10)
        .map(|n| draft().with_principal(principal(&format!("p{n}"))))
        .map(|draft| dispatcher.try_submit(draft).unwrap().run())
        .collect();
    outcomes.join_all().await;
    assert_eq!(started.elapsed(), Duration::from_millis(100));
}

/// Rule: a full lane is the publisher's to see; nothing is dropped unseen.
#[tokio::test(start_paused = true)]
async fn a_full_lane_refuses_or_makes_the_publisher_wait() {
    let dispatcher = Arc::new(dispatcher([interceptor("a", keep())]));
    let mut taken: Vec<_> = (0..64)
        .map(|_| dispatcher.try_submit(draft()).unwrap())
        .collect();
    let Err(PublishError::Full { full, draft: back }) = dispatcher.try_submit(draft()) else {
        panic!("the lane is full");
    };
    assert_eq!(
        full.to_string(),
        "the system itself has 64 events under way to `a` already"
    );
    let mut waiting = JoinSet::new();
    let publisher = dispatcher.clone();
    waiting.spawn(async move { publisher.request(back).await.unwrap() });
    tokio::task::yield_now().await;

    let first = taken.remove(0).run().await;
    assert!(first.is_admitted());
    for event in taken {
        assert!(event.run().await.is_admitted());
    }
    assert!(waiting.join_next().await.unwrap().unwrap().is_admitted());
    let counted = dispatcher.counters();
    assert_eq!(
        (counted.published, counted.admitted, counted.refused),
        (65, 65, 1)
    );
}

/// Rule: a full lane is the publisher's to see, also where no order is kept.
#[tokio::test(start_paused = true)]
async fn what_needs_no_order_has_a_full_lane_too() {
    let free = Interceptor {
        order: Order::None,
        ..interceptor("a", Answer::Slow(100))
    };
    let dispatcher = dispatcher([free]);
    let taken: Vec<_> = (0..64)
        .map(|_| dispatcher.try_submit(draft()).unwrap())
        .collect();
    assert!(matches!(
        dispatcher.try_submit(draft()),
        Err(PublishError::Full { .. })
    ));
    let started = Instant::now();
    let outcomes: JoinSet<_> = taken.into_iter().map(|event| event.run()).collect();
    outcomes.join_all().await;
    assert_eq!(
        started.elapsed(),
        Duration::from_millis(100),
        "side by side"
    );
    assert_eq!(dispatcher.lanes(), 0);
}

/// Rule: the chain's deadline is no failure of the stage that it cuts short.
#[tokio::test(start_paused = true)]
async fn a_stage_that_the_chain_cuts_short_is_not_quarantined_for_it() {
    let greedy = Interceptor {
        timeout: Duration::from_millis(4990),
        priority: 1,
        ..interceptor("a", Answer::Hang)
    };
    let hurried = Interceptor {
        quarantine: Some(Arc::new(Quarantine::new(QuarantineConfig::default()))),
        ..interceptor("b", Answer::Slow(20))
    };
    let dispatcher = dispatcher([greedy, hurried]);
    for _ in 0..10 {
        let outcome = dispatcher.request(draft()).await.unwrap();
        assert_eq!(told(&outcome), "[a:timeout b:timeout] continue x");
    }
}

/// Rule: cancelling gives every ticket back.
#[tokio::test(start_paused = true)]
async fn a_cancelled_event_is_counted_and_leaves_nothing() {
    let dispatcher = Arc::new(dispatcher([interceptor("a", Answer::Hang)]));
    let never_polled = dispatcher.try_submit(draft()).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(dispatcher.try_submit(draft()).unwrap().run());
    tokio::task::yield_now().await;

    drop(never_polled);
    tasks.shutdown().await;

    assert_eq!(dispatcher.lanes(), 0);
    let counted = dispatcher.counters();
    assert_eq!((counted.published, counted.cancelled), (2, 2));
}

/// Rule: the publisher may wait for the outcome or not; the outcome says the
/// verdict, who decided, and each step with its duration.
#[tokio::test(start_paused = true)]
async fn a_publisher_waits_for_the_outcome_or_does_not() {
    let slow = || interceptor("a", Answer::Slow(100));
    let dispatcher = dispatcher([slow(), interceptor("b", deny("no"))]);
    let started = Instant::now();
    dispatcher.publish(draft()).await.unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);

    let outcome = dispatcher.request(draft()).await.unwrap();

    // It waits behind the one that was published.
    assert_eq!(started.elapsed(), Duration::from_millis(200));
    assert_eq!(outcome.duration, Duration::from_millis(200));
    let durations: Vec<_> = outcome.steps.iter().map(|step| step.duration).collect();
    assert_eq!(durations, [Duration::from_millis(100), Duration::ZERO]);
    assert_eq!(told(&outcome), "[a:continue b:deny] deny by b: no");
    assert_eq!(dispatcher.counters().denied, 2, "both ran");
}

#[tokio::test(start_paused = true)]
async fn draining_refuses_new_events_and_finishes_the_old() {
    let dispatcher = dispatcher([interceptor("a", Answer::Slow(100))]);
    dispatcher.publish(draft()).await.unwrap();

    dispatcher.drain().await;

    assert_eq!(dispatcher.counters().admitted, 1);
    assert!(matches!(
        dispatcher.request(draft()).await,
        Err(PublishError::Closed { .. })
    ));
}

/// Rule: a chain sees one generation from start to end.
#[tokio::test(start_paused = true)]
async fn an_event_finishes_with_the_interceptors_it_started_with() {
    let dispatcher = dispatcher([interceptor("a", Answer::Slow(10)), interceptor("b", keep())]);
    let running = dispatcher.try_submit(draft()).unwrap();
    dispatcher.install(vec![interceptor("a", deny("new"))]);

    assert_eq!(
        told(&running.run().await),
        "[a:continue b:continue] continue x"
    );
    assert_eq!(
        told(&dispatcher.request(draft()).await.unwrap()),
        "[a:deny] deny by a: new"
    );
}

/// Rule: a capsule may ask for one lane per session, or for none.
#[tokio::test(start_paused = true)]
async fn order_says_what_waits_for_what() {
    let cases = [
        (Order::Principal, 400),
        (Order::Session, 200),
        (Order::None, 100),
    ];
    for (order, want) in cases {
        let slow = Interceptor {
            order,
            ..interceptor("a", Answer::Slow(100))
        };
        let dispatcher = dispatcher([slow]);
        let started = Instant::now();
        let outcomes: JoinSet<_> = ["s1", "s2", "s1", "s2"]
            .map(name)
            .into_iter()
            .map(|session| {
                dispatcher
                    .try_submit(draft().with_session(session))
                    .unwrap()
                    .run()
            })
            .collect();
        outcomes.join_all().await;
        assert_eq!(started.elapsed(), Duration::from_millis(want), "{order:?}");
    }
}

/// An outcome is written to logs with `{:?}`: what it says is about the event,
/// not about everybody who subscribes to its topic.
#[tokio::test(start_paused = true)]
async fn an_outcome_says_nothing_of_who_subscribes() {
    let dispatcher = dispatcher([interceptor("a", keep())]);
    let _subscription = dispatcher.subscribe(options("somebody-elses", ">"));
    let outcome = dispatcher.request(draft()).await.unwrap();
    let text = format!("{outcome:?}");
    assert!(!text.contains("somebody-elses"), "{text}");
}
