//! One who subscribes or observes, and reads at its pace.

use std::{sync::Arc, time::Duration};

use capsule_core::{
    dispatch::Subscription,
    mailbox::{CloseReason, Overflow, Received},
    observe::{Observer, Record},
    subscribe::Message,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::fixture::{OrderCheck, Stamp, micros_since};

/// When stalled consumers stop reading.
const STALL: Duration = Duration::from_secs(5);
/// When they read on.
const RESUME: Duration = Duration::from_secs(65);
/// When the last event is long through, and nobody reads any more.
const OVER: Duration = Duration::from_secs(600);

/// When a consumer reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// What comes, at once.
    Steady,
    /// The same, but for a minute.
    Stalls,
}

/// What a consumer had.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) overflow: Overflow,
    /// What it received.
    pub(super) items: u64,
    /// What it was told it lost, in the stream itself.
    pub(super) told_lost: u64,
    /// What its queue has counted: of what was pushed, this is left.
    pub(super) counted_lost: u64,
    pub(super) queued: u64,
    /// Why its stream ended, if it did.
    pub(super) ended: Option<CloseReason>,
    /// The order of what a subscriber received.
    pub(super) order: OrderCheck,
    /// What a subscriber received, and when.
    pub(super) received: Vec<(Stamp, u64)>,
}

/// Where a consumer reads from.
pub(super) trait Source: Send + 'static {
    /// What it reads.
    type Item: Send;

    /// The next part of the stream.
    fn next(&mut self) -> impl Future<Output = Option<Received<Self::Item>>> + Send;

    /// The message in it, if it is one.
    fn message(item: &Self::Item) -> Option<&Message>;

    /// What was lost and what is queued, as the queue counts it, and why it is
    /// closed.
    fn counted(&self) -> (u64, u64, Option<CloseReason>);
}

/// Reads until all is over.
pub(super) async fn read<S: Source>(
    mut source: S,
    overflow: Overflow,
    pace: Pace,
    principals: usize,
) -> Read {
    let epoch = Instant::now();
    let mut read = Read {
        overflow,
        items: 0,
        told_lost: 0,
        counted_lost: 0,
        queued: 0,
        ended: None,
        order: OrderCheck::new(principals),
        received: Vec::new(),
    };
    for (from, to) in pace.spans() {
        sleep_until(epoch + *from).await;
        while let Ok(Some(received)) = timeout_at(epoch + *to, source.next()).await {
            match received {
                Received::Item(item) => read.take::<S>(&item, epoch),
                Received::Lost { items, .. } => read.told_lost += items,
            }
        }
    }
    (read.counted_lost, read.queued, read.ended) = source.counted();
    read
}

// === impl Pace ===

impl Pace {
    /// From when to when it reads.
    pub(super) fn spans(self) -> &'static [(Duration, Duration)] {
        match self {
            Self::Steady => &[(Duration::ZERO, OVER)],
            Self::Stalls => &[(Duration::ZERO, STALL), (RESUME, OVER)],
        }
    }
}

// === impl Read ===

impl Read {
    fn take<S: Source>(&mut self, item: &S::Item, epoch: Instant) {
        self.items += 1;
        if let Some(message) = S::message(item) {
            self.order.add(&message.payload);
            let stamp = Stamp::of(&message.payload);
            self.received
                .extend(stamp.map(|stamp| (stamp, micros_since(epoch))));
        }
    }
}

// === impl Source ===

impl Source for Subscription {
    type Item = Arc<Message>;

    async fn next(&mut self) -> Option<Received<Self::Item>> {
        self.recv().await
    }

    fn message(item: &Self::Item) -> Option<&Message> {
        Some(item)
    }

    fn counted(&self) -> (u64, u64, Option<CloseReason>) {
        let stats = self.stats();
        let lost = stats.lost.total().items;
        (lost, stats.queued.items, self.close_reason())
    }
}

impl Source for Observer {
    type Item = Record;

    async fn next(&mut self) -> Option<Received<Self::Item>> {
        self.recv().await
    }

    fn message(_item: &Self::Item) -> Option<&Message> {
        None
    }

    fn counted(&self) -> (u64, u64, Option<CloseReason>) {
        let status = self.status();
        (status.missed, status.queued, status.disconnected)
    }
}
