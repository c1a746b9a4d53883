//! What a guest publishes and triggers, as its outlet sees it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use capsule_core::{
    dispatch::{Gather, Gathered, Interceptor, Mode, NoReply, OnError, Order, Reply},
    hook::{ErrorKind, HookError, Outlet, OutletError, OutletFuture, Verdict},
    types::{Event, Pattern},
};
use capsule_engine::{Capsule, CapsuleSpec, InstanceMode, Limits};
use parking_lot::Mutex;

use support::{MODES, ask, ask_within, engine, load, spec, text, wasm};

/// More time than any test takes.
const AMPLE: Duration = Duration::from_secs(600);

/// Writes down what it is given, and answers what it is told to.
#[derive(Debug, Default)]
struct Double {
    refusal: Option<OutletError>,
    replies: Vec<Result<Verdict, NoReply>>,
    /// Answer triggers never.
    hangs: bool,
    published: Mutex<Vec<(String, Bytes)>>,
    triggered: Mutex<Vec<(String, Gather)>>,
}

impl Outlet for Double {
    fn publish(&self, from: &Arc<Event>, topic: &str, payload: Bytes) -> Result<(), OutletError> {
        let principal = from.principal.as_ref().unwrap();
        let published = (format!("{topic} for {principal}"), payload);
        self.published.lock().push(published);
        self.refusal.clone().map_or(Ok(()), Err)
    }

    fn trigger<'a>(
        &'a self,
        from: &'a Arc<Event>,
        topic: &'a str,
        _payload: Bytes,
        gather: Gather,
    ) -> OutletFuture<'a, Gathered> {
        Box::pin(async move {
            self.triggered.lock().push((topic.to_owned(), gather));
            if self.hangs {
                std::future::pending::<()>().await;
            }
            if let Some(refusal) = &self.refusal {
                return Err(refusal.clone());
            }
            let replies = (1..).zip(&self.replies).map(|(number, answer)| Reply {
                interceptor: Arc::new(interceptor(&format!("c{number}"))),
                answer: answer.clone(),
                duration: Duration::ZERO,
            });
            Ok(Gathered {
                event: from.clone(),
                replies: replies.collect(),
                duration: Duration::ZERO,
            })
        })
    }
}

/// An interceptor of capsule `id` that is never asked.
fn interceptor(id: &str) -> Interceptor {
    Interceptor {
        capsule: id.into(),
        event: Pattern::new(">").unwrap(),
        action: "act".into(),
        priority: 100,
        on_error: OnError::Continue,
        mode: Mode::Enforce,
        timeout: AMPLE,
        order: Order::Principal,
        hook: Arc::new(load(&engine(1), "pass", InstanceMode::Fresh)),
        quarantine: None,
    }
}

/// The guest, with `outlet` as its door.
fn guest(guest: &str, outlet: &Arc<Double>, mode: InstanceMode, result_bytes: usize) -> Capsule {
    let spec = CapsuleSpec {
        outlet: Some(outlet.clone()),
        limits: Limits {
            result_bytes,
            ..Limits::default()
        },
        ..spec(guest, mode)
    };
    engine(4).load(&wasm(&text(guest)), spec, None).unwrap()
}

