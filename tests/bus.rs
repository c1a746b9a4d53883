//! Guests that publish, against the whole host. Time is paused: it passes only
//! when nothing is left to do, so a sleep is how a test waits for everything to
//! come to its end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{num::NonZeroUsize, time::Duration};

use capsule_host::{
    Category, Draft, Kind, MailboxConfig, Name, Principal, Received, Record, SubscribeOptions,
    Topic, View,
    config::{DispatchSettings, HostConfig},
};

use support::{
    Ran,
    bus::{Bus, Guest, asker, capsules, draft, next, plain, publisher},
    capsule,
};

/// What the guest `bus-publish` answers where it is refused.
const NOT_GRANTED: &str = "1";
const TOO_OFTEN: &str = "3";

/// Rule: what a guest publishes carries its caller's principal, which it cannot
/// choose; it meets other capsules and subscriptions as any event does.
#[tokio::test(start_paused = true)]
async fn what_a_guest_publishes_is_its_callers() {
    let bus = Bus::start(&[
        Guest {
            capabilities: "publish = [\"audit.>\"]",
            ..publisher("guard", &[("tool.*", "audit-seen")])
        },
        plain("auditor", "echo", &[("audit.>", "act")]),
    ]);
    let mut audited = bus.subscribe("audit.>");
    let mut steps = bus
        .host
        .observe("steps", Category::Step.into(), MailboxConfig::default());
    let payload = r#"{"principal":"carol","source":"root","hops":0}"#;
    let name = |text| Name::new(text).unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for principal in [Some("alice"), Some("bob"), None] {
        let principal = principal.map(|name| Principal::new(name).unwrap());
        let asked = Draft::new(Topic::new("tool.run").unwrap())
            .with_principal(principal.clone())
            .with_session(name("s1"))
            .with_traceparent(name(trace))
            .with_source(name("cli"))
            .with_payload(payload);
        let outcome = bus.host.request(asked).await.unwrap();
        assert!(outcome.is_admitted());
        bus.ends().await;

        let event = next(&mut audited);
        assert_eq!(event.topic.as_str(), "audit.seen");
        assert_eq!(event.principal, principal);
        assert_eq!((event.kind, event.hops), (Kind::Capsule, 1));
        assert_eq!(event.source, Some(name("guard")));
        assert_eq!(event.session, Some(name("s1")));
        assert_eq!(event.traceparent, Some(name(trace)));
        assert_eq!(event.payload, payload);
        for (capsule, hops) in [("guard", 0), ("auditor", 1)] {
            let Ok(Received::Item(Record::Step {
                event,
                capsule: by,
                verdict,
                ..
            })) = steps.try_recv()
            else {
                panic!("{capsule} is asked");
            };
            assert_eq!((&*by, verdict), (capsule, "continue"));
            assert_eq!((&event.principal, event.hops), (&principal, hops));
        }
    }
    assert!(audited.try_recv().is_err(), "once each");
}

/// Rule: publishing is limited to granted patterns; refusals are audited.
#[tokio::test(start_paused = true)]
async fn what_is_not_granted_is_refused_and_audited() {
    let mut bus = Bus::start(&[
        Guest {
            capabilities: "publish = [\"audit.>\"]",
            ..publisher("a", &[("a.out", "other"), ("a.in", "audit-in")])
        },
        publisher("b", &[("b.host", "host-bus"), ("b.bad", "b--ad")]),
        Guest {
            capabilities: "publish = [\"only.published\"]",
            ..asker("c", &[("c.ask", "only-published")])
        },
    ]);
    let mut taps = bus
        .host
        .subscribe(SubscribeOptions::new("taps").with_view(View::Raw));
    assert!(bus.ask("alice", "a.in", "x").await.is_admitted());
    assert_eq!(bus.answer("alice", "a.out", "x").await, NOT_GRANTED);
    assert_eq!(bus.answer("alice", "b.host", "x").await, NOT_GRANTED);
    assert_eq!(bus.answer("alice", "b.bad", "x").await, "0");
    assert_eq!(bus.answer("alice", "c.ask", "x").await, "?1");
    bus.ends().await;

    let reason = "not granted: the manifest's [capabilities] do not list this topic";
    let bad = "bad topic: segment 2 is empty (two dots in a row, or one at an end)";
    let want = [
        ("a", "other", reason),
        ("b", "host.bus", reason),
        ("b", "b..ad", bad),
        ("c", "only.published", reason),
    ];
    let want = want.map(|(by, topic, why)| (by.into(), topic.into(), why.into(), 0));
    assert_eq!(bus.refusals(), want);
    let published: Vec<_> = (0..6).map(|_| next(&mut taps).topic.to_string()).collect();
    assert!(published.contains(&"audit.in".to_owned()), "{published:?}");
    assert!(taps.try_recv().is_err(), "nothing but that: {published:?}");
}

