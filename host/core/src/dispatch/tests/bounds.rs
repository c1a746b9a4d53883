//! What hostile tenants and slow consumers may take, and no more.

use super::*;
use crate::{
    broker::{Answer as Reply, Broker, BrokerConfig, ExternalHook, HookName},
    mailbox::Stats,
};

fn small(in_flight: RoomUse, max_lanes_per_capsule: usize) -> DispatchConfig {
    DispatchConfig {
        lanes: LaneConfig {
            max_lanes_per_capsule,
            in_flight,
            ..LaneConfig::default()
        },
        ..DispatchConfig::default()
    }
}

fn room(events: u64) -> RoomUse {
    RoomUse {
        events,
        bytes: 1 << 30,
    }
}

#[tokio::test(start_paused = true)]
async fn a_tap_that_blocks_holds_twice_its_budget_and_counts_the_rest() {
    let dispatcher = dispatcher([]);
    let tap = options("tap", "a.b")
        .with_view(View::Raw)
        .with_mailbox(queue(Overflow::Block, 4));
    let tap = dispatcher.subscribe(tap);
    for _ in 0..100 {
        assert!(dispatcher.request(draft()).await.unwrap().is_admitted());
    }
    let Stats { queued, lost, .. } = tap.stats();
    assert_eq!((queued.items, lost.total().items), (8, 92));
}

/// Rule: a global bound on events in flight, also while they wait for one
/// subscriber and another has them already.
#[tokio::test(start_paused = true)]
async fn an_event_is_under_way_until_everybody_has_it() {
    let dispatcher = Arc::new(with_config(small(room(10), 10_000), []));
    let _any = dispatcher.subscribe(options("any", "a"));
    let _slow = dispatcher.subscribe(options("slow", "a").with_mailbox(queue(Overflow::Block, 1)));
    let mut taken = 0;
    for who in 0..100 {
        let draft = of(&format!("p{who}"), "a");
        taken += u64::from(dispatcher.try_publish(draft).is_ok());
        idle().await;
    }
    // One is in the queue of the slow one, ten wait for it.
    assert_eq!((taken, dispatcher.in_flight().events), (11, 10));
}

#[tokio::test(start_paused = true)]
async fn a_queue_counts_the_payload_that_a_chain_replaced() {
    let scrubs = Answer::Say(Verdict::Continue(Some(Bytes::from_static(b"scrubbed"))));
    let dispatcher = dispatcher([interceptor("scrub", scrubs)]);
    let mut subscription = dispatcher.subscribe(options("s", "a.b"));
    for _ in 0..10 {
        let large = draft().with_payload(vec![0; 400 << 10]);
        assert!(dispatcher.request(large).await.unwrap().is_admitted());
    }
    let mut kept = 0;
    while let Ok(received) = subscription.try_recv() {
        if let Received::Item(message) = received {
            kept += message.event.payload.len() + message.payload.len();
        }
    }
    assert!(kept <= 1 << 20, "{kept} bytes in a queue of 1 MiB");
}

/// Rule: bursts of a thousand principals at once are all answered, by a
/// process outside of the host too.
#[tokio::test]
async fn a_burst_of_questions_is_not_taken_for_lagging() {
    let broker = Arc::new(Broker::new(BrokerConfig::default()));
    let hook = HookName::new("review").unwrap();
    let mut person = broker.subscribe(hook.clone()).unwrap();
    let guard = Interceptor {
        on_error: OnError::Deny,
        hook: Arc::new(ExternalHook::new(broker.clone(), hook)),
        ..interceptor("guard", keep())
    };
    let dispatcher = Arc::new(dispatcher([guard]));
    let mut requests = JoinSet::new();
    for who in 0..1000 {
        let dispatcher = dispatcher.clone();
        requests.spawn(async move {
            let draft = of(&format!("p{who}"), "a");
            dispatcher.request(draft).await.unwrap().is_admitted()
        });
    }
    let answers = async {
        for _ in 0..1000 {
            let request = person.recv().await.unwrap();
            let id = request.reply_to.unwrap().hook_id;
            assert!(person.respond(id, Reply::new()).accepted);
        }
    };
    let (admitted, ()) = tokio::join!(requests.join_all(), answers);
    assert_eq!(admitted, [true; 1000]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_may_be_as_long_as_one_likes() {
    let dispatcher = dispatcher([Interceptor {
        timeout: Duration::MAX,
        ..interceptor("a", keep())
    }]);
    let gather = Gather {
        deadline: Some(Duration::MAX),
        quorum: None,
    };
    let gathered = dispatcher.trigger(draft(), gather).await.unwrap();
    assert_eq!(gathered.replies[0].answer, Ok(Verdict::Continue(None)));
}

/// Rule: more principals at once share one lane, with an audit record.
#[tokio::test(start_paused = true)]
async fn sharing_a_lane_is_audited_when_it_begins() {
    let dispatcher = with_config(small(room(1000), 0), [interceptor("a", keep())]);
    let mut audit =
        dispatcher
            .observers()
            .observe("audit", Category::Audit.into(), MailboxConfig::default());
    for _ in 0..2 {
        let all: Vec<_> = (0..20)
            .map(|_| dispatcher.try_submit(of("p", "a")).unwrap())
            .collect();
        drop(all);
    }
    let records = std::iter::from_fn(|| audit.try_recv().ok()).count();
    assert_eq!(records, 2, "once each time that it begins");
}

/// Rule: more than so many principals share one lane: how many sessions one
/// has takes nobody's.
#[tokio::test(start_paused = true)]
async fn sessions_of_one_principal_take_no_lane_of_another() {
    let per_session = Interceptor {
        order: Order::Session,
        ..interceptor("a", Answer::Slow(900))
    };
    let dispatcher = Arc::new(with_config(small(room(1000), 8), [per_session]));
    let mut mallory = JoinSet::new();
    for n in 0..50 {
        let session = Name::new(&format!("s{n}")).unwrap();
        let running = dispatcher
            .try_submit(of("mallory", "a").with_session(session))
            .unwrap();
        mallory.spawn(running.run());
    }
    let started = tokio::time::Instant::now();
    let quiet = (0..8).map(|n| dispatcher.request(of(&format!("p{n}"), "a")));
    for outcome in futures_util::future::join_all(quiet).await {
        assert!(outcome.unwrap().is_admitted());
    }
    assert_eq!(started.elapsed(), Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_has_gone_is_not_kept_by_a_remembered_route() {
    let dispatcher = dispatcher([]);
    for n in 0..100 {
        let subscription = dispatcher.subscribe(options("s", ">"));
        let topic = Topic::new(&format!("t{n}")).unwrap();
        assert!(dispatcher.request(Draft::new(topic)).await.is_ok());
        let subscriber = Arc::downgrade(&dispatcher.subscribers()[0]);
        drop(subscription);
        assert!(subscriber.upgrade().is_none(), "topic {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_hosts_own_topics_take_its_own_events() {
    let dispatcher = dispatcher([]);
    let mut all = dispatcher.subscribe(options("all", ">"));
    dispatcher.publish_own("tool.run", &serde_json::json!({}));
    assert!(all.try_recv().is_err());
}
