//! The tickets of one lane. Pure state, no lock, no clock.

use std::task::Waker;

use super::fifo::Fifo;

/// The tickets of one lane, oldest first. One that is given back leaves at
/// once, wherever it stands.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The number of the next ticket.
    next: u64,
    held: Fifo<Held>,
}

#[derive(Debug)]
struct Held {
    number: u64,
    /// The entry of the event that holds it.
    event: u64,
    waker: Option<Waker>,
}

// === impl Queue ===

impl Queue {
    /// How many tickets are held.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether one of these events holds a ticket.
    pub(super) fn is_held_by(&self, events: &[u64]) -> bool {
        !events.is_empty() && self.held.iter().any(|held| events.contains(&held.event))
    }

    /// Adds a ticket of `event` at the end and gives its number.
    pub(super) fn push(&mut self, event: u64) -> u64 {
        let number = self.next;
        self.next += 1;
        self.held.push_back(Held {
            number,
            event,
            waker: None,
        });
        number
    }

    /// Whether the ticket is at the head; if not, `waker` is kept until it is.
    pub(super) fn poll_turn(&mut self, number: u64, waker: &Waker) -> bool {
        let Some(index) = self.index(number) else {
            return true;
        };
        if index > 0
            && let Some(held) = self.held.get_mut(index)
        {
            match &mut held.waker {
                Some(kept) => kept.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        index == 0
    }

    /// Gives the ticket back, wherever it stands. Returns who is to be woken:
    /// the ticket that has come to the head.
    pub(super) fn release(&mut self, number: u64) -> Option<Waker> {
        let index = self.index(number)?;
        self.held.remove(index);
        let next = self.held.front_mut().filter(|_| index == 0)?;
        next.waker.take()
    }

    fn index(&self, number: u64) -> Option<usize> {
        self.held.find_by_key(number, |held| held.number)
    }
}
