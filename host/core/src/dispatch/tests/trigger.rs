//! Scatter and gather.

use super::*;

/// The replies, in the order of the chain.
fn told(gathered: &Gathered) -> Vec<String> {
    gathered
        .replies
        .iter()
        .map(|reply| {
            let said = match &reply.answer {
                Ok(Verdict::Continue(None)) => "continue".to_owned(),
                Ok(Verdict::Continue(Some(bytes)) | Verdict::Final(bytes)) => text(bytes),
                Ok(Verdict::Deny(reason)) => format!("deny {reason}"),
                Ok(Verdict::Skip) => "skip".to_owned(),
                Err(why) => why.as_str().to_owned(),
            };
            format!("{}:{said}", reply.interceptor.capsule)
        })
        .collect()
}

fn within(ms: u64) -> Gather {
    Gather {
        deadline: Some(Duration::from_millis(ms)),
        ..Gather::default()
    }
}

fn quorum(count: usize) -> Gather {
    Gather {
        quorum: NonZeroUsize::new(count),
        ..Gather::default()
    }
}

/// Rule: scatter an event to all matching interceptors at once and gather
/// their replies, in the order of the chain, each asked with the event as it
/// is.
#[tokio::test(start_paused = true)]
async fn all_are_asked_at_once_and_told_in_the_order_of_the_chain() {
    let dispatcher = dispatcher([
        interceptor("d", Answer::Say(Verdict::Skip)),
        interceptor("a", Answer::Slow(100)),
        interceptor("c", deny("no")),
        interceptor("b", Answer::Append("y")),
        on_topic("e", "other", keep()),
        Interceptor {
            priority: 1,
            ..interceptor("f", Answer::Append("z"))
        },
    ]);
    let started = Instant::now();
    let gathered = dispatcher
        .trigger(draft(), Gather::default())
        .await
        .unwrap();
    assert_eq!(
        told(&gathered),
        ["f:xz", "a:continue", "b:xy", "c:deny no", "d:skip"]
    );
    assert_eq!(started.elapsed(), Duration::from_millis(100));
    assert_eq!(gathered.duration, Duration::from_millis(100));
    let durations = gathered
        .replies
        .iter()
        .map(|reply| reply.duration.as_millis());
    assert!(durations.eq([0, 100, 0, 0, 0]));
    let bytes: Vec<_> = gathered.replies.iter().filter_map(Reply::bytes).collect();
    assert_eq!(bytes, ["xz", "xy"]);
    let counted = dispatcher.counters();
    assert_eq!(
        (counted.triggered, counted.published, counted.steps),
        (1, 0, 5)
    );
    assert_empty(&dispatcher);
}

/// Rule: every constant has one home in configuration: so has the time of a
/// trigger that says none.
#[tokio::test(start_paused = true)]
async fn a_trigger_that_does_not_say_ends_when_the_settings_do() {
    let config = DispatchConfig {
        trigger_deadline: Duration::from_millis(70),
        ..DispatchConfig::default()
    };
    let dispatcher = with_config(config, [interceptor("a", Answer::Slow(100))]);
    let gathered = dispatcher
        .trigger(draft(), Gather::default())
        .await
        .unwrap();
    assert_eq!(gathered.duration, Duration::from_millis(70));
    assert_eq!(told(&gathered), ["a:late"]);
}

/// Rule: with a deadline; partial results say who did not answer, and why.
#[tokio::test(start_paused = true)]
async fn the_deadline_gives_what_there_is() {
    let dispatcher = dispatcher([
        interceptor("a", Answer::Slow(49)),
        interceptor("b", Answer::Slow(51)),
        interceptor("c", Answer::Hang),
        interceptor("d", keep()),
    ]);
    let gathered = dispatcher.trigger(draft(), within(50)).await.unwrap();
    assert_eq!(
        told(&gathered),
        ["a:continue", "b:late", "c:late", "d:continue"]
    );
    assert_eq!(gathered.duration, Duration::from_millis(50));
    assert_empty(&dispatcher);
}

