//! What is left when events end, however and whenever they do: nothing.

use tokio::time::timeout;

use super::*;

fn record_queue(dispatcher: &Dispatcher) -> Observer {
    let config = queue(Overflow::Block, 2);
    dispatcher
        .observers()
        .observe("watch", Category::Published.into(), config)
}

/// Rule: cancelling gives everything back, at whatever it waits: for an
/// observer, for room, for its turn, for a hook, for a subscription.
#[tokio::test(start_paused = true)]
async fn an_event_can_be_cancelled_at_every_wait() {
    // Alone, an event takes 15 ms; all of them together take about 110.
    for ms in 0..120 {
        let guarded = Interceptor {
            quarantine: Some(Arc::new(Quarantine::new(QuarantineConfig::default()))),
            ..interceptor("b", Answer::Slow(5))
        };
        let free = Interceptor {
            order: Order::None,
            ..interceptor("c", Answer::Slow(5))
        };
        let stages = [interceptor("a", Answer::Slow(5)), guarded, free];
        let dispatcher = Arc::new(with_config(narrow(2), stages));
        let mut observer = record_queue(&dispatcher);
        let subscribe = |overflow, items| {
            let mailbox = queue(overflow, items);
            dispatcher.subscribe(options("s", ">").with_mailbox(mailbox))
        };
        let mut waited_for = subscribe(Overflow::Block, 1);
        let all = subscribe(Overflow::DropOldest, 100);
        let tap = dispatcher.subscribe(options("t", ">").with_view(View::Raw));

        let mut publishers = JoinSet::new();
        for n in 0..6 {
            let dispatcher = dispatcher.clone();
            // Half of them are cancelled.
            let wait = Duration::from_millis(if n % 2 == 0 { ms } else { 100_000 });
            publishers.spawn(async move {
                let draft = draft().with_payload(n.to_string());
                timeout(wait, dispatcher.request(draft)).await.is_ok()
            });
        }
        let consume = async {
            loop {
                sleep(7).await;
                let _record = observer.try_recv();
                let _message = waited_for.try_recv();
            }
        };
        let finished = tokio::select! {
            finished = publishers.join_all() => finished,
            () = consume => Vec::new(),
        };

        assert!(finished.iter().filter(|finished| **finished).count() >= 3);
        assert_empty(&dispatcher);
        let counted = dispatcher.counters();
        assert_eq!(tap.stats().pushed.items, counted.published, "{ms} ms");
        for subscription in [&waited_for, &all] {
            let stats = subscription.stats();
            assert!(adds_up(&stats), "{stats:?}");
            assert_eq!(stats.pushed.items, counted.admitted, "{ms} ms");
            assert_eq!((stats.reserved, stats.waiting), (Tally::default(), 0));
        }
    }
}

/// Rule: dropping the future of a trigger leaves nothing, whenever.
#[tokio::test(start_paused = true)]
async fn a_trigger_can_be_cancelled_at_every_wait() {
    for ms in 0..40 {
        let stages = [
            interceptor("a", Answer::Slow(5)),
            interceptor("a", Answer::Slow(5)),
            interceptor("b", Answer::Slow(20)),
        ];
        let dispatcher = Arc::new(with_config(narrow(2), stages));
        dispatcher.publish(draft()).await.unwrap();
        let trigger = dispatcher.trigger(draft(), Gather::default());
        let _cancelled = timeout(Duration::from_millis(ms), trigger).await;
        dispatcher.drain().await;
        assert_empty(&dispatcher);
    }
}

/// Rule: a probe that is cancelled does not keep its capsule out for ever.
#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_leaves_the_next_call_to_be_one() {
    let stages = Interceptor {
        quarantine: Some(Arc::new(Quarantine::new(QuarantineConfig::default()))),
        timeout: Duration::from_millis(10),
        ..interceptor("a", Answer::Slow(11))
    };
    let dispatcher = dispatcher([stages]);
    let kind = async || match dispatcher
        .request(draft())
        .await
        .unwrap()
        .steps
        .first()
        .unwrap()
        .verdict
    {
        StepVerdict::Error(error) => error.kind,
        verdict => panic!("{verdict:?}"),
    };
    for _ in 0..5 {
        assert_eq!(kind().await, ErrorKind::Timeout);
    }
    assert_eq!(kind().await, ErrorKind::Quarantined);
    sleep(1000).await;
    let probe = timeout(Duration::from_millis(5), dispatcher.request(draft()));
    assert!(probe.await.is_err());
    assert_eq!(kind().await, ErrorKind::Timeout, "it is asked");
    assert_empty(&dispatcher);
}

/// Rule: an idle principal costs nothing: 10,000 come and go, at once and one
/// after the other.
#[tokio::test(start_paused = true)]
async fn ten_thousand_principals_leave_nothing() {
    let dispatcher = dispatcher([interceptor("a", Answer::Slow(10))]);
    let mailbox = queue(Overflow::DropOldest, 100);
    let subscription = dispatcher.subscribe(options("s", "a.b").with_mailbox(mailbox));
    let at_once: JoinSet<_> = (0..10_000)
        .map(|n| of(&format!("p{n}"), "a.b"))
        .map(|draft| dispatcher.try_submit(draft).unwrap().run())
        .collect();
    assert_eq!(dispatcher.principals(), 10_000);
    assert_eq!(dispatcher.lanes(), 10_000);
    let started = Instant::now();
    at_once.join_all().await;
    assert_eq!(started.elapsed(), Duration::from_millis(10), "side by side");
    assert_empty(&dispatcher);

    dispatcher.install(vec![interceptor("a", keep())]);
    for n in 0..10_000 {
        let outcome = dispatcher.request(of(&format!("q{n}"), "a.b")).await;
        assert!(outcome.unwrap().is_admitted());
        assert_eq!(dispatcher.principals(), 0);
    }
    assert_empty(&dispatcher);
    let stats = subscription.stats();
    assert_eq!((stats.pushed.items, stats.queued.items), (20_000, 100));
    assert_eq!(stats.principals, 100);
}

/// Rule: cancelling gives everything back, whenever: also where a thread ends
/// with an event that it keeps, as a runtime of its own does.
#[test]
fn an_event_that_ends_with_its_thread_leaves_nothing() {
    use std::{
        cell::RefCell,
        panic::{AssertUnwindSafe, catch_unwind},
    };

    use futures_util::FutureExt;

    struct AtEnd(Option<Running>);

    impl Drop for AtEnd {
        fn drop(&mut self) {
            // Not caught, a panic here ends the process.
            let _panic = catch_unwind(AssertUnwindSafe(|| drop(self.0.take())));
        }
    }

    thread_local! {
        static KEPT: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
    }

    let dispatcher = Arc::new(dispatcher([interceptor("a", keep())]));
    let of_thread = dispatcher.clone();
    std::thread::spawn(move || {
        KEPT.with_borrow_mut(|kept| {
            kept.0 = Some(of_thread.try_submit(draft()).unwrap());
        });
    })
    .join()
    .unwrap();
    let drained = dispatcher.drain().now_or_never();
    assert!(drained.is_some(), "a shutdown waits for ever");
    assert_empty(&dispatcher);
}
