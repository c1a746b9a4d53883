//! Random events of random tenants through random chains, and what must hold
//! of them all the same.

use std::collections::{HashMap, HashSet};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use tokio::{runtime::Builder, sync::oneshot, task::yield_now, time::timeout};

use super::*;
use crate::{subscribe::Message, types::EventId};

const TENANTS: [Option<&str>; 3] = [None, Some("alice"), Some("bob")];
const TOPICS: [&str; 4] = ["plain", "t.a", "t.b", "u.a"];
const CAPSULES: [&str; 3] = ["a", "b", "c"];

/// An event, and what each capsule makes of it.
#[derive(Clone, Debug)]
struct Planned {
    tenant: usize,
    topic: usize,
    script: [Reaction; CAPSULES.len()],
    /// Whether its publisher waits for room.
    waits: bool,
    /// When its publisher gives up, after so many units of time.
    cancelled_after: Option<u64>,
    /// How long after the one before it is published.
    gap: u64,
    /// Whether the interceptors are replaced first.
    reloads: bool,
}

#[derive(Clone, Debug)]
struct Reaction {
    after: u64,
    with: With,
}

#[derive(Clone, Copy, Debug)]
enum With {
    Keep,
    Change,
    Skip,
    Final,
    Deny,
    Fail,
    Panic,
    Hang,
}

/// What a unit of time is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Clock {
    /// A millisecond of the paused clock.
    Paused,
    /// A chance for other threads.
    Threads,
}

/// What the hooks see of one another.
#[derive(Debug, Default)]
struct Watch {
    /// The (capsule, principal) whose call is under way.
    inside: HashSet<(usize, Option<Principal>)>,
    /// The last event that each of them was asked about.
    last: HashMap<(usize, Option<Principal>), u64>,
    broken: Vec<String>,
}

#[derive(Debug)]
struct Scripted {
    capsule: usize,
    ordered: bool,
    clock: Clock,
    plan: Arc<Vec<Planned>>,
    watch: Arc<Mutex<Watch>>,
}

struct Leaves<'a>(&'a Scripted, (usize, Option<Principal>));

/// What became of the events, as their publishers were told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    admitted: u64,
    answered: u64,
    denied: u64,
    refused: u64,
    given_up: u64,
}

// === impl Scripted ===

impl Scripted {
    fn enter(&self, event: &crate::types::Event) -> Option<Leaves<'_>> {
        if !self.ordered {
            return None;
        }
        let lane = (self.capsule, event.principal.clone());
        let mut watch = self.watch.lock();
        if !watch.inside.insert(lane.clone()) {
            watch.broken.push(format!("two at once in {lane:?}"));
        }
        let before = watch.last.insert(lane.clone(), event.seq);
        if before > Some(event.seq) {
            watch
                .broken
                .push(format!("{before:?} before {} in {lane:?}", event.seq));
        }
        Some(Leaves(self, lane))
    }
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.watch.lock().inside.remove(&self.1);
    }
}

impl Hook for Scripted {
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a> {
        HookFuture::new(async move {
            let _inside = self.enter(call.event);
            let EventId::Given(id) = &call.event.id else {
                panic!("every event has a number")
            };
            let number: usize = id.as_str().parse().unwrap();
            let Reaction { after, with } = self.plan[number].script[self.capsule].clone();
            self.clock.wait(after).await;
            match with {
                With::Keep => Ok(Verdict::Continue(None)),
                With::Change => Ok(Verdict::Continue(Some(Bytes::from_static(b"changed")))),
                With::Skip => Ok(Verdict::Skip),
                With::Final => Ok(Verdict::Final(Bytes::new())),
                With::Deny => Ok(Verdict::Deny("no".into())),
                With::Fail => Err(HookError::new(ErrorKind::Guest, "broken")),
                With::Panic => panic!("by request"),
                With::Hang => pending().await,
            }
        })
    }
}

// === impl Clock ===

impl Clock {
    async fn wait(self, units: u64) {
        match self {
            Self::Paused => sleep(units).await,
            Self::Threads => {
                for _ in 0..units {
                    yield_now().await;
                }
            }
        }
    }
}

