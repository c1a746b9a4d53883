//! All lanes of the host.

use std::{
    fmt,
    hash::BuildHasher,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::{Tickets, queue::Queue};
use crate::types::{Name, Principal};

/// Locks that the lanes are spread over. A principal's lanes share one, so
/// that all tickets of an event are taken under a single lock.
const SHARDS: usize = 64;

/// All lanes of the host.
#[derive(Debug)]
pub struct Lanes {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    capacity: NonZeroUsize,
    /// Counts the events let in; added to under the lock of their shard.
    entries: AtomicU64,
}

/// What, beside the principal, tells the lanes of an event apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneScope {
    /// The capsule, by a number that is its own for the life of the host.
    pub capsule: u32,
    /// The session, for a capsule with one lane per session.
    pub session: Option<Name>,
}

/// A lane that an event would visit has no room left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} has {capacity} events in its lane already", Tenant(.principal))]
#[non_exhaustive]
pub struct LanesFull {
    /// Whose lane it is; `None` is the system itself.
    pub principal: Option<Principal>,
    /// How many events the lane holds.
    pub capacity: usize,
}

/// A publisher's place in the line for room in one lane.
#[derive(Debug)]
struct Waiting<'a> {
    lanes: &'a Lanes,
    key: LaneKey,
    room: Arc<Notify>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    pub(super) principal: Option<Principal>,
    pub(super) scope: LaneScope,
}

type Shard = HashMap<LaneKey, Queue, RandomState>;

struct Tenant<'a>(&'a Option<Principal>);

// === impl Lanes ===

impl Lanes {
    /// No lanes yet; each will hold up to `capacity` events.
    pub fn new(capacity: NonZeroUsize) -> Self {
        let hasher = RandomState::default();
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher,
            capacity,
            entries: AtomicU64::new(0),
        }
    }

    /// Takes a ticket in each of `scopes`, all or none.
    ///
    /// `scopes` are distinct; the tickets have their order. Does not block.
    ///
    /// # Errors
    ///
    /// [`LanesFull`] if one of the lanes has no room, or if a publisher waits
    /// for room in it already.
    pub fn try_enter(
        self: &Arc<Self>,
        principal: Option<&Principal>,
        scopes: impl IntoIterator<Item = LaneScope>,
    ) -> Result<Tickets, LanesFull> {
        let keys = keys(principal, scopes);
        let mut shard = self.shard(principal).lock();
        self.take(&mut shard, &keys, None)
            .map_err(|_full| LanesFull {
                principal: principal.cloned(),
                capacity: self.capacity.get(),
            })
    }

    /// Takes a ticket in each of `scopes`, all at once, as soon as all have
    /// room. Publishers that wait for the same lane go in the order in which
    /// they came. Dropping the future leaves the line.
    pub async fn enter(
        self: &Arc<Self>,
        principal: Option<&Principal>,
        scopes: impl IntoIterator<Item = LaneScope>,
    ) -> Tickets {
        let keys = keys(principal, scopes);
        let mut place: Option<Waiting<'_>> = None;
        loop {
            match self.take_or_wait(principal, &keys, place.as_ref()) {
                Ok(tickets) => return tickets,
                Err(Some(next)) => place = Some(next),
                Err(None) => {}
            }
            if let Some(place) = &place {
                place.room.notified().await;
            }
        }
    }

    /// How many tickets a lane holds at most.
    pub(super) fn capacity(&self) -> usize {
        self.capacity.get()
    }

    /// How many lanes exist at the moment. Takes every lock in turn.
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Takes all tickets, or a place in the line of the first lane without
    /// room; `None` if that is the line in which the caller was just called.
    fn take_or_wait(
        self: &Arc<Self>,
        principal: Option<&Principal>,
        keys: &[LaneKey],
        place: Option<&Waiting<'_>>,
    ) -> Result<Tickets, Option<Waiting<'_>>> {
        let mut shard = self.shard(principal).lock();
        self.take(&mut shard, keys, place).map_err(|full| {
            let waits_there = place.is_some_and(|place| place.key == *full);
            (!waits_there).then(|| Waiting {
                lanes: self,
                key: full.clone(),
                room: shard.entry(full.clone()).or_default().wait(),
            })
        })
    }

    /// Takes all tickets or names the first lane without room. `place` is the
    /// caller's own in the line of one of them.
    fn take<'k>(
        self: &Arc<Self>,
        shard: &mut Shard,
        keys: &'k [LaneKey],
        place: Option<&Waiting<'_>>,
    ) -> Result<Tickets, &'k LaneKey> {
        let full = keys.iter().find(|key| {
            shard.get(*key).is_some_and(|queue| {
                let own = place.filter(|place| place.key == **key);
                let is_next = queue.is_next(own.map(|place| &place.room));
                queue.held() >= self.capacity.get() || !is_next
            })
        });
        match full {
            Some(full) => Err(full),
            None => Ok(Tickets::new(
                self.clone(),
                self.entries.fetch_add(1, Ordering::Relaxed),
                keys.iter().map(|key| {
                    let number = shard.entry(key.clone()).or_default().push();
                    (key.clone(), number)
                }),
            )),
        }
    }

    /// Runs `act` on the lane, and removes the lane if nobody would miss it.
    pub(super) fn with<R>(&self, key: &LaneKey, act: impl FnOnce(&mut Queue) -> R) -> Option<R> {
        let mut shard = self.shard(key.principal.as_ref()).lock();
        let queue = shard.get_mut(key)?;
        let result = act(queue);
        if queue.is_idle() {
            shard.remove(key);
        }
        Some(result)
    }

    #[expect(clippy::indexing_slicing, reason = "the index is a remainder")]
    fn shard(&self, principal: Option<&Principal>) -> &Mutex<Shard> {
        let hash = self.hasher.hash_one(principal);
        &self.shards[hash as usize % self.shards.len()]
    }
}

fn keys(
    principal: Option<&Principal>,
    scopes: impl IntoIterator<Item = LaneScope>,
) -> SmallVec<[LaneKey; 4]> {
    scopes
        .into_iter()
        .map(|scope| LaneKey {
            principal: principal.cloned(),
            scope,
        })
        .collect()
}

// === impl Waiting ===

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let capacity = self.lanes.capacity();
        self.lanes
            .with(&self.key, |queue| queue.stop_waiting(&self.room, capacity));
    }
}

// === impl Tenant ===

impl fmt::Display for Tenant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(principal) => write!(f, "principal `{principal}`"),
            None => f.write_str("the system itself"),
        }
    }
}
