//! What the two ends of a mailbox share.

use std::{fmt, task::Waker};

use super::{FairQueue, MailboxConfig, state::State};
use crate::sync::Mutex;

/// One mailbox.
pub(super) struct Shared<T> {
    pub(super) config: MailboxConfig,
    state: Mutex<State<T>>,
}

/// What is to be done once the lock is released, because it runs code that
/// this module does not know.
pub(super) struct Afterwards<T> {
    /// The first to wake: there is one at most, nearly always.
    wake: Option<Waker>,
    wake_more: Vec<Waker>,
    drop: Vec<T>,
    drop_all: Option<Box<FairQueue<T>>>,
}

// === impl Shared ===

impl<T> Shared<T> {
    pub(super) fn new(config: MailboxConfig) -> Self {
        Self {
            config,
            state: Mutex::new(State::new(config)),
        }
    }

    /// Runs `act` under the lock, and then what it leaves for afterwards.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State<T>, &mut Afterwards<T>) -> R) -> R {
        let mut afterwards = Afterwards {
            wake: None,
            wake_more: Vec::new(),
            drop: Vec::new(),
            drop_all: None,
        };
        let result = act(&mut self.state.lock(), &mut afterwards);
        if let Some(first) = afterwards.wake.take() {
            first.wake();
            afterwards.wake_more.drain(..).for_each(Waker::wake);
        }
        result
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

// === impl Afterwards ===

impl<T> Afterwards<T> {
    /// Wakes these.
    pub(super) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            match self.wake {
                None => self.wake = Some(waker),
                Some(_) => self.wake_more.push(waker),
            }
        }
    }

    /// Drops an item.
    pub(super) fn drop(&mut self, item: T) {
        self.drop.push(item);
    }

    /// Drops a whole queue.
    pub(super) fn drop_all(&mut self, queue: FairQueue<T>) {
        self.drop_all = Some(Box::new(queue));
    }
}
