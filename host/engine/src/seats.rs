//! How many instances may live at once, and who waits for a place.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A place for a live instance; dropping it gives the place to the next in
/// line.
pub(crate) type Seat = OwnedSemaphorePermit;

/// A number of places for instances.
#[derive(Debug)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

struct Waiting<'a>(&'a AtomicUsize);

// === impl Seats ===

impl Seats {
    pub(crate) fn new(places: u32) -> Self {
        Self {
            free: Arc::new(Semaphore::new(places as usize)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits until `places` are free, after calling `evict` for as long as it
    /// frees any.
    ///
    /// `None` only if the seats were closed, which they never are.
    pub(crate) async fn take(&self, places: u32, evict: impl Fn() -> bool) -> Option<Seat> {
        if let Some(seat) = self.try_take(places) {
            return Some(seat);
        }
        // Announced before the last look for an idle instance: one that is
        // parked after that look finds the announcement, and gives way.
        let waiting = Waiting::announce(&self.waiting);
        while evict() {
            if let Some(seat) = self.try_take(places) {
                return Some(seat);
            }
        }
        let seat = Arc::clone(&self.free).acquire_many_owned(places).await;
        drop(waiting);
        seat.ok()
    }

    /// Whether someone waits: an instance that has become idle should go.
    pub(crate) fn wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    fn try_take(&self, places: u32) -> Option<Seat> {
        Arc::clone(&self.free).try_acquire_many_owned(places).ok()
    }
}

// === impl Waiting ===

impl<'a> Waiting<'a> {
    fn announce(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
