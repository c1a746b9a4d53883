//! What capsules publish and trigger.

use super::*;
use crate::{
    hook::{Outlet, OutletError},
    types::Kind,
};

fn patterns(all: &[&str]) -> Vec<Pattern> {
    all.iter().map(|text| pattern(text)).collect()
}

/// May publish and trigger on `topics`, often enough.
fn grants(topics: &[&str]) -> OutletGrants {
    OutletGrants {
        publish: patterns(topics),
        trigger: patterns(topics),
        per_second: 10_000,
    }
}

fn outlet(dispatcher: &Arc<Dispatcher>, id: &str, grants: OutletGrants) -> Arc<CapsuleOutlet> {
    let dispatcher = Arc::downgrade(dispatcher);
    Arc::new(CapsuleOutlet::new(dispatcher, id.into(), grants))
}

/// What came of each attempt.
type Attempts<T> = Arc<Mutex<Vec<Result<T, OutletError>>>>;

/// Asked on `event`, it publishes on each of `to`.
fn publisher(
    outlet: &Arc<CapsuleOutlet>,
    id: &str,
    event: &str,
    to: &'static [&'static str],
) -> (Interceptor, Attempts<()>) {
    let attempts = Attempts::default();
    let (outlet, log) = (outlet.clone(), attempts.clone());
    let interceptor = acting(id, event, move |call| {
        let (outlet, log) = (outlet.clone(), log.clone());
        HookFuture::new(async move {
            for topic in to {
                let published = outlet.publish(call.event, topic, call.payload.clone());
                log.lock().push(published);
            }
            Ok(Verdict::Continue(None))
        })
    });
    (interceptor, attempts)
}

/// Asked on `event`, it triggers `to`, and waits for so many milliseconds at
/// most.
fn triggerer(
    outlet: &Arc<CapsuleOutlet>,
    id: &str,
    event: &str,
    to: &'static str,
    ms: u64,
) -> (Interceptor, Attempts<Gathered>) {
    let attempts = Attempts::default();
    let (outlet, log) = (outlet.clone(), attempts.clone());
    let interceptor = acting(id, event, move |call| {
        let (outlet, log) = (outlet.clone(), log.clone());
        HookFuture::new(async move {
            let gather = Gather {
                deadline: Some(Duration::from_millis(ms)),
                ..Gather::default()
            };
            let gathered = outlet.trigger(call.event, to, call.payload.clone(), gather);
            let gathered = gathered.await;
            log.lock().push(gathered);
            Ok(Verdict::Continue(None))
        })
    });
    (interceptor, attempts)
}

/// The replies of the attempt number `n`, each in one word.
fn words(attempts: &Attempts<Gathered>, n: usize) -> Vec<&'static str> {
    let attempts = attempts.lock();
    let replies = &attempts[n].as_ref().unwrap().replies;
    let word = |reply: &Reply| reply.answer.as_ref().err().map_or("said", NoReply::as_str);
    replies.iter().map(word).collect()
}

