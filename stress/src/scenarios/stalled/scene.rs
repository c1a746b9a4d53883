//! Sets the host up, with or without consumers that stall, and publishes.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use capsule_core::{
    broker::{Broker, BrokerConfig, ExternalHook, HookName},
    dispatch::{DispatchConfig, Dispatcher, Interceptor},
    mailbox::Overflow,
    observe::Category,
    subscribe::SubscribeOptions,
    types::{Principal, Topic},
};
use tokio::task::JoinSet;

use super::{
    consumer::{Pace, Read, read},
    findings::findings,
    process::{Asked, answer},
    publisher::{Fates, Publisher},
};
use crate::{
    Findings, StressError,
    fixture::{Service, interceptor, on, principals, queue},
    runtime::in_virtual_time,
};

/// Where everybody publishes; an external hook sees it too.
const WORK: &str = "work.item";
/// What only the hook sees whose one process stalls.
const DEAD: &str = "dead.item";
/// What consumers do with what they have no room for, where nobody waits.
const POLICIES: [Overflow; 3] = [Overflow::DropOldest, Overflow::DropNewest, Overflow::Close];
/// What each native capsule takes.
const SERVICE: Duration = Duration::from_millis(2);
/// How long a call of an external hook may take.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How often something is published for the hook whose one process stalls:
/// more often than its calls time out.
const DEAD_EVERY: Duration = Duration::from_millis(400);

/// How much is published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    principals: usize,
    /// How often each publishes.
    every: Duration,
}

pub(crate) const FULL: Scale = Scale {
    principals: 50,
    every: Duration::from_millis(50),
};

pub(crate) const SHORT: Scale = Scale {
    principals: 10,
    every: Duration::from_millis(100),
};

/// What one run came to.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// What became of everybody else's events.
    pub(super) fates: Fates,
    /// The subscriber and the observer who read what comes.
    pub(super) readers: Vec<Read>,
    /// Verdicts that there were to observe.
    pub(super) verdicts: u64,
    /// Subscribers of hooks that were disconnected because they fell behind.
    pub(super) disconnected: u64,
    /// The consumers that stall: subscribers.
    pub(super) subscribers: Vec<Read>,
    /// Observers.
    pub(super) observers: Vec<Read>,
    /// The process that stalls beside one that answers.
    pub(super) second: Asked,
    /// Events for the hook whose one process stalls.
    pub(super) dead: Fates,
    /// Lanes and principals that are left.
    pub(super) left: usize,
}

/// The host, and what runs beside it.
#[derive(Debug)]
struct Scene {
    scale: Scale,
    dispatcher: Arc<Dispatcher>,
    broker: Arc<Broker>,
}

/// Runs the scenario.
pub(crate) fn run(scale: Scale) -> Result<Findings, StressError> {
    let without = in_virtual_time(among_steady_ones(scale))?;
    let with = in_virtual_time(beside_stalled_ones(scale))?;
    Ok(findings(&without, &with))
}

/// Only consumers that read what comes.
async fn among_steady_ones(scale: Scale) -> Result<Run, StressError> {
    let scene = Scene::new(scale)?;
    scene.play().await
}

/// The same, and others beside them that stall.
async fn beside_stalled_ones(scale: Scale) -> Result<Run, StressError> {
    let scene = Scene::new(scale)?;
    let mut subscribers = JoinSet::new();
    let mut observers = JoinSet::new();
    for overflow in POLICIES {
        subscribers.spawn(scene.subscriber(overflow, Pace::Stalls)?);
        observers.spawn(scene.observer(overflow, Pace::Stalls));
    }
    let mut second = JoinSet::new();
    second.spawn(scene.process(WORK, Pace::Stalls)?);
    let mut alone = JoinSet::new();
    alone.spawn(scene.process(DEAD, Pace::Stalls)?);
    let mut dead = JoinSet::new();
    dead.spawn(
        scene
            .publisher(Principal::new("dead")?, DEAD, 0, DEAD_EVERY)?
            .publish(),
    );

    let mut run = scene.play().await?;
    run.subscribers = subscribers.join_all().await;
    run.subscribers.sort_by_key(|read| read.overflow.as_str());
    run.observers = observers.join_all().await;
    run.observers.sort_by_key(|read| read.overflow.as_str());
    for asked in second.join_all().await {
        run.second = asked;
    }
    for fates in dead.join_all().await {
        run.dead = fates?;
    }
    alone.join_all().await;
    Ok(run)
}

