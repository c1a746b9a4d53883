//! The rules of mailboxes, each quoted by the test that fails without it.

mod accounting;
mod line;
pub(super) mod owned;
mod policies;
#[cfg(shuttle)]
mod schedules;
mod threads;

use std::{
    num::NonZeroUsize,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use self::owned::{Receiver, Reservation, Sender, Turn, mailbox};
use super::*;
use crate::types::Principal;

/// A mailbox of so many bytes and items.
fn small<T>(overflow: Overflow, bytes: usize, items: usize) -> (Sender<T>, Receiver<T>) {
    mailbox(MailboxConfig {
        max_bytes: NonZeroUsize::new(bytes).unwrap(),
        max_items: NonZeroUsize::new(items).unwrap(),
        quantum_bytes: Quantum::MIN,
        overflow,
    })
}

fn principal(number: usize) -> Principal {
    Principal::new(&format!("p{number}")).unwrap()
}

/// Everything that there is to receive now.
fn drain<T>(receiver: &mut Receiver<T>) -> Vec<Received<T>> {
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

fn lost<T>(items: u64, bytes: u64) -> Received<T> {
    Received::Lost { items, bytes }
}

fn tally(items: u64, bytes: u64) -> Tally {
    Tally { items, bytes }
}

/// A future that is polled by hand, and counts how often it was woken.
struct Polled<'a, R> {
    future: Pin<Box<dyn Future<Output = R> + 'a>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl<'a, R> Polled<'a, R> {
    fn new(future: impl Future<Output = R> + 'a) -> Self {
        Self {
            future: Box::pin(future),
            wakes: Arc::default(),
        }
    }

    /// What it returns, if it is ready.
    fn poll(&mut self) -> Option<R> {
        let waker = Waker::from(self.wakes.clone());
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// The same, but it is polled first and found not to be.
    fn pending(future: impl Future<Output = R> + 'a) -> Self {
        let mut polled = Self::new(future);
        assert!(polled.poll().is_none(), "it waits");
        polled
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
