//! What all live instances of a host share: places, memory, and the order in
//! which idle ones go.

use std::{
    hash::BuildHasher,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use capsule_core::types::Principal;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{idle::Idle, live::Live, seats::Seats};

/// Whom an idle instance may serve: a principal, or the system (`None`). In
/// `shared` mode all are parked under `None`, and serve everyone.
pub(crate) type Owner = Option<Principal>;

/// Locks that idle instances are spread over. No setting: to give one up looks
/// at each part, to serve one at a single one.
const PARTS: usize = 16;

/// The instances of one engine.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) seats: Seats,
    /// Idle instances, by the hash of their owner, so that threads which serve
    /// different principals do not meet.
    idle: Box<[Mutex<Idle<Owner, Live>>]>,
    hasher: RandomState,
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
            idle: (0..PARTS).map(|_| Mutex::new(Idle::new())).collect(),
            hasher: RandomState::default(),
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
        self.part(owner).lock().take(capsule, owner)
    }

    pub(crate) fn park(&self, capsule: u64, owner: Owner, live: Live, now: Instant) {
        let part = self.part(&owner);
        part.lock().park(capsule, owner, live, now);
        if self.seats.wanted() {
            self.evict();
        }
    }

    /// Drops the instance that was not used for the longest time; `false` if
    /// none is idle.
    pub(crate) fn evict(&self) -> bool {
        self.evict_oldest(Idle::oldest, Idle::evict)
    }

    /// The same among the instances of one capsule.
    pub(crate) fn evict_of(&self, capsule: u64) -> bool {
        self.evict_oldest(
            |idle| idle.oldest_of(capsule),
            |idle| idle.evict_of(capsule),
        )
    }

    /// Looks at the oldest of each part, and drops one of the part that has the
    /// oldest of all; again if others took it meanwhile.
    fn evict_oldest(
        &self,
        oldest: impl Fn(&Idle<Owner, Live>) -> Option<Instant>,
        evict: impl Fn(&mut Idle<Owner, Live>) -> Option<Live>,
    ) -> bool {
        loop {
            let all = self.idle.iter();
            let with_age = all.filter_map(|part| Some((oldest(&part.lock())?, part)));
            let Some((_, part)) = with_age.min_by_key(|(since, _)| *since) else {
                return false;
            };
            // Bound to a name first: the lock is gone when the instance is
            // dropped.
            let evicted = evict(&mut part.lock());
            if evicted.is_some() {
                self.evicted.fetch_add(1, Ordering::Relaxed);
                return true;
            }
        }
    }

    /// How many idle instances were given up for others.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Drops all idle instances of a capsule that is going away.
    pub(crate) fn purge(&self, capsule: u64) {
        for part in &self.idle {
            let gone = part.lock().purge(capsule);
            drop(gone);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the index is a remainder")]
    fn part(&self, owner: &Owner) -> &Mutex<Idle<Owner, Live>> {
        &self.idle[self.hasher.hash_one(owner) as usize % PARTS]
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
