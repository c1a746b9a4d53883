//! Room in a mailbox whose policy is to block: held, or waited for.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    shared::{Afterwards, Shared},
    state::State,
};

/// Room for one item in a mailbox, held until it is used by
/// [`Sender::push_reserved`](super::Sender::push_reserved) or dropped. It
/// does not keep the mailbox open.
#[derive(Debug)]
#[must_use = "dropping the reservation gives the room back"]
pub struct Reservation<T> {
    shared: Arc<Shared<T>>,
    /// How many bytes; `None` once it is used.
    held: Option<usize>,
}

/// The first place in the line for room in a mailbox.
///
/// The room is there, but not held. As long as the turn lives nobody behind
/// it is called, so it is to be dropped before its owner waits for anything
/// else.
#[derive(Debug)]
#[must_use = "dropping the turn calls the next in line"]
pub struct Turn<'a, T> {
    _place: Option<Place<'a, T>>,
}

/// Why no room was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoom {
    /// There is none now, or others wait for it already.
    #[error("the mailbox is full")]
    Full,
    /// There never will be.
    #[error("{bytes} bytes never fit a mailbox of {max_bytes} bytes")]
    TooLarge {
        /// How many were asked for.
        bytes: usize,
        /// How many the mailbox holds.
        max_bytes: usize,
    },
}

/// A place in the line for room. Dropped, it is left, and the next is called
/// if there is room.
#[derive(Debug)]
pub(super) struct Place<'a, T> {
    shared: &'a Arc<Shared<T>>,
    bytes: usize,
    /// `None` before the first poll.
    ticket: Option<u64>,
}

// === impl Reservation ===

impl<T> Reservation<T> {
    /// `bytes` are held already.
    pub(super) fn new(shared: &Arc<Shared<T>>, bytes: usize) -> Self {
        Self {
            shared: shared.clone(),
            held: Some(bytes),
        }
    }

    /// Whether it holds room of this mailbox.
    pub(super) fn is_of(&self, shared: &Arc<Shared<T>>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// Leaves the room to the caller, to be given back with a push.
    pub(super) fn into_held(mut self) -> Option<usize> {
        self.held.take()
    }
}

impl<T> Drop for Reservation<T> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.shared
                .with(|state, afterwards| state.release(held, afterwards));
        }
    }
}

// === impl Turn ===

impl<'a, T> Turn<'a, T> {
    /// The turn of one who need not wait.
    pub(super) fn at_once() -> Self {
        Self { _place: None }
    }

    /// The turn of one who is called.
    pub(super) fn of(place: Place<'a, T>) -> Self {
        Self {
            _place: Some(place),
        }
    }
}

// === impl Place ===

impl<'a, T> Place<'a, T> {
    /// A place for one who needs room for `bytes`; taken at the first poll.
    pub(super) fn new(shared: &'a Arc<Shared<T>>, bytes: usize) -> Self {
        Self {
            shared,
            bytes,
            ticket: None,
        }
    }

    /// Waits until it is called, and keeps the place.
    pub(super) async fn called(&mut self) {
        poll_fn(|cx| self.poll_called(cx, |_, _, _| ())).await;
    }

    /// Waits until it is called, and gives the place up for a reservation, or
    /// for nothing if the mailbox is closed.
    pub(super) async fn reserved(&mut self) -> Result<Option<Reservation<T>>, NoRoom> {
        let bytes = self.bytes;
        let held = poll_fn(|cx| {
            self.poll_called(cx, |state, ticket, afterwards| {
                let held = state.reserve(bytes);
                state.leave_line(ticket, afterwards);
                held
            })
        })
        .await?;
        Ok(held.then(|| Reservation::new(self.shared, bytes)))
    }

    /// Runs `act` under the lock under which it finds that it is called.
    fn poll_called<R>(
        &mut self,
        cx: &Context<'_>,
        act: impl FnOnce(&mut State<T>, u64, &mut Afterwards<T>) -> R,
    ) -> Poll<R> {
        let Self {
            shared,
            bytes,
            ticket,
        } = self;
        shared.with(|state, afterwards| {
            let ticket = *ticket.get_or_insert_with(|| state.line().join(*bytes));
            if state.is_called(ticket, *bytes) {
                Poll::Ready(act(state, ticket, afterwards))
            } else {
                state.line().wait(ticket, cx.waker());
                Poll::Pending
            }
        })
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared
                .with(|state, afterwards| state.leave_line(ticket, afterwards));
        }
    }
}
