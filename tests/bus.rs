//! Guests that publish and trigger, against the whole host. Time is paused: it
//! passes only when nothing is left to do, so a sleep is how a test waits for
//! everything to come to its end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{fs, num::NonZeroUsize, sync::Arc, time::Duration};

use capsule_host::{
    Audit, Category, Condition, Decision, Draft, Event, Filter, Gather, Host, HostBuilder, Kind,
    MailboxConfig, Name, NoReply, Observer, Outcome, Pattern, Principal, Received, Record,
    SubscribeOptions, Subscription, Topic, Verdict, View,
    config::{DispatchSettings, HostConfig},
};
use tokio::time::Instant;

use support::{Capsules, Ran, capsule, guests, wat};

/// What the guest `bus-publish` answers where it is refused.
const NOT_GRANTED: &str = "1";
const TOO_OFTEN: &str = "3";

/// Leave to publish and trigger everything, as often as a manifest may say.
const EVERYTHING: &str = "publish = [\">\"]\ntrigger = [\">\"]\npublish_per_second = 100000";

/// A capsule around a WAT guest: its interceptors by event and action, and its
/// `[capabilities]`.
struct Guest<'a> {
    name: &'a str,
    guest: &'a str,
    interceptors: &'a [(&'a str, &'a str)],
    capabilities: &'a str,
}

/// A host that runs, with everything that is audited.
struct Bus {
    _capsules: Capsules,
    host: Host,
    audit: Observer,
}

impl Guest<'_> {
    fn manifest(&self) -> String {
        let Self {
            name, capabilities, ..
        } = self;
        let interceptors: String = self
            .interceptors
            .iter()
            .map(|(event, action)| {
                format!("[[interceptor]]\nevent = \"{event}\"\naction = \"{action}\"\n")
            })
            .collect();
        format!(
            "manifest_version = 1\n[capsule]\nname = \"{name}\"\nversion = \"0.1.0\"\n\
             module = \"{name}.wasm\"\n{interceptors}[capabilities]\n{capabilities}\n"
        )
    }
}