fn planned(clock: Clock) -> impl Strategy<Value = Planned> {
    let hangs = if clock == Clock::Paused { 1 } else { 0 };
    let with = prop_oneof![
        8 => Just(With::Keep),
        2 => Just(With::Change),
        1 => Just(With::Skip),
        1 => Just(With::Final),
        1 => Just(With::Deny),
        1 => Just(With::Fail),
        1 => Just(With::Panic),
        hangs => Just(With::Hang),
    ];
    let reaction = (0..12_u64, with).prop_map(|(after, with)| Reaction { after, with });
    let cancelled = prop_oneof![3 => Just(None), 1 => (0..40_u64).prop_map(Some)];
    (
        0..TENANTS.len(),
        0..TOPICS.len(),
        [reaction.clone(), reaction.clone(), reaction],
        any::<bool>(),
        cancelled,
        0..4_u64,
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(tenant, topic, script, waits, cancelled_after, gap, reloads)| Planned {
                tenant,
                topic,
                script,
                waits,
                cancelled_after,
                gap,
                reloads,
            },
        )
}

/// The interceptors of the generation number `n`: of the same capsules, in
/// other orders.
fn generation(
    n: usize,
    hooks: &[Arc<Scripted>; 3],
    quarantine: &Arc<Quarantine>,
) -> Vec<Interceptor> {
    let of = |capsule: usize, event: &str, priority| Interceptor {
        priority,
        timeout: Duration::from_millis(30),
        hook: hooks[capsule].clone(),
        ..on_topic(CAPSULES[capsule], event, keep())
    };
    let guard = Interceptor {
        on_error: OnError::Deny,
        order: Order::None,
        ..of(2, "t.b", 5)
    };
    let troubled = Interceptor {
        quarantine: Some(quarantine.clone()),
        ..of(1, "t.*", 1 + n as i32 % 3)
    };
    match n % 2 {
        0 => vec![of(0, "t.>", 2), troubled, of(1, "t.b", 7), guard],
        _ => vec![troubled, of(0, "*.a", 1), of(0, ">", 9), guard],
    }
}

/// The events there are, and how many are lost.
fn drained(subscription: &mut Subscription) -> (Vec<Arc<Message>>, u64) {
    let mut lost = 0;
    let mut items = Vec::new();
    while let Ok(received) = subscription.try_recv() {
        match received {
            Received::Item(message) => items.push(message),
            Received::Lost { items, .. } => lost += items,
        }
    }
    (items, lost)
}

fn assert_in_order(of: &str, messages: &[Arc<Message>]) {
    let mut last: HashMap<Option<Principal>, u64> = HashMap::new();
    for message in messages {
        let event = &message.event;
        let before = last.insert(event.principal.clone(), event.seq);
        assert!(
            before < Some(event.seq),
            "{of}: {before:?} before {event:?}"
        );
    }
}

