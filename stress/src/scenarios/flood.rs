//! As many events as the machine can take, on all cores.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher, Interceptor},
    hook::{Call, Hook, HookFuture, Verdict},
    mailbox::{Overflow, Received},
    subscribe::SubscribeOptions,
    types::{Principal, Topic},
};
use tokio::task::{JoinSet, yield_now};

use crate::{
    Findings, StressError,
    fixture::{OrderCheck, Stamp, draft, interceptor, on, principals, queue},
    machine::Stopwatch,
    runtime::on_all_cores,
};

/// The topic that all capsules see, first to last.
const FORTH: &str = "flood.forth";
/// The topic that every other capsule sees, last to first.
const BACK: &str = "flood.back";
/// Every so many calls of a hook let others run before they answer.
const YIELDS: u32 = 8;

/// How large a flood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    events: u32,
    principals: u32,
    capsules: u32,
}

pub(crate) const FULL: Scale = Scale {
    events: 1_000_000,
    principals: 1_000,
    capsules: 20,
};

pub(crate) const SHORT: Scale = Scale {
    events: 20_000,
    principals: 100,
    capsules: 20,
};

/// Watches what comes to one capsule.
#[derive(Debug)]
struct Watch {
    lanes: Vec<Lane>,
    calls: AtomicU64,
    overlaps: AtomicU64,
    inversions: AtomicU64,
}

#[derive(Debug, Default)]
struct Lane {
    is_busy: AtomicBool,
    /// The number that is at least to come.
    next: AtomicU32,
}

/// Runs the scenario.
pub(crate) fn run(scale: Scale) -> Result<Findings, StressError> {
    on_all_cores(flood(scale))
}

async fn flood(scale: Scale) -> Result<Findings, StressError> {
    let dispatcher = Arc::new(Dispatcher::new(DispatchConfig::default()));
    let watches: Vec<_> = (0..scale.capsules)
        .map(|_| Arc::new(Watch::new(scale.principals)))
        .collect();
    dispatcher.install(interceptors(&watches)?);
    let mut readers = JoinSet::new();
    for overflow in [Overflow::Block, Overflow::DropOldest] {
        let options = SubscribeOptions::new(overflow.as_str())
            .with_filter(on("flood.>")?)
            .with_mailbox(queue(overflow));
        let subscription = dispatcher.subscribe(options);
        readers.spawn(read(subscription, scale));
    }

    let clock = Stopwatch::start();
    let mut publishers = JoinSet::new();
    for (index, principal) in (0..).zip(principals("p", scale.principals as usize)?) {
        publishers.spawn(publish(dispatcher.clone(), index, principal, scale));
    }
    while let Some(published) = publishers.join_next().await {
        published??;
    }
    dispatcher.drain().await;
    let per_second = clock.per_second(scale.events.into());
    let mut readings = Vec::new();
    while let Some(reading) = readers.join_next().await {
        readings.push(reading?);
    }

    let mut findings = Findings::new();
    of_the_chain(&mut findings, scale, &dispatcher, &watches);
    readings.sort_by_key(|reading| reading.lost);
    for reading in readings {
        reading.tell(&mut findings, scale);
    }
    findings.told("speed", format!("{} events a second", per_second as u64));
    Ok(findings)
}

/// Two chains that visit lanes they share in opposite orders.
fn interceptors(watches: &[Arc<Watch>]) -> Result<Vec<Interceptor>, StressError> {
    let mut all = Vec::new();
    for (index, watch) in (0..).zip(watches) {
        let name = format!("capsule-{index:02}");
        all.push(Interceptor {
            priority: index,
            ..interceptor(&name, FORTH, watch.clone())?
        });
        if index % 2 == 0 {
            all.push(Interceptor {
                priority: -index,
                ..interceptor(&name, BACK, watch.clone())?
            });
        }
    }
    Ok(all)
}

async fn publish(
    dispatcher: Arc<Dispatcher>,
    index: u32,
    principal: Principal,
    scale: Scale,
) -> Result<(), StressError> {
    let topics = [Topic::new(FORTH)?, Topic::new(BACK)?];
    for (number, topic) in (0..scale.each()).zip(topics.iter().cycle()) {
        let stamp = Stamp {
            principal: index,
            number,
            at_us: 0,
        };
        dispatcher
            .publish(draft(topic, &principal, stamp, 0))
            .await?;
    }
    Ok(())
}

/// What came out of a subscription.
#[derive(Debug)]
struct Reading {
    overflow: Overflow,
    order: OrderCheck,
    lost: u64,
}

