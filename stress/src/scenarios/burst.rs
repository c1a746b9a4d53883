//! Many principals at once, and one that publishes too much at once.

use std::{sync::Arc, time::Duration};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher, PublishError, Running},
    mailbox::Received,
    subscribe::SubscribeOptions,
    types::{Principal, Topic},
};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Findings, StressError,
    fixture::{OrderCheck, Service, Stamp, draft, endless_queue, interceptor, principals},
    runtime::in_virtual_time,
};

/// Capsules that every event meets.
const CAPSULES: u32 = 4;
/// What each of them takes.
const SERVICE: Duration = Duration::from_millis(20);

/// How large the bursts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Principals that publish at once, in each burst.
    principals: [usize; 2],
    /// Events that a single principal publishes at once.
    events: u32,
}

pub(crate) const FULL: Scale = Scale {
    principals: [100, 1_000],
    events: 1_000,
};

/// The claims are small enough for tests as they are.
pub(crate) const SHORT: Scale = FULL;

/// Runs the scenario.
pub(crate) fn run(scale: Scale) -> Result<Findings, StressError> {
    let mut findings = Findings::new();
    for principals in scale.principals {
        findings.append(in_virtual_time(of_many(principals))?);
    }
    findings.append(in_virtual_time(of_one_now(scale.events))?);
    findings.append(in_virtual_time(of_one_with_patience(scale.events))?);
    Ok(findings)
}

/// One event from each of so many, all taken in before any of them runs.
async fn of_many(count: usize) -> Result<Findings, StressError> {
    let dispatcher = dispatcher()?;
    let topic = Topic::new("burst.many")?;
    let taken: Vec<_> = (0..)
        .zip(principals("p", count)?)
        .map(|(index, principal)| dispatcher.try_submit(event(&topic, &principal, index, 0)))
        .collect::<Result<_, _>>()?;

    let started = Instant::now();
    let outcomes: JoinSet<_> = taken.into_iter().map(Running::run).collect();
    let outcomes = outcomes.join_all().await;
    let took = started.elapsed();

    let answered = outcomes
        .iter()
        .filter(|outcome| outcome.is_admitted())
        .count();
    let alone = SERVICE * CAPSULES;
    let mut findings = Findings::new();
    findings.exact(
        format!("{count} principals at once: all answered, none waits for another"),
        format!("{answered} answered after {took:?}; one alone takes {alone:?}"),
        answered == count && took == alone && dispatcher.lanes() == 0,
    );
    Ok(findings)
}

/// So many events from one at once, which takes no for an answer.
async fn of_one_now(count: u32) -> Result<Findings, StressError> {
    let dispatcher = dispatcher()?;
    let options = SubscribeOptions::new("reader").with_mailbox(endless_queue());
    let mut reader = dispatcher.subscribe(options);
    let topic = Topic::new("burst.one")?;
    let principal = Principal::new("one")?;
    let mut refused = 0;
    for number in 0..count {
        match dispatcher.try_publish(event(&topic, &principal, 0, number)) {
            Ok(()) => {}
            Err(PublishError::Full { .. }) => refused += 1,
            Err(other) => return Err(other.into()),
        }
    }
    dispatcher.drain().await;
    let mut order = OrderCheck::new(1);
    while let Ok(Received::Item(message)) = reader.try_recv() {
        order.add(&message.payload);
    }

    let mut findings = Findings::new();
    findings.exact(
        format!("{count} events of one at once, slow capsules: delivered, or refused at once"),
        format!("{} delivered, {refused} refused", order.seen),
        order.seen + refused == u64::from(count)
            && order.inversions == 0
            && refused == dispatcher.counters().refused,
    );
    Ok(findings)
}

/// So many events from one, which waits for room.
async fn of_one_with_patience(count: u32) -> Result<Findings, StressError> {
    let dispatcher = dispatcher()?;
    let options = SubscribeOptions::new("reader").with_mailbox(endless_queue());
    let mut reader = dispatcher.subscribe(options);
    let topic = Topic::new("burst.one")?;
    let principal = Principal::new("one")?;
    let mut waiting = JoinSet::new();
    for number in 0..count {
        let (dispatcher, event) = (dispatcher.clone(), event(&topic, &principal, 0, number));
        waiting.spawn(async move { dispatcher.request(event).await });
    }
    let mut admitted = 0;
    while let Some(outcome) = waiting.join_next().await {
        admitted += u64::from(outcome??.is_admitted());
    }
    let mut order = OrderCheck::new(1);
    while let Ok(Received::Item(message)) = reader.try_recv() {
        order.add(&message.payload);
    }

    let mut findings = Findings::new();
    findings.exact(
        format!("{count} events of one at once, its publishers wait: all delivered, in order"),
        format!(
            "{} delivered, {} inversions, {} refused",
            order.seen,
            order.inversions,
            dispatcher.counters().refused
        ),
        admitted == u64::from(count)
            && order.seen == admitted
            && order.inversions == 0
            && dispatcher.counters().refused == 0
            && dispatcher.principals() == 0,
    );
    Ok(findings)
}

fn dispatcher() -> Result<Arc<Dispatcher>, StressError> {
    let dispatcher = Arc::new(Dispatcher::new(DispatchConfig::default()));
    let slow = |index| {
        interceptor(
            &format!("slow-{index}"),
            "burst.>",
            Arc::new(Service(SERVICE)),
        )
    };
    dispatcher.install((0..CAPSULES).map(slow).collect::<Result<_, _>>()?);
    Ok(dispatcher)
}

fn event(
    topic: &Topic,
    principal: &Principal,
    index: u32,
    number: u32,
) -> capsule_core::types::Draft {
    let stamp = Stamp {
        principal: index,
        number,
        at_us: 0,
    };
    draft(topic, principal, stamp, 0)
}