/// Rule: with a quorum: skips and failures do not count.
#[tokio::test(start_paused = true)]
async fn a_quorum_ends_the_wait() {
    let dispatcher = dispatcher([
        interceptor("a", Answer::Say(Verdict::Skip)),
        interceptor("b", Answer::Panic),
        interceptor("c", Answer::Slow(10)),
        interceptor("d", Answer::Slow(30)),
        interceptor("e", deny("no")),
    ]);
    let want = [
        "a:skip",
        "b:trap",
        "c:continue",
        "d:not-needed",
        "e:deny no",
    ];
    let gathered = dispatcher.trigger(draft(), quorum(2)).await.unwrap();
    assert_eq!(told(&gathered), want);
    assert_eq!(gathered.duration, Duration::from_millis(10));
    assert_empty(&dispatcher);

    let never = dispatcher.trigger(draft(), quorum(9)).await.unwrap();
    assert_eq!(told(&never)[3], "d:continue", "all, if they are too few");
}

/// Rule: failing says why, and is counted like that of a chain.
#[tokio::test(start_paused = true)]
async fn a_failure_says_why() {
    let short = |id, answer| Interceptor {
        timeout: Duration::from_millis(20),
        ..interceptor(id, answer)
    };
    let dispatcher = dispatcher([
        short("a", Answer::Hang),
        short("b", Answer::Panic),
        short("c", Answer::Fail(ErrorKind::Memory)),
    ]);
    let gathered = dispatcher
        .trigger(draft(), Gather::default())
        .await
        .unwrap();
    assert_eq!(told(&gathered), ["a:timeout", "b:trap", "c:memory"]);
    assert_eq!(
        gathered.replies[0].answer.as_ref().unwrap_err().to_string(),
        "timeout: no answer within 20 ms",
        "its own time, not that of a chain"
    );
    let meters = dispatcher.plan().meters();
    let errors = meters
        .iter()
        .map(|(_, meter)| meter.snapshot().errors.iter().sum::<u64>());
    assert!(errors.eq([1, 1, 1]));
    assert_eq!(dispatcher.counters().errors.iter().sum::<u64>(), 3);
}

/// Rule: nobody to ask is no error.
#[tokio::test(start_paused = true)]
async fn a_topic_that_nobody_intercepts_gathers_nothing() {
    let dispatcher = dispatcher([]);
    let gathered = dispatcher
        .trigger(draft(), Gather::default())
        .await
        .unwrap();
    assert!(gathered.replies.is_empty());
    assert_eq!(gathered.duration, Duration::ZERO);
    let reserved = dispatcher.trigger(on("host.x"), Gather::default()).await;
    assert!(matches!(reserved, Err(PublishError::Reserved { .. })));
    assert_empty(&dispatcher);
}

/// Rule: deliveries to one (capsule, principal) never overlap and happen in
/// publish order, those of triggers and chains alike.
#[tokio::test(start_paused = true)]
async fn a_trigger_waits_in_lanes_like_any_other_event() {
    let (seen, overlaps) = (Arc::default(), Arc::default());
    let double = |ms, action: &str, hook: &Double| Interceptor {
        action: action.into(),
        hook: Arc::new(Double {
            answer: Answer::Slow(ms),
            running: hook.running.clone(),
            seen: Arc::clone(&seen),
            overlaps: Arc::clone(&overlaps),
        }),
        ..interceptor("a", keep())
    };
    let one = Double::new(keep());
    let dispatcher = Arc::new(dispatcher([
        double(10, "one", &one),
        double(20, "two", &one),
    ]));
    let started = Instant::now();
    dispatcher.publish(draft()).await.unwrap();
    let trigger = dispatcher.trigger(draft(), Gather::default());
    let mut trigger = std::pin::pin!(trigger);
    assert!(futures_util::poll!(trigger.as_mut()).is_pending());
    dispatcher.publish(draft()).await.unwrap();
    let elsewhere = dispatcher
        .trigger(of("alice", "a.b"), within(5))
        .await
        .unwrap();
    assert_eq!(told(&elsewhere), ["a:late"; 2], "others do not wait");

    let gathered = trigger.await.unwrap();
    assert_eq!(told(&gathered), ["a:continue"; 2]);
    assert_eq!(started.elapsed(), Duration::from_millis(60));
    sleep(31).await;
    let order: Vec<_> = seen
        .lock()
        .iter()
        .map(|(_, seq): &(String, u64)| *seq)
        .collect();
    // Alice's, whose numbers are others, begins beside the first.
    let own: Vec<_> = order.into_iter().filter(|seq| *seq < 3).collect();
    assert_eq!(own, [0, 0, 1, 1, 2, 2]);
    assert_eq!(overlaps.load(Ordering::Relaxed), 1, "alice's alone");
    assert_empty(&dispatcher);
}