/// Rule: hops are counted, 8 at most, so that loops end and are audited.
#[tokio::test(start_paused = true)]
async fn a_loop_of_publishing_ends_at_the_limit_and_is_audited() {
    let alone = [publisher("alone", &[("loop", "loop")])];
    let two = [
        publisher("ping", &[("loop", "back")]),
        publisher("pong", &[("back", "loop")]),
    ];
    for (guests, last) in [(&alone[..], "alone"), (&two[..], "ping")] {
        let mut bus = Bus::start(guests);
        let mut taps = bus
            .host
            .subscribe(SubscribeOptions::new("taps").with_view(View::Raw));

        let outcome = bus.ask("alice", "loop", "x").await;

        assert!(outcome.is_admitted(), "it does not wait for what it began");
        bus.ends().await;
        let hops: Vec<_> = (0..9).map(|_| next(&mut taps).hops).collect();
        assert_eq!(hops, (0..9).collect::<Vec<_>>());
        assert!(taps.try_recv().is_err());
        let counted = bus.host.counters();
        assert_eq!((counted.published, counted.steps), (9, 9));
        assert_eq!((counted.admitted, counted.answered), (8, 1));
        let refusals = bus.refusals();
        let [(by, _, reason, hops)] = &refusals[..] else {
            panic!("{refusals:?}");
        };
        assert_eq!((&**by, *hops), (last, 8));
        assert_eq!(
            reason,
            "too many hops: an event may be 8 away from one that no capsule made"
        );
    }
}

/// Rule: loops end; the host goes on serving everybody else.
#[tokio::test(start_paused = true)]
async fn a_flood_that_breeds_ends_and_holds_up_nobody_else() {
    let breed = [
        publisher("one", &[("breed", "breed")]),
        publisher("two", &[("breed", "breed")]),
        plain("quiet", "echo", &[("quiet", "act")]),
    ];
    // As a host is by default, and one in which nothing but the hops counts.
    for (rate, lane_capacity) in [(100, 64), (100_000, 1000)] {
        let capabilities = format!("publish = [\">\"]\npublish_per_second = {rate}");
        let guests = breed.each_ref().map(|guest| Guest {
            capabilities: match guest.guest {
                "bus-publish" => &capabilities,
                _ => "",
            },
            ..*guest
        });
        let dispatch = DispatchSettings {
            lane_capacity: NonZeroUsize::new(lane_capacity).unwrap(),
            ..DispatchSettings::default()
        };
        let config = HostConfig {
            dispatch,
            ..HostConfig::default()
        };
        let mut bus = Bus::configured(&guests, config);
        let mut taps = bus
            .host
            .subscribe(SubscribeOptions::new("taps").with_view(View::Raw));
        bus.host
            .publish(draft("alice", "breed", "x"))
            .await
            .unwrap();
        let mut met = false;
        for _ in 0..100 {
            assert!(bus.ask("bob", "quiet", "x").await.is_admitted());
            met |= bus.host.principals() > 0;
            tokio::task::yield_now().await;
        }
        assert!(met, "the flood went on meanwhile");
        bus.ends().await;

        let mut bred = 0;
        while let Ok(Received::Item(message)) = taps.try_recv() {
            assert!(message.event.hops <= 8);
            if message.event.kind == Kind::Capsule {
                bred += 1;
                assert_eq!(message.event.principal, Principal::new("alice").ok());
            }
        }
        let counted = bus.host.counters();
        assert_eq!(counted.published, 1 + 100 + bred, "and nothing is lost");
        let refusals = bus.refusals();
        let reasons = |text| refusals.iter().filter(|r| r.2.starts_with(text)).count();
        let all = ["too many hops", "too often", "full"].map(reasons);
        assert_eq!(all.iter().sum::<usize>(), refusals.len(), "{refusals:?}");
        match rate {
            100 => assert!(bred <= 200 && all[1..] != [0, 0], "{bred} bred, {all:?}"),
            // Two of each, eight times; the last 256 are told by the first.
            _ => assert_eq!((bred, all), (510, [256, 0, 0])),
        }
    }
}