/// A queue that a stalled process fills within the scene.
pub(super) fn broker_config() -> BrokerConfig {
    BrokerConfig {
        subscriber_queue: const { NonZeroUsize::new(256).unwrap() },
        ..BrokerConfig::default()
    }
}

// === impl Scene ===

impl Scene {
    fn new(scale: Scale) -> Result<Self, StressError> {
        let dispatcher = Arc::new(Dispatcher::new(DispatchConfig::default()));
        let broker = Arc::new(Broker::new(broker_config()));
        let service = || Arc::new(Service(SERVICE));
        let hook = |topic| -> Result<Interceptor, StressError> {
            let hook = ExternalHook::new(broker.clone(), HookName::new(topic)?);
            Ok(Interceptor {
                timeout: TIMEOUT,
                ..interceptor(&format!("hook-{topic}"), topic, Arc::new(hook))?
            })
        };
        dispatcher.install(vec![
            interceptor("first", WORK, service())?,
            hook(WORK)?,
            interceptor("last", WORK, service())?,
            hook(DEAD)?,
        ]);
        Ok(Self {
            scale,
            dispatcher,
            broker,
        })
    }

    /// Lets everybody publish among those who read what comes, until all is
    /// over.
    async fn play(self) -> Result<Run, StressError> {
        let mut processes = JoinSet::new();
        processes.spawn(self.process(WORK, Pace::Steady)?);
        let mut readers = JoinSet::new();
        readers.spawn(self.subscriber(Overflow::DropOldest, Pace::Steady)?);
        let mut observers = JoinSet::new();
        observers.spawn(self.observer(Overflow::DropOldest, Pace::Steady));
        let mut publishers = JoinSet::new();
        for (index, principal) in principals("p", self.scale.principals)?
            .into_iter()
            .enumerate()
        {
            let publisher = self.publisher(principal, WORK, index, self.scale.every)?;
            publishers.spawn(publisher.publish());
        }
        let mut run = Run::default();
        for fates in publishers.join_all().await {
            run.fates.extend(fates?);
        }
        run.readers = readers.join_all().await;
        run.readers.extend(observers.join_all().await);
        processes.join_all().await;
        run.verdicts = self.dispatcher.counters().durations.count();
        run.disconnected = self.broker.lagged();
        run.left = self.dispatcher.lanes() + self.dispatcher.principals();
        Ok(run)
    }

    fn subscriber(
        &self,
        overflow: Overflow,
        pace: Pace,
    ) -> Result<impl Future<Output = Read> + use<>, StressError> {
        let options = SubscribeOptions::new(overflow.as_str())
            .with_filter(on(WORK)?)
            .with_mailbox(queue(overflow));
        let subscription = self.dispatcher.subscribe(options);
        Ok(read(subscription, overflow, pace, self.scale.principals))
    }

    fn observer(&self, overflow: Overflow, pace: Pace) -> impl Future<Output = Read> + use<> {
        let observers = self.dispatcher.observers();
        let verdicts = Category::Verdict.into();
        let observer = observers.observe(overflow.as_str(), verdicts, queue(overflow));
        read(observer, overflow, pace, 0)
    }

    /// The process behind the hook of a topic.
    fn process(
        &self,
        topic: &str,
        pace: Pace,
    ) -> Result<impl Future<Output = Asked> + use<>, StressError> {
        let subscriber = self.broker.subscribe(HookName::new(topic)?)?;
        Ok(answer(subscriber, pace))
    }

    fn publisher(
        &self,
        principal: Principal,
        topic: &str,
        index: usize,
        every: Duration,
    ) -> Result<Publisher, StressError> {
        Ok(Publisher {
            dispatcher: self.dispatcher.clone(),
            topic: Topic::new(topic)?,
            principal,
            index,
            every,
        })
    }
}