/// The refusals on paper: topic and reason.
fn refusals(audit: &mut Observer) -> Vec<(String, String)> {
    std::iter::from_fn(|| audit.try_recv().ok())
        .map(|received| match received {
            Received::Item(Record::Audit(Audit::Refused { topic, reason, .. })) => (topic, reason),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn audit(dispatcher: &Dispatcher) -> Observer {
    let config = MailboxConfig::default();
    dispatcher
        .observers()
        .observe("audit", Category::Audit.into(), config)
}

/// Rule: publishing from a guest carries the caller's principal and counts
/// hops.
#[tokio::test(start_paused = true)]
async fn what_a_capsule_publishes_is_its_callers() {
    let dispatcher = Arc::new(dispatcher([]));
    let outlet = outlet(&dispatcher, "a", grants(&["out.>"]));
    let (interceptor, attempts) = publisher(&outlet, "a", "in", &["out.x"]);
    dispatcher.install(vec![interceptor]);
    let mut subscription = dispatcher.subscribe(options("s", "out.>"));
    for who in [Some("alice"), None] {
        let draft = on("in")
            .with_principal(who.map(principal))
            .with_session(name("s1"))
            .with_traceparent(name("trace"))
            .with_source(name("ci"));
        let _outcome = dispatcher.request(draft).await.unwrap();
        let Some(Received::Item(message)) = subscription.recv().await else {
            panic!("nothing is lost here")
        };
        let event = &message.event;
        assert_eq!(event.principal, who.map(principal));
        assert_eq!(event.session, Some(name("s1")));
        assert_eq!(event.traceparent, Some(name("trace")));
        assert_eq!(event.source, Some(name("a")), "its maker's");
        assert_eq!((event.hops, event.kind), (1, Kind::Capsule));
        assert_eq!(text(&event.payload), "x");
    }
    assert_eq!(*attempts.lock(), [Ok(()), Ok(())]);
    dispatcher.drain().await;
    assert_empty(&dispatcher);
}

/// Rule: publishing counts hops, 8 at most, so that loops end and are audited.
#[tokio::test(start_paused = true)]
async fn loops_end_after_eight_hops_and_are_audited() {
    let cases: [(&str, &[&str], u64, u64); 3] = [
        // what a publishes on, how often, events in all, refusals
        ("a capsule to itself", &["loop.a"], 9, 1),
        ("between two", &["loop.b"], 9, 1),
        ("one makes two", &["loop.a", "loop.b"], 511, 512),
    ];
    for (case, to, events, ends) in cases {
        let config = DispatchConfig {
            lanes: LaneConfig {
                capacity: NonZeroUsize::new(600).unwrap(),
                ..LaneConfig::default()
            },
            ..DispatchConfig::default()
        };
        let dispatcher = Arc::new(with_config(config, []));
        let [a, b] = ["a", "b"].map(|id| outlet(&dispatcher, id, grants(&["loop.*"])));
        let back: &[&str] = if to.len() == 2 { to } else { &["loop.a"] };
        let (a, _) = publisher(&a, "a", "loop.a", to);
        let (b, _) = publisher(&b, "b", "loop.b", back);
        dispatcher.install(vec![a, b]);
        let mut audit = audit(&dispatcher);
        let mut tap = dispatcher.subscribe(options("t", "loop.*").with_view(View::Raw));

        dispatcher.publish(of("alice", "loop.a")).await.unwrap();
        idle().await;
        dispatcher.drain().await;

        assert_eq!(dispatcher.counters().admitted, events, "{case}");
        assert_empty(&dispatcher);
        let refused = refusals(&mut audit);
        assert_eq!(refused.len() as u64, ends, "{case}");
        assert!(refused.iter().all(|(topic, reason)| {
            topic.starts_with("loop.")
                && reason == "too many hops: an event may be 8 away from one that no capsule made"
        }));
        let hops = std::iter::from_fn(|| tap.try_recv().ok()).map(|received| match received {
            Received::Item(message) => message.event.hops,
            Received::Lost { .. } => panic!("nothing is lost here"),
        });
        assert_eq!(hops.max(), Some(8), "{case}");
    }
}

/// Rule: a loop that makes ever more fills its lanes and no more: what finds
/// no room is refused, which its capsule and the audit log see.
#[tokio::test(start_paused = true)]
async fn a_loop_that_multiplies_is_bounded_by_its_lanes() {
    let dispatcher = Arc::new(with_config(narrow(8), []));
    let outlet = outlet(&dispatcher, "a", grants(&["loop"]));
    let (interceptor, attempts) = publisher(&outlet, "a", "loop", &["loop"; 5]);
    dispatcher.install(vec![interceptor]);
    let mut audit = audit(&dispatcher);
    dispatcher.publish(of("alice", "loop")).await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        assert!(dispatcher.in_flight().events <= 8);
    }
    idle().await;
    dispatcher.drain().await;
    let counted = dispatcher.counters();
    assert_empty(&dispatcher);
    let attempts = attempts.lock();
    let failed = attempts.iter().filter(|attempt| attempt.is_err()).count();
    assert_eq!(counted.published as usize, 1 + attempts.len() - failed);
    assert_eq!(refusals(&mut audit).len(), failed);
    assert!(attempts.contains(&Err(OutletError::Full(
        "principal `alice` has 8 events under way to `a` already".into()
    ))));
    assert!(counted.refused > 0);
}

/// Rule: publishing from a guest is limited to a granted rate, for each
/// principal.
#[tokio::test(start_paused = true)]
async fn the_rate_is_counted_for_each_principal_and_second() {
    let dispatcher = Arc::new(dispatcher([]));
    let limited = OutletGrants {
        per_second: 3,
        ..grants(&["out"])
    };
    let outlet = outlet(&dispatcher, "a", limited);
    let (interceptor, attempts) = publisher(&outlet, "a", "in", &["out", "out"]);
    dispatcher.install(vec![interceptor]);
    let mut audit = audit(&dispatcher);
    let ask = async |who, want: &[bool]| {
        let _outcome = dispatcher.request(of(who, "in")).await.unwrap();
        let got: Vec<_> = attempts
            .lock()
            .drain(..)
            .map(|result| result.is_ok())
            .collect();
        assert_eq!(got, want, "{who}");
    };
    ask("alice", &[true, true]).await;
    ask("alice", &[true, false]).await;
    ask("bob", &[true, true]).await;
    sleep(999).await;
    ask("alice", &[false, false]).await;
    sleep(1).await;
    ask("alice", &[true, true]).await;
    assert_eq!(
        refusals(&mut audit).pop().unwrap().1,
        "too often: 3 in a second are granted for one principal"
    );

    let none = CapsuleOutlet::new(
        Arc::downgrade(&dispatcher),
        "b".into(),
        OutletGrants {
            per_second: 0,
            ..grants(&["out"])
        },
    );
    let event = on("in").into_event(0);
    assert_eq!(
        none.publish(&event, "out", Bytes::new()),
        Err(OutletError::TooOften { per_second: 0 })
    );
}

/// Rule: a capsule publishes and triggers only where its manifest says, each
/// for itself, and never under `host.`; refusals are audited.
#[tokio::test(start_paused = true)]
async fn what_is_not_granted_is_refused_and_audited() {
    let dispatcher = Arc::new(dispatcher([interceptor("b", keep())]));
    let mut audit = audit(&dispatcher);
    let granted = OutletGrants {
        publish: patterns(&["out.*", "host.>"]),
        trigger: patterns(&["ask.>"]),
        per_second: 100,
    };
    let outlet = outlet(&dispatcher, "a", granted);
    let event = on("in").into_event(0);
    let cases = [
        ("out.x", true, false),
        ("ask.x.y", false, true),
        ("out.x.y", false, false),
        ("host.bus.lagged", false, false),
        ("no topic", false, false),
        ("steers\u{1b}[31m", false, false),
    ];
    for (topic, publishes, triggers) in cases {
        let published = outlet.publish(&event, topic, Bytes::new());
        assert_eq!(published.is_ok(), publishes, "{topic}: {published:?}");
        let triggered = outlet.trigger(&event, topic, Bytes::new(), Gather::default());
        assert_eq!(triggered.await.is_ok(), triggers, "{topic}");
        let refused = 2 - usize::from(publishes) - usize::from(triggers);
        let on_paper = refusals(&mut audit);
        assert_eq!(on_paper.len(), refused, "{topic}: {on_paper:?}");
        assert!(!on_paper.iter().any(|(topic, _)| topic.contains('\u{1b}')));
    }
    dispatcher.drain().await;
    let counted = dispatcher.counters();
    assert_eq!((counted.published, counted.triggered), (1, 1));
    assert_eq!(
        outlet.publish(&event, "out.x", Bytes::new()),
        Err(OutletError::Closed)
    );
    drop(dispatcher);
    assert_eq!(
        outlet.publish(&event, "out.x", Bytes::new()),
        Err(OutletError::Closed),
        "the door does not keep the host"
    );
}

/// Rule: an event larger than a budget is an error to the publisher, also to
/// a capsule.
#[tokio::test(start_paused = true)]
async fn a_capsule_is_told_that_its_event_is_too_large() {
    let dispatcher = Arc::new(dispatcher([]));
    let mailbox = MailboxConfig {
        max_bytes: NonZeroUsize::new(300).unwrap(),
        ..MailboxConfig::default()
    };
    let _small = dispatcher.subscribe(options("small", ">").with_mailbox(mailbox));
    let outlet = outlet(&dispatcher, "a", grants(&["out"]));
    let event = on("in").into_event(0);
    let published = outlet.publish(&event, "out", vec![0; 300].into());
    assert!(
        matches!(published, Err(OutletError::TooLarge(_))),
        "{published:?}"
    );
}

/// Rule: a trigger made inside a hook never waits in a lane that its own chain
/// of calls holds: that is answered at once as `would-block`.
#[tokio::test(start_paused = true)]
async fn a_trigger_for_ones_own_lane_would_block_at_once() {
    let dispatcher = Arc::new(dispatcher([]));
    let outlet = outlet(&dispatcher, "a", grants(&["ask"]));
    let (asks, attempts) = triggerer(&outlet, "a", "in", "ask", 500);
    dispatcher.install(vec![
        asks,
        on_topic("a", "ask", keep()),
        on_topic("b", "ask", keep()),
    ]);
    let started = Instant::now();
    for who in [Some("alice"), None] {
        let draft = on("in").with_principal(who.map(principal));
        assert!(dispatcher.request(draft).await.unwrap().is_admitted());
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    for n in 0..2 {
        assert_eq!(words(&attempts, n), ["would-block", "said"]);
    }
    let gathered = attempts.lock()[0].as_ref().unwrap().event.clone();
    assert_eq!(gathered.principal, Some(principal("alice")));
    assert_eq!((gathered.hops, gathered.kind), (1, Kind::Capsule));
    assert_empty(&dispatcher);
}

/// Rule: its own chain of calls: the events that wait for it, however many lie
/// between.
#[tokio::test(start_paused = true)]
async fn a_trigger_would_block_for_every_event_that_waits_for_it() {
    let dispatcher = Arc::new(dispatcher([]));
    let doors = ["a", "b", "c"].map(|id| outlet(&dispatcher, id, grants(&["to.*"])));
    let (a, _) = triggerer(&doors[0], "a", "in", "to.b", 500);
    let (b, _) = triggerer(&doors[1], "b", "to.b", "to.c", 400);
    let (c, attempts) = triggerer(&doors[2], "c", "to.c", "to.all", 300);
    let all = ["a", "b", "c", "d"].map(|id| on_topic(id, "to.all", keep()));
    dispatcher.install([a, b, c].into_iter().chain(all).collect());
    let started = Instant::now();
    let outcome = dispatcher.request(of("alice", "in")).await.unwrap();
    assert!(outcome.is_admitted());
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(
        words(&attempts, 0),
        ["would-block", "would-block", "would-block", "said"]
    );
    let event = attempts.lock()[0].as_ref().unwrap().event.clone();
    assert_eq!(*event.ancestors, [0, 1, 2]);
    assert_eq!(event.hops, 3);
    assert_empty(&dispatcher);
}

/// Rule: an event that waits for nobody is no ancestor: what a capsule only
/// publishes waits for its turn in the lane of its maker.
#[tokio::test(start_paused = true)]
async fn what_a_hook_publishes_waits_for_its_turn() {
    let dispatcher = Arc::new(dispatcher([]));
    let outlet = outlet(&dispatcher, "a", grants(&["out"]));
    let (first, attempts) = publisher(&outlet, "a", "in", &["out"]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let second = Interceptor {
        hook: Arc::new(Double {
            seen: seen.clone(),
            ..Double::new(keep())
        }),
        ..on_topic("a", "*", keep())
    };
    dispatcher.install(vec![first, second]);
    assert!(dispatcher.request(on("in")).await.unwrap().is_admitted());
    dispatcher.drain().await;
    assert_eq!(*attempts.lock(), [Ok(())]);
    let seen: Vec<_> = seen.lock().iter().map(|(_, seq)| *seq).collect();
    assert_eq!(seen, [0, 1]);
    assert_empty(&dispatcher);
}

/// Rule: a cycle between two events ends at the deadline.
#[tokio::test(start_paused = true)]
async fn a_cycle_between_two_events_ends_and_frees_everything() {
    let dispatcher = Arc::new(dispatcher([]));
    let [a, b] = ["a", "b"].map(|id| outlet(&dispatcher, id, grants(&["to.*"])));
    let (in_a, of_a) = triggerer(&a, "a", "in.a", "to.b", 500);
    let (in_b, of_b) = triggerer(&b, "b", "in.b", "to.a", 300);
    dispatcher.install(vec![
        in_a,
        in_b,
        on_topic("a", "to.a", keep()),
        on_topic("b", "to.b", keep()),
    ]);
    let started = Instant::now();
    let one = dispatcher.try_submit(of("alice", "in.a")).unwrap();
    let two = dispatcher.try_submit(of("alice", "in.b")).unwrap();
    let (one, two) = tokio::join!(one.run(), two.run());
    assert!(one.is_admitted() && two.is_admitted());
    assert_eq!(started.elapsed(), Duration::from_millis(300));
    assert_eq!(words(&of_b, 0), ["late"], "the cycle is broken here");
    assert_eq!(words(&of_a, 0), ["said"], "and this one goes on");
    assert_empty(&dispatcher);
}

/// Rule: as above, where only the hook's own time-out ends it.
#[tokio::test(start_paused = true)]
async fn a_cycle_ends_with_the_time_outs_of_its_hooks() {
    let dispatcher = Arc::new(dispatcher([]));
    let [a, b] = ["a", "b"].map(|id| outlet(&dispatcher, id, grants(&["to.*"])));
    let (in_a, _) = triggerer(&a, "a", "in.a", "to.b", 60_000);
    let (in_b, _) = triggerer(&b, "b", "in.b", "to.a", 60_000);
    dispatcher.install(vec![
        in_a,
        in_b,
        on_topic("a", "to.a", keep()),
        on_topic("b", "to.b", keep()),
    ]);
    let started = Instant::now();
    for draft in [of("alice", "in.a"), of("alice", "in.b")] {
        dispatcher.publish(draft).await.unwrap();
    }
    // Whoever drains takes nothing more, not from hooks either.
    idle().await;
    dispatcher.drain().await;
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    assert_empty(&dispatcher);
}

/// Rule: what a hook makes goes before those who wait for room in a lane: they
/// may wait for the very event that made it.
#[tokio::test(start_paused = true)]
async fn what_a_hook_makes_goes_before_those_who_wait_for_room() {
    let dispatcher = Arc::new(with_config(narrow(2), []));
    let outlet = outlet(&dispatcher, "a", grants(&["out"]));
    let door = outlet.clone();
    let late = acting("a", "in", move |call| {
        let door = door.clone();
        HookFuture::new(async move {
            sleep(10).await;
            door.publish(call.event, "out", Bytes::new())
                .map_err(|error| HookError::new(ErrorKind::Guest, error.to_string()))?;
            Ok(Verdict::Continue(None))
        })
    });
    dispatcher.install(vec![late, on_topic("b", ">", Answer::Slow(100))]);
    let first = dispatcher.try_submit(on("in")).unwrap();
    let second = dispatcher.try_submit(on("b")).unwrap();
    let mut waits = Box::pin(dispatcher.request(on("b")));
    assert!(futures_util::poll!(waits.as_mut()).is_pending());
    // One goes: there is room for the one in line, who is not polled.
    drop(second);
    let first = first.run().await;
    assert_eq!(
        first.steps.first().unwrap().verdict,
        &StepVerdict::Continue { changed: false }
    );
    assert!(waits.await.unwrap().is_admitted());
    dispatcher.drain().await;
    assert_empty(&dispatcher);
}
