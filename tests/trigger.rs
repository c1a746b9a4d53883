//! Guests that trigger, against the whole host. Where time is paused, it passes
//! only when nothing is left to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{fs, time::Duration};

use capsule_host::{Gather, Kind, NoReply, Principal, Received, Verdict, config::HostConfig};
use tokio::{task::JoinSet, time::Instant};

use support::{
    bus::{Bus, Guest, answer, asker, capsules, draft, plain, publisher},
    guests,
};

/// Rule: a trigger asks all matching interceptors at once, on behalf of its
/// caller, and says who did not answer, and why.
#[tokio::test(start_paused = true)]
async fn a_trigger_gathers_what_each_has_to_say() {
    let mut bus = Bus::start(&[
        Guest {
            capabilities: "trigger = [\"review.>\"]",
            ..asker("asker", &[("ask", "review-it")])
        },
        plain("echo", "echo", &[("review.*", "act")]),
        plain("traps", "trap", &[("review.>", "act")]),
        plain("whose", "context", &[("review.it", "act")]),
        plain("other", "echo", &[("other.>", "act")]),
    ]);
    let mut admitted = bus.subscribe("review.>");
    for principal in ["alice", "bob"] {
        let replies = bus.answer(principal, "ask", "principal").await;
        let lines: Vec<_> = replies.lines().collect();
        assert_eq!(lines[0], "echo=continueprincipal");
        assert!(
            lines[1].starts_with("traps!trap: wasm `unreachable` instruction executed"),
            "{replies}"
        );
        assert_eq!(lines[2..], [format!("whose=final{principal}")]);
    }
    bus.ends().await;
    assert!(
        admitted.try_recv().is_err(),
        "nobody who subscribes sees it"
    );
    assert!(bus.refusals().is_empty());
    let counted = bus.host.counters();
    assert_eq!((counted.published, counted.triggered), (2, 2));

    let silent = bus.answer("alice", "ask", "q1").await;
    assert_eq!(silent.lines().count(), 3, "one for each: {silent}");

    // The application asks in the same way.
    let ask = draft("alice", "review.it", "principal");
    let gathered = bus.host.trigger(ask, Gather::default()).await.unwrap();
    assert_eq!(gathered.event.kind, Kind::Application);
    let words: Vec<_> = gathered
        .replies
        .iter()
        .map(|reply| match &reply.answer {
            Ok(Verdict::Final(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            Ok(_) => "else".to_owned(),
            Err(no_reply) => no_reply.as_str().to_owned(),
        })
        .collect();
    assert_eq!(words, ["else", "trap", "alice"]);
}

/// What a capsule that is written with the SDK sees of all that. Time is not
/// paused: it would not pass beside a guest that never ends.
#[tokio::test]
async fn a_capsule_of_the_sdk_asks_and_publishes() {
    let reviewers = ["deny", "echo", "fail", "loop", "pass", "skip", "trap"];
    let reviewers = reviewers.map(|guest| plain(guest, guest, &[("review.it", "vote")]));
    let built = |file| fs::read(guests().join("asks").join(file)).unwrap();
    let capsules = capsules(&reviewers)
        .with_file("asks/Capsule.toml", built("Capsule.toml"))
        .with_file("asks/asks.wasm", built("asks.wasm"));
    let bus = Bus::of(capsules, HostConfig::default());
    let mut audited = bus.subscribe("audit.>");

    let replies = bus.answer("alice", "ask", "ok").await;
    let want = [
        "deny vote: Deny(\"because\")",
        "echo vote: Continue(Some([111, 107]))",
        "fail vote: Guest",
        "loop vote: Late",
        "pass vote: Continue(None)",
        "skip vote: Skip",
        "trap vote: Trap",
    ];
    assert_eq!(replies.lines().collect::<Vec<_>>(), want);
    let Some(Received::Item(message)) = audited.recv().await else {
        panic!("it publishes");
    };
    let event = &message.event;
    assert_eq!(
        (event.topic.as_str(), &*event.payload),
        ("audit.asked", &b"7"[..])
    );
    assert_eq!(event.principal, Principal::new("alice").ok());

    let refusals = bus.answer("alice", "overstep", "").await;
    let not_granted = "not granted: [capabilities] does not list the topic";
    let want = [
        not_granted,
        "bad topic: segment `no topic` has ' '; allowed are A-Z a-z 0-9 _ -",
        not_granted,
    ];
    assert_eq!(refusals.lines().collect::<Vec<_>>(), want);
}

/// Rule: a trigger never waits in a lane that its own chain of calls holds:
/// that is answered at once.
#[tokio::test(start_paused = true)]
async fn a_trigger_that_would_wait_for_its_own_lane_is_answered_at_once() {
    let bus = Bus::start(&[
        asker("self", &[("ask", "ask")]),
        asker("first", &[("chain", "later")]),
        plain("later", "echo", &[("later", "act"), ("chain", "act")]),
        asker("ping", &[("ping", "pong")]),
        asker("pong", &[("pong", "ping")]),
    ]);
    let why = "would-block: the event that triggers holds its lane";
    let started = Instant::now();
    let cases = [
        ("ask", format!("self!{why}\n")),
        // It stands in the lane of the stage behind it already.
        ("chain", format!("later!{why}\n")),
        ("ping", format!("pong=finalping!{why}\n\n")),
    ];
    for (topic, want) in cases {
        assert_eq!(bus.answer("alice", topic, "x").await, want, "{topic}");
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    bus.ends().await;
}

/// Rule: a cycle between two events ends at the deadline.
#[tokio::test(start_paused = true)]
async fn two_events_that_trigger_each_other_end_at_the_deadline() {
    let bus = Bus::start(&[
        asker("ping", &[("ping", "pong")]),
        asker("pong", &[("pong", "ping")]),
    ]);
    // Its own, or all that the hook has.
    for (payload, ms) in [("d50", 50), ("x", 1000)] {
        let started = Instant::now();
        let both = ["ping", "pong"].map(|topic| {
            let event = bus.host.try_submit(draft("alice", topic, payload)).unwrap();
            event.run()
        });
        let [ping, pong] = both;
        let (ping, pong) = tokio::join!(ping, pong);
        assert_eq!(started.elapsed(), Duration::from_millis(ms), "{payload}");
        // Whoever gives up first lets the other one go on.
        let ends = [ping, pong].map(|outcome| answer(&outcome));
        let late = "!late: the trigger's deadline passed\n";
        assert!(
            ends.iter().any(|end| end.ends_with(late)),
            "{payload}: {ends:?}"
        );
        bus.ends().await;
        assert!(bus.ask("bob", "other", "x").await.is_admitted());
    }
    // Whoever was cut off is as good as new.
    let replies = bus.answer("alice", "ping", "x").await;
    assert!(replies.starts_with("pong=final"), "{replies}");
}

/// Rule: triggers count hops, too; each of them runs on a stack of its own.
#[tokio::test(start_paused = true)]
async fn a_chain_of_triggers_ends_at_the_limit() {
    let names: Vec<_> = (0..=10).map(|n| format!("t{n}")).collect();
    let links: Vec<_> = names
        .windows(2)
        .map(|pair| [(&*pair[0], &*pair[1])])
        .collect();
    let guests: Vec<_> = links.iter().map(|link| asker(link[0].0, link)).collect();
    let mut bus = Bus::start(&guests);

    let replies = bus.answer("alice", "t0", "x").await;

    let nested: String = (1..=8).map(|n| format!("t{n}=final")).collect();
    assert_eq!(replies, format!("{nested}?2{}", "\n".repeat(8)));
    let refusals = bus.refusals();
    assert_eq!((refusals.len(), refusals[0].3), (1, 8), "{refusals:?}");
    bus.ends().await;
}

/// Rule: whatever happens to events that trigger and publish, on whatever
/// threads, nothing of them stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_triggers_and_floods_leave_nothing() {
    let bus = Bus::start(&[
        asker("ping", &[("ping", "pong"), ("busy", "slow")]),
        asker("pong", &[("pong", "ping")]),
        plain("slow", "loop", &[("slow", "act")]),
        publisher("one", &[("breed", "breed")]),
        publisher("two", &[("breed", "ping")]),
    ]);
    let mut requests = JoinSet::new();
    for n in 0..200 {
        let principal = format!("p{}", n % 7);
        let topic = ["ping", "pong", "breed", "busy"][n % 4];
        let (host, draft) = (bus.host.clone(), draft(&principal, topic, "d05"));
        requests.spawn(async move {
            let request = host.request(draft);
            match n % 5 {
                // Some do not wait for the end.
                0 => drop(tokio::time::timeout(Duration::from_millis(3), request).await),
                _ => drop(request.await.unwrap()),
            }
        });
    }
    requests.join_all().await;
    bus.host.shutdown().await;

    assert_eq!(bus.host.in_flight(), Default::default());
    assert_eq!((bus.host.lanes(), bus.host.principals()), (0, 0));
    let counted = bus.host.counters();
    assert!(counted.triggered > 100, "{counted:?}");
    assert_eq!(
        counted.published,
        counted.admitted + counted.answered + counted.denied + counted.cancelled
    );
}

/// A trigger whose publisher goes away leaves nothing.
#[tokio::test(start_paused = true)]
async fn a_trigger_that_is_cancelled_leaves_nothing() {
    let bus = Bus::start(&[
        asker("asker", &[("ask", "slow")]),
        plain("slow", "loop", &[("slow", "act")]),
    ]);
    let request = bus.host.request(draft("alice", "ask", "x"));
    let gone = tokio::time::timeout(Duration::ZERO, request).await;
    assert!(gone.is_err(), "{gone:?}");
    bus.ends().await;
    assert_eq!(bus.host.counters().cancelled, 1);

    let none = Gather {
        deadline: Some(Duration::ZERO),
        quorum: None,
    };
    let gathered = bus.host.trigger(draft("alice", "slow", "x"), none).await;
    assert_eq!(gathered.unwrap().replies[0].answer, Err(NoReply::Late));
    bus.ends().await;
}
