//! The tickets of one lane. Pure state, no lock, no clock.

use std::{collections::VecDeque, task::Waker};

/// The tickets of one lane, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The number of the ticket at the head.
    head: u64,
    slots: VecDeque<Slot>,
    /// Slots whose ticket is still held.
    held: usize,
}

#[derive(Debug)]
enum Slot {
    /// Waits for its turn, or has it.
    Held {
        /// The entry of the event that holds it.
        event: u64,
        waker: Option<Waker>,
    },
    /// Dropped before its turn came; leaves when it reaches the head.
    Dropped,
}

// === impl Queue ===

impl Queue {
    /// How many tickets are held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether no ticket stands in it, not even a dropped one.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether one of these events holds a ticket.
    pub(super) fn is_held_by(&self, events: &[u64]) -> bool {
        let holds =
            |slot: &Slot| matches!(slot, Slot::Held { event, .. } if events.contains(event));
        !events.is_empty() && self.slots.iter().any(holds)
    }

    /// Adds a ticket of `event` at the end and gives its number.
    pub(super) fn push(&mut self, event: u64) -> u64 {
        self.slots.push_back(Slot::Held { event, waker: None });
        self.held += 1;
        self.head + self.slots.len() as u64 - 1
    }

    /// Whether the ticket is at the head; if not, `waker` is kept until it is.
    pub(super) fn poll_turn(&mut self, number: u64, waker: &Waker) -> bool {
        if number == self.head {
            return true;
        }
        if let Some(Slot::Held { waker: kept, .. }) = self.slot_mut(number) {
            match kept {
                Some(kept) => kept.clone_from(waker),
                None => *kept = Some(waker.clone()),
            }
        }
        false
    }

    /// Gives the ticket back, wherever it stands. Returns who is to be woken:
    /// the ticket that has come to the head.
    pub(super) fn release(&mut self, number: u64) -> Option<Waker> {
        if let Some(slot) = self.slot_mut(number) {
            *slot = Slot::Dropped;
            self.held -= 1;
        }
        let before = self.head;
        while let Some(Slot::Dropped) = self.slots.front() {
            self.slots.pop_front();
            self.head += 1;
        }
        match self.slots.front_mut() {
            Some(Slot::Held { waker, .. }) if self.head != before => waker.take(),
            _ => None,
        }
    }

    fn slot_mut(&mut self, number: u64) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.head)?).ok()?;
        self.slots.get_mut(index)
    }
}
