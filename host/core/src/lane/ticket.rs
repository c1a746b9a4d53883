//! The tickets of one event.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use smallvec::SmallVec;

use super::{Lanes, table::LaneKey};

/// The tickets of one event, one a lane. Dropping them gives back all that
/// are still held.
#[derive(Debug)]
#[must_use = "dropping the tickets gives up the event's place"]
pub struct Tickets {
    lanes: Arc<Lanes>,
    entry: u64,
    held: SmallVec<[Option<(LaneKey, u64)>; 4]>,
}

// === impl Tickets ===

impl Tickets {
    pub(super) fn new(
        lanes: Arc<Lanes>,
        entry: u64,
        tickets: impl IntoIterator<Item = (LaneKey, u64)>,
    ) -> Self {
        Self {
            lanes,
            entry,
            held: tickets.into_iter().map(Some).collect(),
        }
    }

    /// The event's place among all that were let in, from 0. Events of one
    /// principal have the same order here as in every lane they share.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// Waits until the ticket number `index`, counted as they were asked for,
    /// is at the head of its lane. One that was given back is at once.
    pub async fn turn(&self, index: usize) {
        poll_fn(|cx| self.poll_turn(index, cx)).await;
    }

    /// Gives the ticket number `index` back, and lets the next in its lane
    /// go on.
    pub fn release(&mut self, index: usize) {
        if let Some(ticket) = self.held.get_mut(index) {
            release(&self.lanes, ticket);
        }
    }

    fn poll_turn(&self, index: usize, cx: &Context<'_>) -> Poll<()> {
        let Some(Some((key, number))) = self.held.get(index) else {
            return Poll::Ready(());
        };
        let here = self
            .lanes
            .with(key, |queue| queue.poll_turn(*number, cx.waker()));
        match here {
            Some(false) => Poll::Pending,
            Some(true) | None => Poll::Ready(()),
        }
    }
}

impl Drop for Tickets {
    fn drop(&mut self) {
        for ticket in &mut self.held {
            release(&self.lanes, ticket);
        }
    }
}

fn release(lanes: &Lanes, ticket: &mut Option<(LaneKey, u64)>) {
    let Some((key, number)) = ticket.take() else {
        return;
    };
    let next = lanes
        .with(&key, |queue| queue.release(number, lanes.capacity()))
        .flatten();
    // Woken outside of the lock: the waker may run other code.
    if let Some(next) = next {
        next.wake();
    }
}
