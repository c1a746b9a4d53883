//! What decides where an event goes, while it changes.

use std::sync::Weak;

use super::*;

fn weak(interceptor: &Interceptor) -> Weak<dyn Hook> {
    Arc::downgrade(&interceptor.hook)
}

/// Rule: what is subscribed to, ended and installed is seen by the very next
/// event, also on a topic whose route is remembered.
#[tokio::test(start_paused = true)]
async fn a_change_is_seen_by_the_very_next_event() {
    let dispatcher = dispatcher([]);
    let request = async || dispatcher.request(draft()).await.unwrap();
    assert!(request().await.steps.is_empty());

    let mut subscription = dispatcher.subscribe(options("s", ">"));
    assert!(request().await.is_admitted());
    assert_eq!(received(&mut subscription), ["x"]);

    dispatcher.install(vec![interceptor("a", Answer::Append("y"))]);
    assert_eq!(request().await.steps.len(), 1);
    assert_eq!(
        received(&mut subscription),
        ["xy"],
        "a change keeps the rest"
    );

    dispatcher.install(vec![interceptor("a", deny("no"))]);
    assert!(!request().await.is_admitted());

    dispatcher.install(vec![]);
    let mut tap = dispatcher.subscribe(options("t", ">").with_view(View::Raw));
    assert!(request().await.is_admitted());
    assert_eq!(received(&mut tap), ["x"]);

    drop((subscription, tap));
    let handed_out = dispatcher.counters().handed_out;
    assert!(request().await.is_admitted());
    assert_eq!(dispatcher.counters().handed_out, handed_out);
    assert_eq!(dispatcher.subscriptions(), 0);
}

/// Rule: in-flight work finishes on the old generation, which then goes.
#[tokio::test(start_paused = true)]
async fn an_old_generation_goes_once_nothing_runs_on_it() {
    let old = interceptor("a", Answer::Slow(100));
    let hook = weak(&old);
    let dispatcher = dispatcher([old]);
    // On many topics, so that many routes are remembered.
    for n in 0..100 {
        dispatcher
            .publish(of(&format!("p{n}"), &format!("t.{n}")))
            .await
            .unwrap();
    }
    idle().await;
    dispatcher.install(vec![interceptor("a", keep())]);
    assert!(hook.upgrade().is_some(), "events run on it");
    // These are routed and remembered anew.
    for n in 0..100 {
        let draft = of(&format!("q{n}"), &format!("t.{n}"));
        assert!(dispatcher.request(draft).await.unwrap().is_admitted());
    }
    sleep(100).await;
    assert!(hook.upgrade().is_none(), "nothing does any more");
    assert_empty(&dispatcher);
}

/// Rule: a generation that nothing runs on goes at once, also where routes of
/// it are remembered.
#[tokio::test(start_paused = true)]
async fn no_remembered_route_keeps_an_old_generation() {
    let old = interceptor("a", keep());
    let hook = weak(&old);
    let dispatcher = dispatcher([old]);
    for n in 0..100 {
        let draft = on(&format!("t.{n}"));
        assert!(dispatcher.request(draft).await.unwrap().is_admitted());
    }
    dispatcher.install(vec![]);
    assert!(hook.upgrade().is_none());
}

/// Rule: what an outcome says stays true after a reload: it keeps its own
/// interceptors, and nothing else does.
#[tokio::test(start_paused = true)]
async fn an_outcome_keeps_the_interceptors_that_it_names() {
    let old = interceptor("a", keep());
    let hook = weak(&old);
    let dispatcher = dispatcher([old]);
    let outcome = dispatcher.request(draft()).await.unwrap();
    dispatcher.install(vec![]);
    assert_eq!(&*outcome.steps.first().unwrap().interceptor.capsule, "a");
    assert!(hook.upgrade().is_some());
    drop(outcome);
    assert!(hook.upgrade().is_none());
}

/// Rule: deliveries to one (capsule, principal) never overlap, also across a
/// reload.
#[tokio::test(start_paused = true)]
async fn the_order_of_a_capsules_calls_holds_across_a_reload() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let generation = |ms| Interceptor {
        hook: Arc::new(Double {
            seen: seen.clone(),
            ..Double::new(Answer::Slow(ms))
        }),
        ..interceptor("a", keep())
    };
    let dispatcher = dispatcher([generation(100)]);
    dispatcher.publish(draft()).await.unwrap();
    dispatcher.install(vec![generation(1)]);
    dispatcher.publish(draft()).await.unwrap();
    idle().await;
    assert_eq!(seen.lock().len(), 1, "the second waits for the first");
    sleep(110).await;
    assert_eq!(seen.lock().len(), 2);
    assert_empty(&dispatcher);
}

/// Rule: a publisher who invents topics gets each of them right, and changes
/// nothing for others.
#[tokio::test(start_paused = true)]
async fn more_topics_than_are_remembered_are_routed_right() {
    let dispatcher = dispatcher([on_topic("a", "even.*", Answer::Append("y"))]);
    let mut subscription = dispatcher.subscribe(options("s", "*.7"));
    for round in 0..2 {
        for n in 0..6000 {
            let topic = format!("{}.{n}", ["even", "odd"][n % 2]);
            let outcome = dispatcher.request(on(&topic)).await.unwrap();
            assert_eq!(outcome.steps.len(), 1 - n % 2, "{round}: {topic}");
        }
        assert_eq!(received(&mut subscription), ["x"]);
    }
}

/// Rule: a generation that nothing runs on goes at once, whichever threads
/// remember routes of it, those that have ended among them; and each of them
/// sees the change with its very next event.
#[test]
fn no_route_that_another_thread_remembers_keeps_an_old_generation() {
    let old = interceptor("a", keep());
    let hook = weak(&old);
    let dispatcher = dispatcher([old]);
    let topic = Topic::new("a.b").unwrap();
    let (asked, changed) = (std::sync::Barrier::new(4), std::sync::Barrier::new(3));
    let mut gone = false;
    std::thread::scope(|scope| {
        for stays in [true, false, true] {
            let (dispatcher, topic, asked, changed) = (&dispatcher, &topic, &asked, &changed);
            scope.spawn(move || {
                assert!(dispatcher.is_heard(topic));
                asked.wait();
                if stays {
                    changed.wait();
                    assert!(!dispatcher.is_heard(topic));
                }
            });
        }
        asked.wait();
        dispatcher.install(vec![]);
        // Said once nobody waits for this thread any more.
        gone = hook.upgrade().is_none();
        changed.wait();
    });
    assert!(gone);
}
