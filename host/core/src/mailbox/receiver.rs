//! The end of a mailbox that its consumer holds.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use super::{CloseReason, Stats, shared::Shared, state::State};

/// Receives from a mailbox. Dropping it closes the mailbox.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

/// One part of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// An item.
    Item(T),
    /// So much was lost since the part before this one; what follows was not.
    Lost {
        /// How many items.
        items: u64,
        /// What they counted together.
        bytes: u64,
    },
}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// There is nothing now.
    #[error("the mailbox is empty")]
    Empty,
    /// There never will be anything.
    #[error("the mailbox is closed")]
    Closed,
}

// === impl Receiver ===

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// The next part of the stream, as soon as there is one; `None` once the
    /// mailbox is closed and all of it was received.
    ///
    /// Cancel-safe: what leaves the mailbox does so in the poll that returns
    /// it, so dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Received<T>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The poll behind [`recv`](Self::recv). Only the last waker is kept.
    pub fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Option<Received<T>>> {
        let mut state = self.shared.lock();
        if let Some(item) = state.next_at_once() {
            return Poll::Ready(Some(Received::Item(item)));
        }
        Shared::go_on(state, |state, afterwards| match state.next(afterwards) {
            Ok(received) => Poll::Ready(Some(received)),
            Err(TryRecvError::Closed) => Poll::Ready(None),
            Err(TryRecvError::Empty) => {
                state.listen(cx.waker());
                Poll::Pending
            }
        })
    }

    /// The next part of the stream, if there is one now. Does not block.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] tells a pause from the end.
    pub fn try_recv(&mut self) -> Result<Received<T>, TryRecvError> {
        let mut state = self.shared.lock();
        match state.next_at_once() {
            Some(item) => Ok(Received::Item(item)),
            None => Shared::go_on(state, State::next),
        }
    }

    /// Adds the next parts of the stream to `out`, at most `max_items` (0
    /// counts as 1), as soon as there are any, and says how many; 0 says that
    /// the stream has ended. They are taken under one lock.
    ///
    /// Cancel-safe, like [`recv`](Self::recv).
    pub async fn recv_batch(&mut self, max_items: usize, out: &mut Vec<Received<T>>) -> usize {
        poll_fn(|cx| self.poll_batch(max_items.max(1), out, cx)).await
    }

    /// Closes the mailbox and throws away what is queued: the stream ends
    /// here. Those who wait for room need it no longer.
    pub fn close(&mut self) {
        self.shared.with(|state, afterwards| {
            state.close(CloseReason::Closed, afterwards);
            state.discard(afterwards);
        });
    }

    /// Why the mailbox is closed; `None` while it is open. There may be more
    /// to receive in both cases.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.with(|state, _| state.close_reason())
    }

    /// What the mailbox has counted, all at one instant.
    pub fn stats(&self) -> Stats {
        self.shared.with(|state, _| state.stats())
    }

    fn poll_batch(
        &mut self,
        max_items: usize,
        out: &mut Vec<Received<T>>,
        cx: &Context<'_>,
    ) -> Poll<usize> {
        self.shared.with(|state, afterwards| {
            for count in 0..max_items {
                match state.next(afterwards) {
                    Ok(received) => out.push(received),
                    Err(TryRecvError::Empty) if count == 0 => {
                        state.listen(cx.waker());
                        return Poll::Pending;
                    }
                    Err(_) => return Poll::Ready(count),
                }
            }
            Poll::Ready(max_items)
        })
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.close();
    }
}
