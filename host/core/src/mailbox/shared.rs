//! What the two ends of a mailbox share.

use std::{fmt, task::Waker};

use super::{FairQueue, MailboxConfig, state::State};
use crate::sync::{AtomicUsize, Mutex, MutexGuard};

/// One mailbox.
pub(super) struct Shared<T> {
    pub(super) config: MailboxConfig,
    /// How many senders there are.
    pub(super) senders: AtomicUsize,
    state: Mutex<State<T>>,
}

/// What is to be done once the lock is released, because it runs code that
/// this module does not know.
pub(super) struct Afterwards<T> {
    /// The first to wake: there is one at most, nearly always.
    wake: Option<Waker>,
    /// The first to drop: one that makes room for another of its size is the
    /// only one.
    drop: Option<T>,
    more: Option<Box<More<T>>>,
}

/// What there is beside that.
struct More<T> {
    wake: Vec<Waker>,
    drop: Vec<T>,
    drop_all: Option<FairQueue<T>>,
}

// === impl Shared ===

impl<T> Shared<T> {
    /// An empty mailbox with one sender.
    pub(super) fn new(config: MailboxConfig) -> Self {
        Self {
            config,
            senders: AtomicUsize::new(1),
            state: Mutex::new(State::new(config)),
        }
    }

    /// The lock, for what leaves nothing for afterwards.
    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }

    /// Runs `act` under the lock, and then what it leaves for afterwards.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State<T>, &mut Afterwards<T>) -> R) -> R {
        Self::go_on(self.lock(), act)
    }

    /// The same for one who has the lock already.
    pub(super) fn go_on<R>(
        mut state: MutexGuard<'_, State<T>>,
        act: impl FnOnce(&mut State<T>, &mut Afterwards<T>) -> R,
    ) -> R {
        let mut afterwards = Afterwards {
            wake: None,
            drop: None,
            more: None,
        };
        let result = act(&mut state, &mut afterwards);
        drop(state);
        if let Some(first) = afterwards.wake {
            first.wake();
        }
        if let Some(more) = afterwards.more {
            more.wake.into_iter().for_each(Waker::wake);
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
    /// Wakes this one, if there is one.
    #[inline]
    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            match self.wake {
                None => self.wake = Some(waker),
                Some(_) => self.more().wake.push(waker),
            }
        }
    }

    /// Drops an item.
    pub(super) fn drop(&mut self, item: T) {
        match self.drop {
            None => self.drop = Some(item),
            Some(_) => self.more().drop.push(item),
        }
    }

    /// Drops a whole queue.
    pub(super) fn drop_all(&mut self, queue: FairQueue<T>) {
        self.more().drop_all = Some(queue);
    }

    fn more(&mut self) -> &mut More<T> {
        self.more.get_or_insert_with(|| {
            Box::new(More {
                wake: Vec::new(),
                drop: Vec::new(),
                drop_all: None,
            })
        })
    }
}
