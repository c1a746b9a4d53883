//! What all live instances of a host share: places, memory, and the order in
//! which idle ones go.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use capsule_core::types::Principal;
use parking_lot::Mutex;

use crate::{idle::Idle, live::Live, seats::Seats};

/// Whom an idle instance may serve: a principal, or the system (`None`). In
/// `shared` mode all are parked under `None`, and serve everyone.
pub(crate) type Owner = Option<Principal>;

/// The instances of one engine.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) seats: Seats,
    idle: Mutex<Idle<Owner, Live>>,
    capsules: AtomicU64,
    /// Idle instances that were given up for others.
    evicted: AtomicU64,
    memory_used: AtomicUsize,
    memory_budget: usize,
}

// === impl Pool ===

impl Pool {
    pub(crate) fn new(places: u32, memory_budget: usize) -> Self {
        Self {
            seats: Seats::new(places),
            idle: Mutex::new(Idle::new()),
            capsules: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            memory_used: AtomicUsize::new(0),
            memory_budget,
        }
    }

    /// A number no other capsule of the engine has, not even another one of
    /// the same name.
    pub(crate) fn register(&self) -> u64 {
        self.capsules.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn take(&self, capsule: u64, owner: &Owner) -> Option<Live> {
        self.idle.lock().take(capsule, owner)
    }

    pub(crate) fn park(&self, capsule: u64, owner: Owner, live: Live) {
        self.idle.lock().park(capsule, owner, live);
        if self.seats.wanted() {
            self.evict();
        }
    }

    /// Drops the instance that was not used for the longest time; `false` if
    /// none is idle.
    pub(crate) fn evict(&self) -> bool {
        // Bound to a name first: the lock is gone when the instance is dropped.
        let evicted = self.idle.lock().evict();
        self.count(evicted.is_some())
    }

    /// The same among the instances of one capsule.
    pub(crate) fn evict_of(&self, capsule: u64) -> bool {
        let evicted = self.idle.lock().evict_of(capsule);
        self.count(evicted.is_some())
    }

    /// How many idle instances were given up for others.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn count(&self, evicted: bool) -> bool {
        self.evicted.fetch_add(evicted.into(), Ordering::Relaxed);
        evicted
    }

    /// Drops all idle instances of a capsule that is going away.
    pub(crate) fn purge(&self, capsule: u64) {
        let gone = self.idle.lock().purge(capsule);
        drop(gone);
    }

    /// Bytes in use by all live instances.
    pub(crate) fn memory_used(&self) -> usize {
        self.memory_used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` from the budget, giving up idle instances for them if it
    /// must; `false` if that is not enough.
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        let fits = |used: usize| {
            used.checked_add(bytes)
                .filter(|sum| *sum <= self.memory_budget)
        };
        loop {
            let taken = self
                .memory_used
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
            if taken.is_ok() {
                return true;
            }
            if bytes > self.memory_budget || !self.evict() {
                return false;
            }
        }
    }

    /// Gives `bytes` back.
    pub(crate) fn release(&self, bytes: usize) {
        self.memory_used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
