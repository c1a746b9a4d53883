//! Who is to be woken.

use std::task::Waker;

/// Who is to be woken, once no lock is held any more: nearly always nobody,
/// which costs nothing to make and to drop.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    /// Invariant: it is there if there are more.
    first: Option<Waker>,
    more: Vec<Waker>,
}

// === impl Wakers ===

impl Wakers {
    /// Adds this one, if there is one.
    pub(super) fn extend(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            match self.first {
                None => self.first = Some(waker),
                Some(_) => self.more.push(waker),
            }
        }
    }

    /// Wakes them, first to last.
    pub(super) fn wake(self) {
        if let Some(first) = self.first {
            first.wake();
            self.more.into_iter().for_each(Waker::wake);
        }
    }
}
