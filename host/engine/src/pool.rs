//! What all live instances of a host share: places, memory, and the order in
//! which idle ones go.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use capsule_core::types::Principal;
use crossbeam_utils::CachePadded;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    idle::{Idle, Key, Taken},
    live::Live,
    processors::PerProcessor,
    seats::Seats,
};

/// Whom an idle instance may serve: a principal, or the system (`None`). In
/// `shared` mode all are parked under `None`, and serve everyone.
pub(crate) type Owner = Option<Principal>;

/// The instances of one engine. What calls read lies apart from what those
/// that make instances write.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) seats: CachePadded<Seats>,
    /// Instances, by the thread that began the last call, so that threads do not
    /// meet: the next event of a principal mostly comes to the same one.
    idle: PerProcessor<Mutex<Parts>>,
    hasher: RandomState,
    memory_budget: usize,
    memory_used: CachePadded<AtomicUsize>,
    capsules: AtomicU64,
    /// Idle instances that were given up for others.
    evicted: AtomicU64,
}

type Parts = Idle<Owner, Box<Live>>;

/// A slot among the idle instances whose instance is in use. Whatever ends the
/// use before it is parked frees the slot.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    part: &'a Mutex<Parts>,
    /// `None` once it was parked.
    taken: Option<Taken>,
}

// === impl Pool ===

impl Pool {
    pub(crate) fn new(places: u32, memory_budget: usize) -> Self {
        Self {
            seats: CachePadded::new(Seats::new(places)),
            idle: PerProcessor::default(),
            hasher: RandomState::default(),
            memory_budget,
            memory_used: CachePadded::default(),
            capsules: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// A number no other capsule of the engine has, not even another one of
    /// the same name.
    pub(crate) fn register(&self) -> u64 {
        self.capsules.fetch_add(1, Ordering::Relaxed)
    }

    /// A slot for an instance of `capsule` for `owner`, and the idle one that
    /// this thread used last, or one of another's; none if one is to be made.
    pub(crate) fn take(
        &self,
        capsule: u64,
        owner: &Owner,
        now: Instant,
    ) -> (Lease<'_>, Option<Box<Live>>) {
        let key = Key::new(capsule, owner, &self.hasher);
        let part = self.idle.mine();
        let (taken, mine) = part.lock().take(&key, now);
        let lease = Lease {
            pool: self,
            part,
            taken: Some(taken),
        };
        let mut others = self.idle.iter();
        let live = mine.or_else(|| others.find_map(|part| part.lock().remove(&key)));
        (lease, live)
    }

    /// Drops the instance that was not used for the longest time, from when its
    /// last call began; `false` if none is idle.
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
        oldest: impl Fn(&mut Parts) -> Option<Instant>,
        evict: impl Fn(&mut Parts) -> Option<Box<Live>>,
    ) -> bool {
        loop {
            let all = self.idle.iter();
            let with_age = all.filter_map(|part| Some((oldest(&mut part.lock())?, part)));
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
        for part in self.idle.iter() {
            let gone = part.lock().purge(capsule);
            drop(gone);
        }
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

// === impl Lease ===

impl Lease<'_> {
    /// Puts an instance into the slot, as the most recently used, at `now`;
    /// someone who waits for a place gets that of the oldest.
    pub(crate) fn park(mut self, live: Box<Live>, now: Instant) {
        if let Some(taken) = self.taken.take() {
            self.part.lock().park(taken, live, now);
        }
        if self.pool.seats.wanted() {
            self.pool.evict();
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.part.lock().free(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_ends_early_leaves_no_slot() {
        let pool = Pool::new(1, 0);
        let (lease, live) = pool.take(0, &None, Instant::now());
        assert!(live.is_none());
        let slots = || {
            pool.idle
                .iter()
                .map(|part| part.lock().slots())
                .sum::<usize>()
        };
        assert_eq!(slots(), 1);
        drop(lease);
        assert_eq!(slots(), 0);
    }
}