/// Reads until every event is accounted for.
async fn read(mut subscription: capsule_core::dispatch::Subscription, scale: Scale) -> Reading {
    let mut reading = Reading {
        overflow: subscription.options().mailbox.unwrap_or_default().overflow,
        order: OrderCheck::new(scale.principals as usize),
        lost: 0,
    };
    let mut batch = Vec::new();
    while reading.order.seen + reading.lost < u64::from(scale.events)
        && subscription.recv_batch(256, &mut batch).await > 0
    {
        for received in batch.drain(..) {
            match received {
                Received::Item(message) => reading.order.add(&message.payload),
                Received::Lost { items, .. } => reading.lost += items,
            }
        }
    }
    reading
}

fn of_the_chain(
    findings: &mut Findings,
    scale: Scale,
    dispatcher: &Dispatcher,
    watches: &[Arc<Watch>],
) {
    let sum = |count: fn(&Watch) -> &AtomicU64| -> u64 {
        let counts = watches.iter().map(|watch| count(watch));
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    };
    let events = u64::from(scale.events);
    let counted = dispatcher.counters();
    findings.exact(
        format!(
            "nothing lost of {events} events, {} principals, {} capsules",
            scale.principals, scale.capsules
        ),
        format!(
            "{} published, {} admitted",
            counted.published, counted.admitted
        ),
        counted.published == events && counted.admitted == events,
    );
    let (calls, want) = (sum(|watch| &watch.calls), scale.calls());
    findings.exact(
        "every capsule asked about every event that it wants, once",
        format!("{calls} calls of {want}"),
        calls == want,
    );
    let overlaps = sum(|watch| &watch.overlaps);
    let inversions = sum(|watch| &watch.inversions);
    findings.exact(
        "no overlap and no inversion in any lane (capsule, principal)",
        format!("{overlaps} overlaps, {inversions} inversions"),
        overlaps == 0 && inversions == 0,
    );
    let (lanes, principals) = (dispatcher.lanes(), dispatcher.principals());
    findings.exact(
        "nothing left",
        format!("{lanes} lanes, {principals} principals"),
        lanes == 0 && principals == 0,
    );
}

// === impl Scale ===

impl Scale {
    /// Events of each principal.
    fn each(self) -> u32 {
        self.events / self.principals
    }

    /// Calls that all events together come to.
    fn calls(self) -> u64 {
        let (back, all) = (self.each() / 2, self.each());
        let of_one = (all - back) * self.capsules + back * self.capsules.div_ceil(2);
        u64::from(of_one) * u64::from(self.principals)
    }
}

// === impl Reading ===

impl Reading {
    fn tell(&self, findings: &mut Findings, scale: Scale) {
        let Self {
            overflow,
            order,
            lost,
        } = self;
        let adds_up = order.seen + lost == u64::from(scale.events);
        // What is lost leaves gaps, and nothing else does.
        let is_whole = order.inversions == 0 && order.gaps <= *lost;
        let nothing_lost = *overflow != Overflow::Block || *lost == 0;
        let claim = match overflow {
            Overflow::Block => "nothing lost and in order",
            _ => "in order, and each loss told",
        };
        findings.exact(
            format!("a subscription that may `{overflow}`: {claim}"),
            format!(
                "{} received, {lost} told as lost, {} inversions",
                order.seen, order.inversions
            ),
            adds_up && is_whole && nothing_lost,
        );
    }
}

// === impl Watch ===

impl Watch {
    fn new(principals: u32) -> Self {
        Self {
            lanes: (0..principals).map(|_| Lane::default()).collect(),
            calls: AtomicU64::new(0),
            overlaps: AtomicU64::new(0),
            inversions: AtomicU64::new(0),
        }
    }
}

impl Hook for Watch {
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a> {
        HookFuture::new(async move {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let stamp = Stamp::of(call.payload);
            let lane = stamp.and_then(|stamp| self.lanes.get(stamp.principal as usize));
            let (Some(stamp), Some(lane)) = (stamp, lane) else {
                self.inversions.fetch_add(1, Ordering::Relaxed);
                return Ok(Verdict::Skip);
            };
            if lane.is_busy.swap(true, Ordering::AcqRel) {
                self.overlaps.fetch_add(1, Ordering::Relaxed);
            }
            if lane.next.swap(stamp.number + 1, Ordering::Relaxed) > stamp.number {
                self.inversions.fetch_add(1, Ordering::Relaxed);
            }
            if stamp.number % YIELDS == 0 {
                yield_now().await;
            }
            lane.is_busy.store(false, Ordering::Release);
            Ok(Verdict::Continue(None))
        })
    }
}
