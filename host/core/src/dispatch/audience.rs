//! Those who subscribe to one topic.

use std::{collections::HashMap, iter::once, sync::Arc};

use foldhash::fast::RandomState;

use crate::{
    lane::LaneScope,
    mailbox::{Losses, Pushed, Sender},
    subscribe::{Class, Condition, Message, Subscriber},
    types::{Facts, Topic},
};

/// Those who subscribe to one topic, and see its events in the same way.
///
/// Who wants only the events of one principal, session, source or kind is
/// found by that, and not even looked at for others.
#[derive(Debug)]
pub(super) struct Audience {
    of_all: Vec<Listener>,
    of_some: HashMap<Condition, Vec<Listener>, RandomState>,
    /// What somebody is found by.
    classes: Vec<Class>,
    /// Those of them whom publishers may have to wait for.
    waited_for: bool,
    /// Bytes that the smallest of their queues holds.
    smallest_queue: usize,
}

/// One of them.
#[derive(Debug)]
struct Listener {
    subscriber: Arc<Subscriber>,
    sender: Sender<Arc<Message>>,
    is_waited_for: bool,
    /// Of the events that it is found for, it wants all.
    wants_all: bool,
}

// === impl Audience ===

impl Audience {
    /// Adds one that subscribes to events on `topic`, unless it wants none of
    /// them.
    pub(super) fn add(&mut self, topic: &Topic, subscriber: &Arc<Subscriber>) {
        let given = subscriber.options().filter.given(topic);
        if given == Some(false) {
            return;
        }
        let listener = || Listener {
            subscriber: subscriber.clone(),
            sender: subscriber.sender().clone(),
            is_waited_for: subscriber.lanes().is_some(),
            wants_all: given == Some(true),
        };
        match subscriber.options().keys() {
            None => self.of_all.push(listener()),
            Some(keys) => {
                for key in keys {
                    if let Some(class) = key.class().filter(|c| !self.classes.contains(c)) {
                        self.classes.push(class);
                    }
                    self.of_some.entry(key).or_default().push(listener());
                }
            }
        }
        self.waited_for |= subscriber.lanes().is_some();
        self.smallest_queue = self
            .smallest_queue
            .min(subscriber.mailbox().max_bytes.get());
    }

    /// How many listen; one that is found by several things counts for each.
    pub(super) fn len(&self) -> usize {
        self.of_all.len() + self.of_some.values().map(Vec::len).sum::<usize>()
    }

    /// Whether nobody subscribes.
    pub(super) fn is_empty(&self) -> bool {
        self.of_all.is_empty() && self.of_some.is_empty()
    }

    /// Whether there may be one whom publishers wait for.
    pub(super) fn is_waited_for(&self) -> bool {
        self.waited_for
    }

    /// Whether there may be one whose queue never holds an event of `bytes`.
    pub(super) fn is_too_small_for(&self, bytes: usize) -> bool {
        bytes > self.smallest_queue
    }

    /// Those who want an event and whom it may have to wait for, each with
    /// the lane where it does.
    pub(super) fn waited_for<'a>(
        &'a self,
        facts: Facts<'a>,
    ) -> impl Iterator<Item = (&'a Arc<Subscriber>, LaneScope)> {
        let wanting = self.waited_for.then(|| self.wanting(facts));
        wanting.into_iter().flatten().filter_map(|subscriber| {
            let group = subscriber.lanes()?.clone();
            let session = None;
            Some((subscriber, LaneScope { group, session }))
        })
    }

    /// Queues a message for all who want it and whom nobody waits for, and
    /// says for how many.
    pub(super) fn hand_out(
        &self,
        message: Arc<Message>,
        bytes: usize,
        mut lost: impl FnMut(&Subscriber, Losses),
    ) -> u64 {
        let mut handed_out = 0;
        let mut hand = |listener: &Listener, message| {
            let pushed = listener.sender.push(bytes, message);
            handed_out += u64::from(pushed.is_queued());
            if pushed != Pushed::Queued {
                lost(&listener.subscriber, pushed.lost(bytes));
            }
        };
        let facts = message.event.facts();
        // The last of them gets the message itself, and no copy of the pointer.
        let mut last: Option<&Listener> = None;
        for listeners in once(self.of_all.as_slice()).chain(self.found(facts)) {
            for listener in listeners {
                if !listener.is_waited_for
                    && listener.wants(&facts)
                    && let Some(before) = last.replace(listener)
                {
                    hand(before, message.clone());
                }
            }
        }
        if let Some(last) = last {
            hand(last, message);
        }
        handed_out
    }

    /// Those who want an event.
    pub(super) fn wanting<'a>(
        &'a self,
        facts: Facts<'a>,
    ) -> impl Iterator<Item = &'a Arc<Subscriber>> {
        self.of_all
            .iter()
            .chain(self.found(facts).flatten())
            .filter(move |listener| listener.wants(&facts))
            .map(|listener| &listener.subscriber)
    }

    /// Of those who are found by what an event is, each group that it finds.
    fn found<'a>(&'a self, facts: Facts<'_>) -> impl Iterator<Item = &'a [Listener]> {
        let key = move |class: &Class| self.of_some.get(&class.of(&facts)?);
        self.classes.iter().filter_map(key).map(Vec::as_slice)
    }
}

impl Default for Audience {
    fn default() -> Self {
        Self {
            of_all: Vec::new(),
            of_some: HashMap::default(),
            classes: Vec::new(),
            waited_for: false,
            smallest_queue: usize::MAX,
        }
    }
}

// === impl Listener ===

impl Listener {
    #[inline]
    fn wants(&self, facts: &Facts<'_>) -> bool {
        self.wants_all || self.subscriber.wants(facts)
    }
}