fn capsules(guests: &[Guest<'_>]) -> Capsules {
    guests.iter().fold(Capsules::new(), |capsules, guest| {
        let name = guest.name;
        capsules
            .with_file(&format!("{name}/Capsule.toml"), guest.manifest())
            .with_file(&format!("{name}/{name}.wasm"), wat::wasm(guest.guest))
    })
}

impl Bus {
    fn start(guests: &[Guest<'_>]) -> Self {
        Self::configured(guests, HostConfig::default())
    }

    fn configured(guests: &[Guest<'_>], config: HostConfig) -> Self {
        Self::of(capsules(guests), config)
    }

    fn of(capsules: Capsules, config: HostConfig) -> Self {
        let builder = HostBuilder::new(config).capsules(capsules.path());
        let host = builder.no_cache().start().unwrap();
        let large = MailboxConfig {
            max_bytes: NonZeroUsize::MAX,
            max_items: NonZeroUsize::MAX,
            ..MailboxConfig::default()
        };
        let audit = host.observe("audit", Category::Audit.into(), large);
        Self {
            _capsules: capsules,
            host,
            audit,
        }
    }

    async fn ask(&self, principal: &str, topic: &str, payload: &str) -> Outcome {
        self.host
            .request(draft(principal, topic, payload))
            .await
            .unwrap()
    }

    /// As [`ask`](Self::ask), where the chain must end with an answer.
    async fn answer(&self, principal: &str, topic: &str, payload: &str) -> String {
        answer(&self.ask(principal, topic, payload).await)
    }

    /// What is published on `pattern`, as its chain leaves it.
    fn subscribe(&self, pattern: &str) -> Subscription {
        let pattern = Condition::Pattern(Pattern::new(pattern).unwrap());
        let filter = Filter::everything().any([pattern]);
        let options = SubscribeOptions::new("test").with_filter(filter);
        self.host.subscribe(options)
    }

    /// Waits for everything to come to its end, which must leave nothing.
    async fn ends(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(self.host.in_flight(), Default::default());
        assert_eq!((self.host.lanes(), self.host.principals()), (0, 0));
        let counted = self.host.counters();
        assert_eq!(
            counted.published,
            counted.admitted + counted.answered + counted.denied + counted.cancelled,
            "each event came to an end: {counted:?}"
        );
    }

    /// The refusals since the last time: capsule, topic, reason and the hops
    /// of the event that it was asked about.
    fn refusals(&mut self) -> Vec<(String, String, String, u32)> {
        let mut refusals = Vec::new();
        while let Ok(received) = self.audit.try_recv() {
            let Received::Item(Record::Audit(audit)) = received else {
                panic!("not for an audit: {received:?}");
            };
            if let Audit::Refused {
                capsule,
                event,
                topic,
                reason,
            } = audit
            {
                refusals.push((capsule.to_string(), topic, reason, event.hops));
            }
        }
        refusals
    }
}

fn draft(principal: &str, topic: &str, payload: &str) -> Draft {
    Draft::new(Topic::new(topic).unwrap())
        .with_principal(Principal::new(principal).unwrap())
        .with_payload(payload.to_owned())
}

fn answer(outcome: &Outcome) -> String {
    match &outcome.decision {
        Decision::Final { response, .. } => String::from_utf8(response.to_vec()).unwrap(),
        other => panic!("no answer: {other:?}"),
    }
}

/// The next event, which is there already.
fn next(subscription: &mut Subscription) -> Arc<Event> {
    match subscription.try_recv().unwrap() {
        Received::Item(message) => message.event.clone(),
        lost => panic!("{lost:?}"),
    }
}

/// Publishes `topic`, with its `.` written as `-`, on every `event`.
fn publisher<'a>(name: &'a str, interceptors: &'a [(&'a str, &'a str)]) -> Guest<'a> {
    Guest {
        name,
        guest: "bus-publish",
        interceptors,
        capabilities: EVERYTHING,
    }
}

fn asker<'a>(name: &'a str, interceptors: &'a [(&'a str, &'a str)]) -> Guest<'a> {
    Guest {
        guest: "bus-trigger",
        ..publisher(name, interceptors)
    }
}

fn plain<'a>(name: &'a str, guest: &'a str, interceptors: &'a [(&'a str, &'a str)]) -> Guest<'a> {
    Guest {
        name,
        guest,
        interceptors,
        capabilities: "",
    }
}

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
        deadline: Duration::ZERO,
        quorum: None,
    };
    let gathered = bus.host.trigger(draft("alice", "slow", "x"), none).await;
    assert_eq!(gathered.unwrap().replies[0].answer, Err(NoReply::Late));
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
/// to check and to list capsules takes no host.
#[test]
fn capsules_are_checked_without_a_bus() {
    let name = "a";
    let check = |capabilities| {
        let capsules = capsules(&[Guest {
            capabilities,
            ..publisher(name, &[("a", "b")])
        }]);
        let mut command = capsule(&["check", "--no-cache"]);
        let ran = Ran::of(command.arg(capsules.path()), b"");
        (ran.code, capsules.tidy(&ran.stdout))
    };
    for granted in [
        "publish = [\"b\"]",
        "trigger = [\"b\"]\npublish_per_second = 1",
    ] {
        assert_eq!(check(granted), (0, "ok      a\n".to_owned()), "{granted}");
    }
    assert_eq!(
        check("publish_per_second = 1"),
        (
            1,
            "FAILED  a\nDIR/capsules/a/Capsule.toml: capsule.module: a.wasm: the component imports \
             `capsule:host/bus@0.1.0`, which its manifest does not grant: `[capabilities] \
             publish = [\"TOPIC\"], or trigger = [\"TOPIC\"]`\n"
                .to_owned()
        )
    );
}
