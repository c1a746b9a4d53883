//! What the host publishes about itself.

use serde_json::{Value, json};

use super::*;
use crate::types::Kind;

fn quarantined(id: &str, answer: Answer) -> Interceptor {
    Interceptor {
        quarantine: Some(Arc::new(Quarantine::new(QuarantineConfig::default()))),
        ..interceptor(id, answer)
    }
}

/// The events there are: topic and payload.
fn events(subscription: &mut Subscription) -> Vec<(String, Value)> {
    std::iter::from_fn(|| subscription.try_recv().ok())
        .map(|received| match received {
            Received::Item(message) => {
                assert_eq!(message.event.kind, Kind::Host);
                assert_eq!(message.event.principal, None);
                let payload = serde_json::from_slice(&message.payload).unwrap();
                (message.event.topic.as_str().to_owned(), payload)
            }
            Received::Lost { .. } => panic!("nothing is lost here"),
        })
        .collect()
}

/// Rule: quarantines are told and audited: when a capsule is taken out for a
/// principal, and when it is back.
#[tokio::test(start_paused = true)]
async fn a_capsule_that_is_taken_out_and_comes_back_is_told() {
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_broken = broken.clone();
    let fails = acting("a", ">", move |_| {
        let fails = is_broken.load(Ordering::Relaxed);
        HookFuture::new(async move {
            match fails {
                true => Err(HookError::new(ErrorKind::Trap, "broken")),
                false => Ok(Verdict::Continue(None)),
            }
        })
    });
    let quarantine = quarantined("a", keep()).quarantine;
    let dispatcher = dispatcher([Interceptor {
        quarantine,
        ..fails
    }]);
    let mut told = dispatcher.subscribe(options("s", "host.capsule.*"));
    let config = MailboxConfig::default();
    let mut audit = dispatcher
        .observers()
        .observe("audit", Category::Audit.into(), config);
    for _ in 0..7 {
        let _outcome = dispatcher.request(of("alice", "a.b")).await.unwrap();
    }
    let told_out = events(&mut told);
    assert_eq!(told_out.len(), 1, "{told_out:?}");
    let (topic, payload) = &told_out[0];
    assert_eq!(topic, "host.capsule.quarantined");
    assert_eq!(
        (&payload["capsule"], &payload["principal"]),
        (&json!("a"), &json!("alice"))
    );
    let out_for = payload["out_for_ms"].as_u64().unwrap();
    assert!((500..=1000).contains(&out_for), "{out_for}");

    sleep(1000).await;
    broken.store(false, Ordering::Relaxed);
    for _ in 0..3 {
        let _outcome = dispatcher.request(of("alice", "a.b")).await.unwrap();
    }
    let back = json!({"capsule": "a", "principal": "alice", "out_for_ms": null});
    assert_eq!(
        events(&mut told),
        [("host.capsule.recovered".to_owned(), back)]
    );
    let counted = dispatcher.counters();
    assert_eq!(
        (counted.quarantined, counted.recovered, counted.own),
        (1, 1, 2)
    );
    let on_paper: Vec<_> = std::iter::from_fn(|| audit.try_recv().ok())
        .map(|received| match received {
            Received::Item(Record::Audit(Audit::Quarantine {
                principal, out_for, ..
            })) => (principal.unwrap().as_str().to_owned(), out_for.is_some()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        on_paper,
        [("alice".to_owned(), true), ("alice".to_owned(), false)]
    );
}

/// Rule: a session that is registered is told, once for each change.
#[tokio::test(start_paused = true)]
async fn a_registered_session_is_told_once() {
    let dispatcher = dispatcher([]);
    let mut told = dispatcher.subscribe(options("s", "host.>"));
    let register = |session| {
        dispatcher.register_session(
            Some(&principal("alice")),
            &name("ci"),
            &name("native"),
            name(session),
        );
    };
    for session in ["s1", "s1", "s2"] {
        register(session);
    }
    let want = ["s1", "s2"].map(|session| {
        let payload = json!({
            "principal": "alice", "source": "ci", "native_session": "native", "session": session,
        });
        ("host.session.registered".to_owned(), payload)
    });
    assert_eq!(events(&mut told), want);
}

/// Rule: `host.` is reserved for the host's own lifecycle events.
#[tokio::test(start_paused = true)]
async fn nobody_else_publishes_under_host() {
    let dispatcher = dispatcher([]);
    let mut told = dispatcher.subscribe(options("s", "host.>"));
    let mut tap = dispatcher.subscribe(options("t", "host.>").with_view(View::Raw));
    for topic in ["host.x", "host.capsule.recovered", "host"] {
        let reserved = Topic::new(topic).unwrap().is_reserved();
        let results = [
            dispatcher.try_publish(on(topic)).err(),
            dispatcher.publish(on(topic)).await.err(),
            dispatcher.request(on(topic)).await.err(),
            dispatcher.trigger(on(topic), Gather::default()).await.err(),
        ];
        for error in results {
            let refused = matches!(error, Some(PublishError::Reserved { .. }));
            assert_eq!(refused, reserved, "{topic}");
        }
    }
    assert!(events(&mut told).is_empty() && events(&mut tap).is_empty());
}

/// Rule: nothing intercepts what the host says of itself, not even a pattern
/// of everything; those who want it all see it once.
#[tokio::test(start_paused = true)]
async fn the_hosts_own_events_meet_no_chain() {
    let dispatcher = dispatcher([
        interceptor("a", deny("no")),
        on_topic("b", "host.>", deny("no")),
    ]);
    let mut everything = dispatcher.subscribe(SubscribeOptions::new("s"));
    let mut twice = dispatcher
        .subscribe(SubscribeOptions::new("s").with_filter(wanting(&["host.>", "host.*", ">"])));
    let mut tap = dispatcher.subscribe(SubscribeOptions::new("t").with_view(View::Raw));
    let scoped = dispatcher.subscribe(
        SubscribeOptions::new("s").with_scope(Scope::Principal(Some(principal("alice")))),
    );
    let chain = dispatcher.plan().chain(&Topic::new("host.test").unwrap());
    assert!(chain.is_empty(), "nor does whoever asks for it find one");
    dispatcher.publish_own("host.test", &json!({"n": 1}));
    let want = [("host.test".to_owned(), json!({"n": 1}))];
    assert_eq!(events(&mut everything), want);
    assert_eq!(events(&mut twice), want);
    assert_eq!(events(&mut tap), want);
    assert_eq!(scoped.stats().pushed.items, 0, "it is of the system itself");
    let counted = dispatcher.counters();
    assert_eq!((counted.own, counted.steps, counted.published), (1, 0, 0));
}

/// Rule: what nobody wants is not even made.
#[tokio::test(start_paused = true)]
async fn an_event_of_the_host_that_nobody_wants_is_not_made() {
    let dispatcher = dispatcher([]);
    let _elsewhere = dispatcher.subscribe(options("s", "a.b"));
    dispatcher.publish_own("host.test", &json!({}));
    assert_eq!(dispatcher.counters().own, 0);
}

/// Rule: the host's own events meet no bound but those of each consumer's
/// queue: they are told while the whole host is full.
#[tokio::test(start_paused = true)]
async fn the_host_speaks_while_it_is_full() {
    let config = DispatchConfig {
        lanes: LaneConfig {
            in_flight: RoomUse {
                events: 1,
                bytes: 1000,
            },
            ..LaneConfig::default()
        },
        ..DispatchConfig::default()
    };
    let dispatcher = with_config(config, []);
    let mut told = dispatcher.subscribe(options("s", "host.>"));
    let _held = dispatcher.try_submit(draft()).unwrap();
    assert!(dispatcher.try_submit(draft()).is_err());
    dispatcher.publish_own("host.test", &json!({}));
    assert_eq!(events(&mut told).len(), 1);
}

/// Rule: lifecycle events under `host.`: a capsule was removed.
#[tokio::test(start_paused = true)]
async fn a_capsule_that_is_gone_is_said_to_be_once() {
    let dispatcher = dispatcher([interceptor("a", keep()), interceptor("b", keep())]);
    let mut seen = dispatcher.subscribe(SubscribeOptions::new("own"));
    dispatcher.install(vec![interceptor("b", keep()), interceptor("c", keep())]);
    dispatcher.install(vec![interceptor("b", keep()), interceptor("c", keep())]);
    let Ok(Received::Item(message)) = seen.try_recv() else {
        panic!("nothing was said");
    };
    assert_eq!(message.event.topic.as_str(), "host.capsule.removed");
    assert_eq!(&message.payload[..], br#"{"capsule":"a"}"#);
    assert!(seen.try_recv().is_err(), "one event for one capsule");
}