async fn answer(capsule: &Capsule, payload: &str) -> String {
    match ask(capsule, "alice", payload).await {
        Ok(Verdict::Final(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{payload}: {other:?}"),
    }
}

/// Rule: imports that the manifest does not grant are refused, by name.
#[test]
fn a_bus_that_is_not_granted_is_refused() {
    for name in ["bus-publish", "bus-trigger"] {
        let spec = spec(name, InstanceMode::Fresh);
        let error = engine(1).load(&wasm(&text(name)), spec, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the component imports `capsule:host/bus@0.1.0`, which its manifest does not grant: \
             `[capabilities] publish = [\"TOPIC\"], or trigger = [\"TOPIC\"]`"
        );
    }
}

/// Rule: what a guest publishes is its caller's.
#[tokio::test]
async fn what_a_guest_publishes_is_that_of_the_event_it_is_asked_about() {
    for mode in MODES {
        let outlet = Arc::new(Double::default());
        let capsule = guest("bus-publish", &outlet, mode, 1 << 20);
        for principal in ["alice", "bob", "alice"] {
            let answer = ask(&capsule, principal, "2 principal=carol").await;
            assert_eq!(answer, Ok(Verdict::Continue(None)));
        }
        let published: Vec<_> = std::mem::take(&mut *outlet.published.lock());
        let whose: Vec<_> = published.iter().map(|(whose, _)| whose.as_str()).collect();
        let (alice, bob) = ("check for alice", "check for bob");
        assert_eq!(whose, [alice, alice, bob, bob, alice, alice], "{mode:?}");
        assert_eq!(published[0].1, "2 principal=carol");
    }
}

/// Rule: outside of a hook there is no caller, and nothing is published.
#[tokio::test]
async fn nothing_is_published_while_a_component_initialises() {
    let outlet = Arc::new(Double::default());
    let capsule = guest("bus-start", &outlet, InstanceMode::Principal, 1 << 20);
    assert_eq!(answer(&capsule, "").await, "6", "closed");
    assert!(outlet.published.lock().is_empty());
}

#[tokio::test]
async fn each_refusal_reaches_the_guest_as_what_it_is() {
    let cases = [
        (OutletError::BadTopic("x".into()), "0"),
        (OutletError::NotGranted, "1"),
        (OutletError::TooManyHops { max: 8 }, "2"),
        (OutletError::TooOften { per_second: 1 }, "3"),
        (OutletError::Full("x".into()), "4"),
        (OutletError::TooLarge("x".into()), "5"),
        (OutletError::Closed, "6"),
    ];
    for (refusal, want) in cases {
        let outlet = Arc::new(Double {
            refusal: Some(refusal.clone()),
            ..Double::default()
        });
        let publishes = guest("bus-publish", &outlet, InstanceMode::Principal, 1 << 20);
        assert_eq!(answer(&publishes, "x").await, want, "{refusal}");
        let triggers = guest("bus-trigger", &outlet, InstanceMode::Principal, 1 << 20);
        assert_eq!(answer(&triggers, "x").await, format!("?{want}"));
    }
}

/// Rule: what a guest hands to the host in one call is limited.
#[tokio::test]
async fn a_payload_past_the_limit_fails_the_call() {
    let outlet = Arc::new(Double::default());
    let capsule = guest("bus-large", &outlet, InstanceMode::Principal, 1 << 20);
    let error = ask(&capsule, "alice", "").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Output, "{error}");
    assert!(error.message.starts_with("too much data"), "{error}");
    assert!(outlet.published.lock().is_empty());
    assert_eq!(capsule.instances(), 0, "it is thrown away");

    let capsule = guest("bus-large", &outlet, InstanceMode::Principal, 3 << 20);
    ask(&capsule, "alice", "").await.unwrap();
    assert_eq!(outlet.published.lock()[0].1.len(), 2 << 20);
}

#[tokio::test]
async fn a_guest_reads_every_reply() {
    let failed = |kind| Err(NoReply::Failed(HookError::new(kind, "it broke")));
    let outlet = Arc::new(Double {
        replies: vec![
            Ok(Verdict::Continue(None)),
            Ok(Verdict::Continue(Some(" on".into()))),
            Ok(Verdict::Final(" yes".into())),
            Ok(Verdict::Deny(" no".into())),
            Ok(Verdict::Skip),
            failed(ErrorKind::Memory),
            Err(NoReply::WouldBlock),
            Err(NoReply::Late),
        ],
        ..Double::default()
    });
    let capsule = guest("bus-trigger", &outlet, InstanceMode::Principal, 1 << 20);
    assert_eq!(
        answer(&capsule, "x").await,
        "c1=continue\nc2=continue on\nc3=final yes\nc4=deny no\nc5=skip\nc6!memory: it broke\n\
         c7!would-block: the event that triggers holds its lane\n\
         c8!late: the trigger's deadline passed\n"
    );
}

/// Rule: results are limited in size.
#[tokio::test]
async fn replies_without_room_are_given_as_none_by_name() {
    let reply = |bytes| Ok(Verdict::Final(vec![b'.'; bytes].into()));
    let outlet = Arc::new(Double {
        replies: vec![reply(600), reply(500), reply(400), reply(1)],
        ..Double::default()
    });
    let capsule = guest("bus-trigger", &outlet, InstanceMode::Principal, 2000);
    let all = answer(&capsule, "x").await;
    assert_eq!(all.matches("=final").count(), 4, "{all}");

    // The guest's own answer has to fit as well.
    let outlet = Arc::new(Double {
        replies: vec![reply(600), reply(500), reply(350)],
        ..Double::default()
    });
    let capsule = guest("bus-trigger", &outlet, InstanceMode::Principal, 1000);
    let error = ask(&capsule, "alice", "x").await;
    assert!(error.is_err(), "{error:?}");

    let outlet = Arc::new(Double {
        replies: vec![reply(100), reply(1_000_000), reply(350)],
        ..Double::default()
    });
    let capsule = guest("bus-trigger", &outlet, InstanceMode::Principal, 1000);
    let some = answer(&capsule, "x").await;
    let lines: Vec<_> = some.lines().collect();
    assert_eq!(
        lines[1],
        "c2!output: no room for its 1000000 bytes: the replies to one trigger may have 1000 \
         together (`max_result_kib` under [runtime])"
    );
    assert_eq!(lines[0].len(), "c1=final".len() + 100);
    assert_eq!(lines[2].len(), "c3=final".len() + 350);
}

/// Rule: a trigger waits as long as its guest says, and no longer than the
/// hook may.
#[tokio::test(start_paused = true)]
async fn a_trigger_waits_within_the_time_of_its_hook() {
    let outlet = Arc::new(Double::default());
    let capsule = guest("bus-trigger", &outlet, InstanceMode::Principal, 1 << 20);
    let all = Duration::from_millis(60);
    for payload in ["x", "d50", "d60", "d99", "q2", "q0"] {
        ask_within(&capsule, "alice", payload, all).await.unwrap();
    }
    let triggered = outlet.triggered.lock();
    let waits: Vec<_> = triggered
        .iter()
        .map(|(_, gather)| gather.deadline)
        .collect();
    let ms = Duration::from_millis;
    assert_eq!(waits, [all, ms(50), all, all, all, all].map(Some));
    let quorums: Vec<_> = triggered
        .iter()
        .map(|(_, gather)| gather.quorum.map(usize::from))
        .collect();
    assert_eq!(quorums, [None, None, None, None, Some(2), None]);
}

/// Rule: time-outs cover the time spent in host calls; whatever ends a call
/// early throws its instance away.
#[tokio::test(start_paused = true)]
async fn a_trigger_that_never_ends_ends_with_its_hook() {
    let outlet = Arc::new(Double {
        hangs: true,
        ..Double::default()
    });
    let capsule = guest("bus-trigger", &outlet, InstanceMode::Principal, 1 << 20);
    let hook = ask(&capsule, "alice", "x");
    let ended = tokio::time::timeout(Duration::from_secs(1), hook).await;
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(outlet.triggered.lock().len(), 1);
    assert_eq!(capsule.instances(), 0);
}