/// Rule: a full lane is the publisher's to see: one that is full says so, and
/// the others answer.
#[tokio::test(start_paused = true)]
async fn a_full_lane_says_so_and_the_others_answer() {
    let dispatcher = with_config(
        narrow(2),
        [
            on_topic("a", "a.*", Answer::Slow(10)),
            interceptor("b", keep()),
            on_topic("c", "a.*", keep()),
            on_topic("d", "*.b", keep()),
        ],
    );
    let held: Vec<_> = (0..2)
        .map(|_| dispatcher.try_submit(on("a.c")).unwrap())
        .collect();
    let gathered = dispatcher
        .trigger(draft(), Gather::default())
        .await
        .unwrap();
    assert_eq!(
        told(&gathered),
        ["a:full", "b:full", "c:full", "d:continue"]
    );
    drop(held);
    let gathered = dispatcher
        .trigger(draft(), Gather::default())
        .await
        .unwrap();
    assert_eq!(told(&gathered).len(), 4);
    assert!(
        told(&gathered)
            .iter()
            .all(|said| said.ends_with(":continue"))
    );
    assert_empty(&dispatcher);
}

/// Rule: a global bound on events in flight holds for triggers too.
#[tokio::test(start_paused = true)]
async fn a_full_host_refuses_a_trigger() {
    let config = DispatchConfig {
        lanes: LaneConfig {
            in_flight: RoomUse {
                events: 1,
                bytes: 10_000,
            },
            ..LaneConfig::default()
        },
        ..DispatchConfig::default()
    };
    let dispatcher = with_config(config, [interceptor("a", keep())]);
    let held = dispatcher.try_submit(of("alice", "a.b")).unwrap();
    let full = dispatcher.trigger(draft(), Gather::default()).await;
    assert!(matches!(
        full,
        Err(PublishError::Full {
            full: NoRoom::Host { .. },
            ..
        })
    ));
    drop(held);
    assert!(dispatcher.trigger(draft(), Gather::default()).await.is_ok());
    assert_empty(&dispatcher);
}

/// Rule: dropping the future stops the calls that are under way and leaves
/// nothing.
#[tokio::test(start_paused = true)]
async fn a_trigger_that_is_dropped_leaves_nothing() {
    let hook = Double::new(Answer::Hang);
    let running = hook.running.clone();
    let hangs = Interceptor {
        hook: Arc::new(hook),
        ..interceptor("a", keep())
    };
    let dispatcher = dispatcher([hangs, interceptor("b", keep())]);
    let mut trigger = Box::pin(dispatcher.trigger(draft(), Gather::default()));
    assert!(futures_util::poll!(trigger.as_mut()).is_pending());
    let behind = dispatcher.try_submit(draft()).unwrap();
    assert_eq!(running.load(Ordering::Relaxed), 1);

    drop(trigger);

    assert_eq!(running.load(Ordering::Relaxed), 0);
    drop(behind);
    assert_empty(&dispatcher);
}

/// Rule: a capsule may ask for no order: its calls for a trigger still come
/// one after the other, as its manifest lists them.
#[tokio::test(start_paused = true)]
async fn what_needs_no_order_does_not_wait_for_earlier_events() {
    let free = |answer| Interceptor {
        order: Order::None,
        ..interceptor("a", answer)
    };
    let dispatcher = dispatcher([free(Answer::Slow(100))]);
    dispatcher.publish(draft()).await.unwrap();
    let gathered = dispatcher
        .trigger(draft(), Gather::default())
        .await
        .unwrap();
    assert_eq!(gathered.duration, Duration::from_millis(100));
    idle().await;
    assert_empty(&dispatcher);
}
