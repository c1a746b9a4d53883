//! Until every subscriber has an event.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher, Subscription},
    mailbox::Received,
    subscribe::SubscribeOptions,
    types::Draft,
};
use tokio::{
    runtime::Runtime,
    sync::{broadcast, mpsc},
    task::yield_now,
};

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{admitted, draft, payload, single_thread},
    harness::{Contestant, Samples},
};

/// Bytes of a payload.
const BYTES: usize = 1024;
/// What a channel has room for.
const ROOM: usize = 64;
/// How many subscribe, and what it may cost.
const FIGURES: [(usize, Figure); 2] = [
    (
        1,
        Figure::at_most(
            "publish until 1 has it, against broadcast",
            3.0,
            Unit::Times,
        ),
    ),
    (
        100,
        Figure::at_most(
            "publish until 100 have it, against broadcast",
            1.5,
            Unit::Times,
        ),
    ),
];

/// A host and those who subscribe to it.
#[derive(Debug)]
pub(crate) struct Audience {
    dispatcher: Dispatcher,
    subscriptions: Vec<Subscription>,
}

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let runtime = single_thread()?;
    let draft = draft(BYTES)?;
    for (count, figure) in FIGURES {
        let (mut audience, mut nobody) = (Audience::new(count), Audience::new(0));
        let contestants = vec![
            Contestant::on_thread("tokio broadcast", broadcast(count)),
            Contestant::on_thread("tokio mpsc, one each", mpsc(count)),
            Contestant::on_thread("host `request`", audience.publish(&runtime, &draft)),
            Contestant::on_thread(
                "host `request`, nobody subscribed",
                nobody.publish(&runtime, &draft),
            ),
        ];
        let name = format!("{count} subscribed, 1 KiB");
        let samples = findings.contest(name, bench.pace(), contestants)?;
        let reached = figure.seen(samples.ratio(2, 0));
        findings.figure(reached.or_costs(|| cost(&samples, count)));
        let contestants = vec![
            Contestant::on_thread("tokio broadcast", waiting_for_broadcast(&runtime, count)),
            Contestant::on_thread("host `request`", waiting_for_host(&runtime, count, &draft)),
        ];
        let name = format!("{count} subscribed, each a task that waits, 1 KiB");
        findings.contest(name, bench.pace(), contestants)?;
    }
    findings.note(
        "All on one thread: who publishes then takes the event out of every queue, so nothing \
         waits for another thread to wake. Where tasks wait, they are woken, and the time is that \
         until all have run.",
    );
    Ok(findings)
}

fn cost(samples: &Samples, count: usize) -> String {
    let [broadcast, _, whole, nobody] = [0, 1, 2, 3].map(|index| samples.ns(index).median);
    format!(
        "of {} an event takes {} that nobody subscribes to, where broadcast takes {} in all; each \
         subscriber takes {} more, where broadcast takes {}. An event has an id, a time, a place in \
         the order of its principal, bounds and counts: for one subscriber it would need events \
         without those, for many a queue without bounds and fairness of its own.",
        Unit::Ns.show(whole),
        Unit::Ns.show(nobody),
        Unit::Ns.show(broadcast),
        Unit::Ns.show((whole - nobody) / count as f64),
        Unit::Ns.show(broadcast / count as f64),
    )
}

fn broadcast(count: usize) -> impl FnMut(u64) -> Result<(), BenchError> {
    let payload = payload(BYTES);
    let (sender, first) = broadcast::channel(ROOM);
    let mut receivers = vec![first];
    receivers.extend((1..count).map(|_| sender.subscribe()));
    move |times| {
        for _ in 0..times {
            let sent = sender.send(payload.clone());
            sent.map_err(BenchError::peer("tokio broadcast"))?;
            for receiver in &mut receivers {
                let received = receiver.try_recv();
                black_box(received.map_err(BenchError::peer("tokio broadcast"))?);
            }
        }
        Ok(())
    }
}

fn mpsc(count: usize) -> impl FnMut(u64) -> Result<(), BenchError> {
    let payload = payload(BYTES);
    let mut channels: Vec<_> = (0..count).map(|_| mpsc::channel(ROOM)).collect();
    move |times| {
        for _ in 0..times {
            for (sender, _) in &channels {
                let sent = sender.try_send(payload.clone());
                sent.map_err(BenchError::peer("tokio mpsc"))?;
            }
            for (_, receiver) in &mut channels {
                let received = receiver.try_recv();
                black_box(received.map_err(BenchError::peer("tokio mpsc"))?);
            }
        }
        Ok(())
    }
}

/// Who publishes waits until `count` tasks, each waiting for the next, have it.
fn waiting_for_broadcast(
    runtime: &Runtime,
    count: usize,
) -> impl FnMut(u64) -> Result<(), BenchError> {
    let payload = payload(BYTES);
    let (sender, _) = broadcast::channel(ROOM);
    let received = Arc::new(AtomicUsize::new(0));
    for _ in 0..count {
        let (mut receiver, received) = (sender.subscribe(), received.clone());
        runtime.spawn(async move {
            while let Ok(payload) = receiver.recv().await {
                drop(black_box(payload));
                received.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                let sent = sender.send(payload.clone());
                sent.map_err(BenchError::peer("tokio broadcast"))?;
                all(&received, count).await;
            }
            Ok(())
        })
    }
}

/// The same with subscriptions to the host.
fn waiting_for_host(
    runtime: &Runtime,
    count: usize,
    draft: &Draft,
) -> impl FnMut(u64) -> Result<(), BenchError> {
    let Audience {
        dispatcher,
        subscriptions,
    } = Audience::new(count);
    let received = Arc::new(AtomicUsize::new(0));
    for mut subscription in subscriptions {
        let received = received.clone();
        runtime.spawn(async move {
            while let Some(Received::Item(message)) = subscription.recv().await {
                drop(black_box(message));
                received.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                admitted(dispatcher.request(draft.clone()).await?)?;
                all(&received, count).await;
            }
            Ok(())
        })
    }
}

/// Lets others run until they have received so many, and counts from 0 again.
async fn all(received: &AtomicUsize, count: usize) {
    while received.load(Ordering::Relaxed) < count {
        yield_now().await;
    }
    received.store(0, Ordering::Relaxed);
}

// === impl Audience ===

impl Audience {
    /// So many, each of which wants everything.
    pub(crate) fn new(count: usize) -> Self {
        let dispatcher = Dispatcher::new(DispatchConfig::default());
        let subscribe = |index| {
            let options = SubscribeOptions::new(&format!("s{index}"));
            dispatcher.subscribe(options)
        };
        Self {
            subscriptions: (0..count).map(subscribe).collect(),
            dispatcher,
        }
    }

    /// Publishes `draft`, waits for its outcome and has everybody receive it,
    /// again and again.
    pub(crate) fn publish<'a>(
        &'a mut self,
        runtime: &'a Runtime,
        draft: &'a Draft,
    ) -> impl FnMut(u64) -> Result<(), BenchError> + 'a {
        let Self {
            dispatcher,
            subscriptions,
        } = self;
        move |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    admitted(dispatcher.request(draft.clone()).await?)?;
                    for subscription in subscriptions.iter_mut() {
                        match subscription.try_recv() {
                            Ok(Received::Item(message)) => drop(black_box(message)),
                            other => return Err(BenchError::unexpected(format!("{other:?}"))),
                        }
                    }
                }
                Ok(())
            })
        }
    }
}
