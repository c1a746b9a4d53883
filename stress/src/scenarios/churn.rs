//! Subscriptions that come and go while events flow.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher, Subscription},
    mailbox::{MailboxConfig, Overflow, Received},
    subscribe::{Scope, SubscribeOptions, View},
    types::{Principal, Topic},
};
use tokio::{
    select,
    sync::oneshot,
    task::{JoinSet, yield_now},
    time::sleep,
};

use crate::{
    Findings, StressError,
    fixture::{Dice, OrderCheck, Service, Stamp, draft, interceptor, on, principals, queue},
    machine::Stopwatch,
    runtime::on_all_cores,
};

/// Topics that events flow on.
const TOPICS: usize = 16;
/// Principals that publish.
const PRINCIPALS: usize = 16;
/// Subscriptions that one churner has at a time.
const HELD: usize = 100;
/// Churners.
const CHURNERS: usize = 4;
/// Kinds of subscriptions.
const KINDS: usize = 5;

/// How much comes and goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Subscriptions in all.
    subscriptions: usize,
    /// How many there are while the cost of one more is measured.
    populations: [usize; 3],
    /// Times that it is measured.
    samples: u32,
}

pub(crate) const FULL: Scale = Scale {
    subscriptions: 100_000,
    populations: [10, 1_000, 100_000],
    samples: 10_000,
};

pub(crate) const SHORT: Scale = Scale {
    subscriptions: 2_000,
    populations: [10, 100, 1_000],
    samples: 100,
};

/// How often it is reported that one lags.
const LAG_REPORTS: Duration = Duration::from_millis(10);

/// What the scenario's tasks share.
#[derive(Debug)]
struct Bus {
    dispatcher: Dispatcher,
    topics: Vec<Topic>,
    principals: Vec<Principal>,
    /// No subscription comes any more.
    is_over: AtomicBool,
}

/// Subscriptions that have gone.
#[derive(Debug, Default)]
struct Churned {
    /// Each is shared by whatever is left of its subscription.
    names: Vec<Arc<str>>,
    /// Events that they were handed.
    pushed: u64,
    /// Subscriptions whose figures do not add up.
    wrong: u64,
}

/// The pattern of the subscription number so and so.
type PatternOf = fn(usize) -> String;

/// Runs the scenario.
pub(crate) fn run(scale: Scale) -> Result<Findings, StressError> {
    let mut findings = on_all_cores(churn(scale))?;
    cost(&mut findings, scale)?;
    Ok(findings)
}

async fn churn(scale: Scale) -> Result<Findings, StressError> {
    let bus = Arc::new(Bus::new()?);
    let lasting = SubscribeOptions::new("lasting")
        .with_filter(on("churn.>")?)
        .with_mailbox(queue(Overflow::Block));
    let lasting = bus.dispatcher.subscribe(lasting);
    let (end, ended) = oneshot::channel();
    let mut reading = JoinSet::new();
    reading.spawn(read(lasting, ended));
    let mut publishing = JoinSet::new();
    for index in 0..PRINCIPALS {
        publishing.spawn(bus.clone().publish(index));
    }
    let mut churning = JoinSet::new();
    for _ in 0..CHURNERS {
        let share = scale.subscriptions / CHURNERS;
        churning.spawn(bus.clone().come_and_go(share));
    }
    let mut churned = Churned::default();
    while let Some(part) = churning.join_next().await {
        churned.add(part??);
    }
    bus.is_over.store(true, Ordering::Relaxed);
    let mut published = 0;
    while let Some(numbers) = publishing.join_next().await {
        published += u64::from(numbers??);
    }
    bus.dispatcher.drain().await;
    // The reader that has gone is an end as well.
    let _ = end.send(());
    let mut order = OrderCheck::new(PRINCIPALS);
    while let Some(read) = reading.join_next().await {
        order = read?;
    }

    let mut findings = Findings::new();
    findings.exact(
        "a subscription that stays loses nothing and keeps the order",
        format!(
            "{} of {published} events, {} inversions",
            order.seen, order.inversions
        ),
        order.seen == published && order.inversions == 0 && order.gaps == 0,
    );
    while bus.dispatcher.lagging() > 0 {
        sleep(LAG_REPORTS).await;
    }
    churned.tell(&mut findings, &bus.dispatcher);
    Ok(findings)
}

/// Reads until the end, and then what is queued.
async fn read(mut subscription: Subscription, mut end: oneshot::Receiver<()>) -> OrderCheck {
    let mut order = OrderCheck::new(PRINCIPALS);
    loop {
        select! {
            biased;
            Some(received) = subscription.recv() => {
                if let Received::Item(message) = received {
                    order.add(&message.payload);
                }
            }
            _ = &mut end => return order,
        }
    }
}

