//! How the host says that consumers lose events.

use serde_json::{Value, json};

use super::*;

/// The reports there are, as `(consumer, events lost)`.
fn reports(subscription: &mut Subscription) -> Vec<(String, u64)> {
    received(subscription)
        .iter()
        .map(|payload| {
            let report: Value = serde_json::from_str(payload).unwrap();
            let consumer = report["consumer"].as_str().unwrap().to_owned();
            (consumer, report["lost"]["events"].as_u64().unwrap())
        })
        .collect()
}

fn small(dispatcher: &Dispatcher, name: &str, event: &str) -> Subscription {
    let mailbox = queue(Overflow::DropNewest, 1);
    dispatcher.subscribe(options(name, event).with_mailbox(mailbox))
}

async fn publish(dispatcher: &Dispatcher, events: usize) {
    for _ in 0..events {
        let _outcome = dispatcher.request(draft()).await.unwrap();
    }
}

/// Rule: when anything lags or drops, `host.bus.lagged` says what and how
/// many, at most once in 10 s per cause.
#[tokio::test(start_paused = true)]
async fn a_consumer_is_reported_once_in_ten_seconds_with_all_it_lost() {
    let dispatcher = dispatcher([]);
    let mut watch = dispatcher.subscribe(options("watch", "host.bus.lagged"));
    let lagging = small(&dispatcher, "small", "a.b");
    let started = Instant::now();
    let mut told = Vec::new();
    // 35 s: something is lost in each but the first 0.1 s of the first 25.
    for tenth in 0..350 {
        publish(&dispatcher, usize::from(tenth < 250)).await;
        tokio::task::yield_now().await;
        for (consumer, lost) in reports(&mut watch) {
            assert_eq!(consumer, "small");
            told.push((started.elapsed().as_secs(), lost));
        }
        sleep(100).await;
    }
    assert_eq!(told.len(), 4, "{told:?}");
    for pair in told.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= 9, "{told:?}");
    }
    let sum: u64 = told.iter().map(|(_, lost)| lost).sum();
    assert_eq!(sum, lagging.stats().lost.total().items);
    assert_eq!(sum, 249);
}

/// Rule: a cause that is over leaves nothing: no entry, no task, and no
/// report of nothing.
#[tokio::test(start_paused = true)]
async fn when_the_losses_stop_nothing_is_left_of_them() {
    let dispatcher = dispatcher([]);
    let mut watch = dispatcher.subscribe(options("watch", "host.bus.lagged"));
    let lagging = small(&dispatcher, "small", "a.b");
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    for _ in 0..2 {
        publish(&dispatcher, 3).await;
        idle().await;
        assert_eq!(dispatcher.lagging(), 1);
        assert_eq!(tasks(), 1);
        sleep(20_100).await;
        assert_eq!(reports(&mut watch).len(), 1, "once, and not of nothing");
        assert_eq!(dispatcher.lagging(), 0);
        assert_eq!(tasks(), 0);
    }
    assert_eq!(lagging.stats().lost.total().items, 5);
}

/// Rule: per cause: one that lags does not keep another from being reported.
#[tokio::test(start_paused = true)]
async fn each_consumer_is_reported_for_itself() {
    let dispatcher = dispatcher([]);
    let mut watch = dispatcher.subscribe(options("watch", "host.bus.lagged"));
    let _one = small(&dispatcher, "one", "a.b");
    publish(&dispatcher, 4).await;
    let _two = small(&dispatcher, "two", "a.b");
    publish(&dispatcher, 3).await;
    sleep(10_100).await;
    let mut sums = std::collections::BTreeMap::new();
    for (consumer, lost) in reports(&mut watch) {
        *sums.entry(consumer).or_insert(0) += lost;
    }
    assert_eq!(json!(sums), json!({"one": 6, "two": 2}));
}

/// Rule: through a path that does not itself overflow: a report that is lost
/// by all who lag makes no reports while it is made.
#[tokio::test(start_paused = true)]
async fn many_consumers_that_lose_the_reports_do_not_nest_them() {
    let dispatcher = dispatcher([]);
    let lagging: Vec<_> = (0..1000)
        .map(|n| small(&dispatcher, &format!("small-{n}"), ">"))
        .collect();
    let mut watch = dispatcher.subscribe(options("watch", "host.bus.lagged"));
    publish(&dispatcher, 2).await;
    idle().await;

    assert_eq!(reports(&mut watch).len(), 1000);
    for subscription in lagging {
        let stats = subscription.stats();
        assert!(adds_up(&stats), "{stats:?}");
        assert_eq!(stats.pushed.items, 2 + 1000);
    }
}

/// Rule: an observer that loses the records of losses is not told of that by
/// more records, for ever.
#[tokio::test(start_paused = true)]
async fn an_observer_that_loses_records_of_losses_makes_no_more_of_them() {
    let dispatcher = dispatcher([]);
    let observe = |name| {
        let config = queue(Overflow::DropNewest, 1);
        dispatcher
            .observers()
            .observe(name, Categories::all(), config)
    };
    let (one, two) = (observe("one"), observe("two"));
    publish(&dispatcher, 10).await;
    idle().await;
    let missed = one.status().missed + two.status().missed;
    assert!(missed < 200, "a few for each of the 30 records: {missed}");
    sleep(9_000).await;
    assert_eq!(one.status().missed + two.status().missed, missed, "quiet");
    drop((one, two));
    sleep(20_000).await;
    assert_eq!(dispatcher.lagging(), 0);
}

/// Rule: outside of a runtime, where nothing can wait, a loss is said at once,
/// and nothing is left of it.
#[test]
fn outside_of_a_runtime_a_loss_is_said_at_once() {
    let dispatcher = dispatcher([]);
    let mut watch = dispatcher.subscribe(options("watch", "host.bus.lagged"));
    let _lagging = small(&dispatcher, "small", "a.b");
    for _ in 0..2 {
        let event = dispatcher.try_submit(draft()).unwrap();
        let mut running = std::pin::pin!(event.run());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(running.as_mut().poll(&mut cx).is_ready());
    }
    assert_eq!(reports(&mut watch), [("small".to_owned(), 1)]);
    assert_eq!(dispatcher.lagging(), 0);
}

/// Rule: a cause is reported again though the runtime that was to report it
/// has ended.
#[test]
fn a_runtime_that_ends_takes_no_cause_with_it() {
    let dispatcher = dispatcher([]);
    let mut watch = dispatcher.subscribe(options("watch", "host.bus.lagged"));
    let _lagging = small(&dispatcher, "small", "a.b");
    for want in [1, 2] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        runtime.unwrap().block_on(async {
            publish(&dispatcher, 2).await;
            idle().await;
        });
        assert_eq!(reports(&mut watch), [("small".to_owned(), want)]);
        assert_eq!(dispatcher.lagging(), 0, "though none will follow it");
    }
}