/// Publishes all of `plan`, and checks all that must hold of it.
async fn check(plan: Vec<Planned>, clock: Clock) {
    let plan = Arc::new(plan);
    let watch = Arc::new(Mutex::new(Watch::default()));
    let hooks = [0, 1, 2].map(|capsule| {
        Arc::new(Scripted {
            capsule,
            ordered: capsule != 2,
            clock,
            plan: plan.clone(),
            watch: watch.clone(),
        })
    });
    let quarantine = Arc::new(Quarantine::new(QuarantineConfig {
        failures: 3,
        first: Duration::from_millis(20),
        longest: Duration::from_millis(40),
        ..QuarantineConfig::default()
    }));
    let config = DispatchConfig {
        chain_deadline: Duration::from_millis(60),
        lanes: LaneConfig {
            in_flight: RoomUse {
                events: 10,
                bytes: 100_000,
            },
            ..narrow(4).lanes
        },
        ..DispatchConfig::default()
    };
    let dispatcher = Arc::new(with_config(config, generation(0, &hooks, &quarantine)));
    let all = SubscribeOptions::new("all").with_filter(wanting(&TOPICS));
    let mut everything = dispatcher.subscribe(all.clone());
    let mut tap = dispatcher.subscribe(all.clone().with_view(View::Raw));
    let scope = Scope::Principal(TENANTS[1].map(principal));
    let mut scoped = dispatcher.subscribe(all.clone().with_scope(scope));
    let mut waited_for = dispatcher.subscribe(all.with_mailbox(queue(Overflow::Block, 3)));
    let (ended, mut end) = oneshot::channel::<()>();
    let mut consumer = JoinSet::new();
    consumer.spawn(async move {
        let (mut messages, mut lost) = (Vec::new(), 0);
        loop {
            let received = tokio::select! {
                biased;
                received = waited_for.recv() => received,
                _ = &mut end => break,
            };
            match received {
                Some(Received::Item(message)) => messages.push(message),
                Some(Received::Lost { items, .. }) => lost += items,
                None => panic!("the host does not end it"),
            }
            clock.wait(2).await;
        }
        (messages, lost, waited_for.stats())
    });

    let mut publishers = JoinSet::new();
    let mut generations = 0;
    for (number, planned) in plan.iter().enumerate() {
        clock.wait(planned.gap).await;
        if planned.reloads {
            generations += 1;
            dispatcher.install(generation(generations, &hooks, &quarantine));
        }
        let draft = on(TOPICS[planned.topic])
            .with_principal(TENANTS[planned.tenant].map(principal))
            .with_id(name(&number.to_string()));
        let (dispatcher, planned) = (dispatcher.clone(), planned.clone());
        publishers.spawn(async move {
            let event = async {
                let running = match planned.waits {
                    true => dispatcher.submit(draft).await?,
                    false => dispatcher.try_submit(draft)?,
                };
                Ok::<_, PublishError>(running.run().await)
            };
            let patience = planned.cancelled_after.map_or(100_000, |units| units);
            match timeout(Duration::from_millis(patience), event).await {
                Err(_) => Told {
                    given_up: 1,
                    ..Told::default()
                },
                Ok(Err(PublishError::Full { .. })) => Told {
                    refused: 1,
                    ..Told::default()
                },
                Ok(Err(error)) => panic!("{error}"),
                Ok(Ok(outcome)) => match outcome.decision {
                    Decision::Continue { .. } => Told {
                        admitted: 1,
                        ..Told::default()
                    },
                    Decision::Final { .. } => Told {
                        answered: 1,
                        ..Told::default()
                    },
                    Decision::Deny { .. } => Told {
                        denied: 1,
                        ..Told::default()
                    },
                },
            }
        });
    }
    let mut told = Told::default();
    for one in publishers.join_all().await {
        told.admitted += one.admitted;
        told.answered += one.answered;
        told.denied += one.denied;
        told.refused += one.refused;
        told.given_up += one.given_up;
    }
    dispatcher.drain().await;
    drop(ended);

    assert_eq!(watch.lock().broken, [""; 0]);
    assert_empty(&dispatcher);
    let counted = dispatcher.counters();
    assert_eq!(counted.refused, told.refused);
    assert_eq!(
        (counted.answered, counted.denied),
        (told.answered, told.denied)
    );
    // One whose publisher gives up is not taken in, cancelled, or admitted and
    // not delivered to everybody.
    assert!(counted.admitted - told.admitted + counted.cancelled <= told.given_up);
    assert_eq!(counted.lost, {
        let (messages, lost, stats) = consumer.join_all().await.remove(0);
        assert_in_order("waited for", &messages);
        assert_eq!(messages.len() as u64 + lost, counted.admitted);
        assert!(
            adds_up(&stats) && stats.pushed.items == counted.admitted,
            "{stats:?}"
        );
        assert_eq!((stats.reserved, stats.waiting), (Tally::default(), 0));
        lost
    });
    let (tapped, lost) = drained(&mut tap);
    assert_in_order("tap", &tapped);
    assert_eq!((tapped.len() as u64, lost), (counted.published, 0));
    let (messages, lost) = drained(&mut everything);
    assert_in_order("all", &messages);
    assert_eq!((messages.len() as u64, lost), (counted.admitted, 0));
    let (of_one, _) = drained(&mut scoped);
    let want = messages
        .iter()
        .filter(|message| message.event.principal.as_ref().map(Principal::as_str) == TENANTS[1]);
    assert!(
        of_one
            .iter()
            .map(|m| m.event.seq)
            .eq(want.map(|m| m.event.seq))
    );
}

proptest! {
    #![proptest_config(Config::with_cases(96))]

    /// Rule: deliveries to one (capsule, principal) never overlap and happen in
    /// publish order, also across reloads; admitted events of one principal
    /// reach every subscription in publish order; of every event it is known
    /// what became of it; and when all is over nothing is left.
    #[test]
    fn whatever_happens_order_is_kept_and_nothing_is_left(
        plan in prop::collection::vec(planned(Clock::Paused), 1..60)
    ) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(check(plan, Clock::Paused));
    }
}

/// Rule: the same, on many threads at once.
#[test]
fn threads_keep_the_order_and_leave_nothing() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build();
    let mut runner = TestRunner::deterministic();
    let plan = prop::collection::vec(planned(Clock::Threads), 2000);
    let plan = plan.new_tree(&mut runner).unwrap().current();
    runtime.unwrap().block_on(check(plan, Clock::Threads));
}