/// What a subscription costs, on the machine's clock, beside more and more of
/// them.
fn cost(findings: &mut Findings, scale: Scale) -> Result<(), StressError> {
    let patterns: [(&str, PatternOf); 2] = [
        ("each to a topic of its own", |index| {
            format!("churn.own.t{index}")
        }),
        ("all to the same", |_| "churn.same".to_owned()),
    ];
    for (what, pattern) in patterns {
        let dispatcher = Dispatcher::new(DispatchConfig::default());
        let subscribe = |index| -> Result<Subscription, StressError> {
            let options = SubscribeOptions::new("many").with_filter(on(&pattern(index))?);
            Ok(dispatcher.subscribe(options))
        };
        let mut population = Vec::new();
        let mut costs = Vec::new();
        for size in scale.populations {
            for index in population.len()..size {
                population.push(subscribe(index)?);
            }
            let clock = Stopwatch::start();
            for index in 0..scale.samples {
                drop(subscribe(size + index as usize)?);
            }
            let each = clock.elapsed() / scale.samples;
            costs.push(format!("{} ns beside {size}", each.as_nanos()));
        }
        findings.told(
            format!("to subscribe and unsubscribe, {what}"),
            costs.join(", "),
        );
    }
    Ok(())
}

// === impl Bus ===

impl Bus {
    fn new() -> Result<Self, StressError> {
        let topic = |index| Ok(Topic::new(&format!("churn.t{index}"))?);
        let dispatcher = Dispatcher::new(DispatchConfig {
            // What is reported of one that has gone is over soon, too.
            lag_report_interval: LAG_REPORTS,
            ..DispatchConfig::default()
        });
        let service = Arc::new(Service(Duration::ZERO));
        dispatcher.install(vec![interceptor("capsule", "churn.>", service)?]);
        Ok(Self {
            dispatcher,
            topics: (0..TOPICS).map(topic).collect::<Result<_, StressError>>()?,
            principals: principals("p", PRINCIPALS)?,
            is_over: AtomicBool::new(false),
        })
    }

    /// Publishes for one principal until no subscription comes any more, and
    /// then once more on each topic: whatever was remembered of subscriptions
    /// is looked up anew. How many in all.
    async fn publish(self: Arc<Self>, index: usize) -> Result<u32, StressError> {
        let Some(principal) = self.principals.get(index) else {
            return Ok(0);
        };
        let mut stamp = Stamp {
            principal: index as u32,
            number: 0,
            at_us: 0,
        };
        loop {
            let is_last = self.is_over.load(Ordering::Relaxed);
            for topic in &self.topics {
                let event = draft(topic, principal, stamp, 64);
                let _admitted = self.dispatcher.request(event).await?;
                // Where nothing has to be waited for, a request never yields.
                yield_now().await;
                stamp.number += 1;
            }
            if is_last {
                return Ok(stamp.number);
            }
        }
    }

    /// Subscribes so many times, a hundred at a time; nobody reads.
    async fn come_and_go(self: Arc<Self>, count: usize) -> Result<Churned, StressError> {
        let mut churned = Churned::default();
        let mut dice = Dice::new(count as u64);
        let mut held = VecDeque::with_capacity(HELD);
        for number in 0..count {
            if held.len() == HELD
                && let Some(oldest) = held.pop_front()
            {
                churned.end(oldest);
            }
            let options = self.options(number, dice.pick(KINDS))?;
            churned.names.push(options.name.clone());
            held.push_back(self.dispatcher.subscribe(options));
            if number % 8 == 0 {
                yield_now().await;
            }
        }
        held.into_iter().for_each(|last| churned.end(last));
        Ok(churned)
    }

    fn options(&self, number: usize, kind: usize) -> Result<SubscribeOptions, StressError> {
        let options = SubscribeOptions::new(&format!("passing-{number}"));
        let scope = || Scope::Principal(self.principals.get(number % PRINCIPALS).cloned());
        Ok(match kind {
            0 => options.with_filter(on(&format!("churn.t{}", number % TOPICS))?),
            1 => options
                .with_filter(on("churn.>")?)
                .with_mailbox(queue(Overflow::Close)),
            2 => options.with_filter(on("churn.*")?).with_view(View::Raw),
            3 => options
                .with_scope(scope())
                .with_mailbox(queue(Overflow::DropNewest)),
            // Publishers wait for this one until it goes.
            _ => options.with_scope(scope()).with_mailbox(MailboxConfig {
                max_items: const { NonZeroUsize::new(4).unwrap() },
                ..queue(Overflow::Block)
            }),
        })
    }
}

// === impl Churned ===

impl Churned {
    fn end(&mut self, subscription: Subscription) {
        let stats = subscription.stats();
        let accounted = stats.delivered + stats.lost.total() + stats.queued;
        self.wrong += u64::from(stats.pushed != accounted);
        self.pushed += stats.pushed.items;
    }

    fn add(&mut self, mut other: Self) {
        self.names.append(&mut other.names);
        self.pushed += other.pushed;
        self.wrong += other.wrong;
    }

    fn tell(&self, findings: &mut Findings, dispatcher: &Dispatcher) {
        // The one that stays has gone too.
        let left = dispatcher.subscriptions();
        let is_kept = |name: &&Arc<str>| Arc::strong_count(name) > 1;
        let kept = self.names.iter().filter(is_kept).count();
        let lanes = dispatcher.lanes() + dispatcher.principals();
        findings.exact(
            format!(
                "{} subscriptions come and go, and nothing of them is left",
                self.names.len()
            ),
            format!("{left} subscribed, {kept} in memory, {lanes} lanes and principals"),
            left == 0 && kept == 0 && lanes == 0,
        );
        findings.exact(
            "each accounts for everything that it was handed",
            format!(
                "{} events handed out, {} sums wrong",
                self.pushed, self.wrong
            ),
            self.wrong == 0,
        );
    }
}
