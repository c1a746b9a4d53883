//! The line of those who wait for room. Pure state, no lock.

use std::{collections::BTreeMap, mem, task::Waker};

/// Those who wait for room, first come first.
#[derive(Debug, Default)]
pub(super) struct Line {
    next_ticket: u64,
    places: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// How much room it needs.
    bytes: usize,
    /// `None` once it is called, or has its turn: it need not be woken.
    waker: Option<Waker>,
}

// === impl Line ===

impl Line {
    /// Takes the last place, for one who needs room for `bytes`.
    pub(super) fn join(&mut self, bytes: usize) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let waker = None;
        self.places.insert(ticket, Waiting { bytes, waker });
        ticket
    }

    /// Gives a place up.
    pub(super) fn leave(&mut self, ticket: u64) {
        self.places.remove(&ticket);
    }

    /// Whether all before it have gone.
    pub(super) fn is_first(&self, ticket: u64) -> bool {
        self.places
            .first_key_value()
            .is_some_and(|(first, _)| *first == ticket)
    }

    /// Keeps `waker` until the one with this ticket is called.
    pub(super) fn wait(&mut self, ticket: u64, waker: &Waker) {
        if let Some(waiting) = self.places.get_mut(&ticket) {
            match &mut waiting.waker {
                Some(kept) => kept.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
    }

    /// How many bytes of room the first needs.
    pub(super) fn first_needs(&self) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        self.places.values().next().map(|first| first.bytes)
    }

    /// Calls the first, if it is not called yet. The others wait until it has
    /// left the line.
    #[must_use]
    pub(super) fn call_first(&mut self) -> Option<Waker> {
        self.places.first_entry()?.get_mut().waker.take()
    }

    /// Calls all: nobody need wait any more. Their places are gone.
    pub(super) fn call_all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        mem::take(&mut self.places)
            .into_values()
            .filter_map(|waiting| waiting.waker)
    }

    /// How many wait, or have their turn.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nobody does.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}
