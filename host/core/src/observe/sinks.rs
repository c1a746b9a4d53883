//! All observers of the host.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Categories, Category, Observer, Record};
use crate::{
    mailbox::{Losses, MailboxConfig, Overflow, Sender, mailbox},
    sync::{AtomicU64, Mutex, Ordering},
};

/// The observers, and what they want.
#[derive(Debug, Default)]
pub struct Observers {
    /// The categories that somebody wants: all there is to read where nobody
    /// wants any.
    wanted: AtomicU64,
    sinks: ArcSwap<Vec<Arc<Sink>>>,
    changes: Mutex<()>,
}

/// The publishers' side of one observer.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) name: Arc<str>,
    categories: Categories,
    blocks: bool,
    sender: Sender<Record>,
}

/// What an observer lost, and its name.
pub(crate) type Loss = (Arc<str>, Losses);

// === impl Observers ===

impl Observers {
    /// Adds an observer of `categories`, called `name` in reports. It is told
    /// what happens from now on.
    ///
    /// With [`Overflow::Block`] publishers wait before an event is taken in
    /// while its queue is full; what is under way already goes over its budget.
    pub fn observe(
        self: &Arc<Self>,
        name: &str,
        categories: Categories,
        config: MailboxConfig,
    ) -> Observer {
        let (sender, receiver) = mailbox(config);
        let sink = Arc::new(Sink {
            name: name.into(),
            categories,
            blocks: config.overflow == Overflow::Block,
            sender,
        });
        self.change(|sinks| sinks.push(sink.clone()));
        Observer::new(Arc::downgrade(self), sink, receiver)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sinks.load().len()
    }

    /// Whether somebody wants records of `category`. One atomic load.
    pub fn want(&self, category: Category) -> bool {
        Categories::from_bits(self.wanted.load(Ordering::Relaxed) as u16).contains(category)
    }

    /// Makes a record and hands it to all who want it. Says what was lost by
    /// that. Does not block.
    pub(crate) fn tell(&self, category: Category, record: impl FnOnce() -> Record) -> Vec<Loss> {
        let mut losses = Vec::new();
        if !self.want(category) {
            return losses;
        }
        let record = record();
        let bytes = record.size();
        for sink in self.sinks.load().iter() {
            if sink.categories.contains(category) {
                let pushed = sink.sender.push(bytes, record.clone());
                let lost = pushed.lost(bytes);
                if !lost.total().is_zero() {
                    losses.push((sink.name.clone(), lost));
                }
            }
        }
        losses
    }

    /// Waits until no observer that blocks is full. Ready at once where none
    /// blocks.
    pub(crate) async fn room(&self) {
        let mut full = self.full(|sender| sender.try_reserve(1).is_ok());
        while let Some(sink) = full {
            // Holds nothing while it waits, so it holds up nobody.
            let Ok(turn) = sink.sender.room(1).await else {
                return;
            };
            // Whose turn it is goes before those behind, here and at others:
            // two who made way for each other would do so for ever.
            full = self.full(|sender| sender.try_reserve_in_turn(1, &turn).is_ok());
        }
    }

    /// The name of an observer that blocks and is full.
    pub(crate) fn blocked_by(&self) -> Option<Arc<str>> {
        self.full(|sender| sender.try_reserve(1).is_ok())
            .map(|sink| sink.name.clone())
    }

    pub(super) fn remove(&self, sink: &Arc<Sink>) {
        self.change(|sinks| sinks.retain(|other| !Arc::ptr_eq(other, sink)));
    }

    /// The first that blocks and in which there `is_room` for nobody.
    fn full(&self, is_room: impl Fn(&Sender<Record>) -> bool) -> Option<Arc<Sink>> {
        if self.wanted.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let sinks = self.sinks.load();
        let is_full = |sink: &&Arc<Sink>| sink.blocks && !is_room(&sink.sender);
        sinks.iter().find(is_full).cloned()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Sink>>)) {
        let _one_at_a_time = self.changes.lock();
        let mut sinks = self.sinks.load().to_vec();
        change(&mut sinks);
        let wanted = |all: Categories, sink: &Arc<Sink>| all | sink.categories;
        let wanted = sinks.iter().fold(Categories::NONE, wanted);
        self.sinks.store(Arc::new(sinks));
        self.wanted.store(wanted.bits().into(), Ordering::Relaxed);
    }
}