/// Rule: publishing is limited to a rate, for each principal.
#[tokio::test(start_paused = true)]
async fn one_publish_too_many_in_a_second_is_refused_to_its_principal_alone() {
    let mut bus = Bus::start(&[Guest {
        capabilities: "publish = [\"audit.>\"]",
        ..publisher("a", &[("go", "audit-go")])
    }]);
    for _ in 0..11 {
        assert!(bus.ask("alice", "go", "9").await.is_admitted());
    }
    assert!(bus.ask("alice", "go", "x").await.is_admitted(), "the 100th");
    assert_eq!(bus.answer("alice", "go", "x").await, TOO_OFTEN);
    assert_eq!(bus.answer("alice", "go", "9").await, TOO_OFTEN);
    assert!(bus.ask("bob", "go", "9").await.is_admitted());
    let refusals = bus.refusals();
    assert_eq!(refusals.len(), 1, "once in a second: {refusals:?}");
    assert_eq!(
        refusals[0].2,
        "too often: 100 in a second are granted for one principal"
    );

    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(bus.ask("alice", "go", "9").await.is_admitted());
    bus.ends().await;
}

/// A host that shuts down takes nothing more from its guests either.
#[tokio::test(start_paused = true)]
async fn a_loop_ends_with_its_host() {
    let bus = Bus::start(&[publisher("alone", &[("loop", "loop")])]);
    let mut verdicts = bus.host.observe(
        "verdicts",
        Category::Verdict.into(),
        MailboxConfig::default(),
    );
    bus.host.publish(draft("alice", "loop", "x")).await.unwrap();

    bus.host.shutdown().await;

    let Ok(Received::Item(Record::Verdict { event, verdict, .. })) = verdicts.try_recv() else {
        panic!("it came to its end");
    };
    assert_eq!((event.hops, verdict), (0, "final"), "it was refused");
    assert!(verdicts.try_recv().is_err());
    bus.ends().await;
}

/// Rule: a component imports what its manifest grants, or is refused by name;
/// to check, list and explain capsules takes no bus.
#[test]
fn capsules_are_checked_without_a_bus() {
    let run = |command: &[&str], capabilities| {
        let capsules = capsules(&[Guest {
            capabilities,
            ..publisher("a", &[("a", "b")])
        }]);
        let ran = Ran::of(capsule(command).arg(capsules.path()), b"");
        (ran.code, capsules.tidy(&ran.stdout))
    };
    let check = |capabilities| run(&["check", "--no-cache"], capabilities);
    let granted = [
        "publish = [\"b\"]",
        "trigger = [\"b\"]\npublish_per_second = 1",
    ];
    for granted in granted {
        assert_eq!(check(granted), (0, "ok      a\n".to_owned()), "{granted}");
    }
    let list = ["list", "--no-cache"];
    let explain = ["explain", "--no-cache", "--topic", "a", "--capsules"];
    for command in [&list[..], &explain[..]] {
        let (code, text) = run(command, granted[0]);
        assert_eq!(code, 0, "{text}");
        assert!(!text.contains("failed"), "{text}");
    }
    let refused = "FAILED  a\nDIR/capsules/a/Capsule.toml:5:10: capsule.module: a.wasm: the component \
                   imports `capsule:host/bus@0.1.0`, which its manifest does not grant: \
                   `[capabilities] publish = [\"TOPIC\"], or trigger = [\"TOPIC\"]`\n";
    assert_eq!(check("publish_per_second = 1"), (1, refused.to_owned()));
}
