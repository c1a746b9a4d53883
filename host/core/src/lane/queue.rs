//! One lane: a queue of tickets. Pure state, no lock, no clock.

use std::{collections::VecDeque, sync::Arc, task::Waker};

use tokio::sync::Notify;

/// The tickets of one lane, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The number of the ticket at the head.
    head: u64,
    slots: VecDeque<Slot>,
    /// Slots whose ticket is still held.
    held: usize,
    /// Publishers that wait for room, first come first.
    waiting: VecDeque<Arc<Notify>>,
}

#[derive(Debug)]
enum Slot {
    /// Waits for its turn, or has it.
    Held(Option<Waker>),
    /// Dropped before its turn came; leaves when it reaches the head.
    Dropped,
}

// === impl Queue ===

impl Queue {
    /// How many tickets are held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether a publisher with this place in the line may enter: it is the
    /// first, or nobody waits.
    pub(super) fn is_next(&self, place: Option<&Arc<Notify>>) -> bool {
        match (self.waiting.front(), place) {
            (None, _) => true,
            (Some(first), Some(place)) => Arc::ptr_eq(first, place),
            (Some(_), None) => false,
        }
    }

    /// Takes a place at the end of the line; it is notified when it is the
    /// first and there is room.
    pub(super) fn wait(&mut self) -> Arc<Notify> {
        let place = Arc::new(Notify::new());
        self.waiting.push_back(place.clone());
        place
    }

    /// Gives a place in the line up, and calls the first while there is room,
    /// so that no call is lost with the one who leaves.
    pub(super) fn stop_waiting(&mut self, place: &Arc<Notify>, capacity: usize) {
        self.waiting.retain(|other| !Arc::ptr_eq(other, place));
        self.call_first(capacity);
    }

    /// Adds a ticket at the end and gives its number.
    pub(super) fn push(&mut self) -> u64 {
        self.slots.push_back(Slot::Held(None));
        self.held += 1;
        self.head + self.slots.len() as u64 - 1
    }

    /// Whether the ticket is at the head; if not, `waker` is kept until it is.
    pub(super) fn poll_turn(&mut self, number: u64, waker: &Waker) -> bool {
        if number == self.head {
            return true;
        }
        if let Some(Slot::Held(kept)) = self.slot_mut(number) {
            match kept {
                Some(kept) => kept.clone_from(waker),
                None => *kept = Some(waker.clone()),
            }
        }
        false
    }

    /// Gives the ticket back, wherever it stands. Returns who is to be woken:
    /// the ticket that has come to the head.
    pub(super) fn release(&mut self, number: u64, capacity: usize) -> Option<Waker> {
        if let Some(slot) = self.slot_mut(number) {
            *slot = Slot::Dropped;
            self.held -= 1;
            self.call_first(capacity);
        }
        let before = self.head;
        while let Some(Slot::Dropped) = self.slots.front() {
            self.slots.pop_front();
            self.head += 1;
        }
        match self.slots.front_mut() {
            Some(Slot::Held(waker)) if self.head != before => waker.take(),
            _ => None,
        }
    }

    /// Whether nobody would miss this lane.
    pub(super) fn is_idle(&self) -> bool {
        self.slots.is_empty() && self.waiting.is_empty()
    }

    fn call_first(&self, capacity: usize) {
        if let Some(first) = self.waiting.front()
            && self.held < capacity
        {
            first.notify_one();
        }
    }

    fn slot_mut(&mut self, number: u64) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.head)?).ok()?;
        self.slots.get_mut(index)
    }
}
