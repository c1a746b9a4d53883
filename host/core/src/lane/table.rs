//! All lanes of the host.

use std::{hash::BuildHasher, mem, num::NonZeroUsize, sync::Arc};

use crossbeam_utils::CachePadded;
use foldhash::fast::RandomState;

use super::{
    LaneScope, NoRoom, RoomUse,
    line::{Line, Place},
    room::Room,
    shard::{Common, Shard, Where},
    tenant::Which,
    ticket::{Entered, Held},
    wakers::Wakers,
};
use crate::{
    sync::{AtomicU64, Mutex},
    types::Principal,
};

/// Locks that the principals are spread over: many times the processors, and
/// no setting, since nobody could see the difference. Few where interleavings
/// are tried out, so that principals meet.
const SHARDS: usize = if cfg!(shuttle) { 2 } else { 256 };

/// All lanes of the host.
#[derive(Debug)]
pub struct Lanes<D> {
    shards: Box<[CachePadded<Mutex<Shard<D>>>]>,
    hasher: RandomState,
    pub(super) config: LaneConfig,
    pub(super) room: Room,
    /// Held while the reserves are emptied.
    reclaiming: Mutex<()>,
    /// The lanes of those who have none of their own.
    pub(super) shared: Mutex<Shard<D>>,
    /// Numbers of events that the shards have taken.
    numbers: CachePadded<AtomicU64>,
}

/// The bounds of [`Lanes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    /// Events of one (capsule, principal) under way; and of one principal that
    /// are not delivered to subscriptions yet. Default 64.
    pub capacity: NonZeroUsize,
    /// Lanes of one capsule; principals beyond that need one share one. One with
    /// a single event under way needs none. Default 10,000.
    pub max_lanes_per_capsule: usize,
    /// Events of the whole host under way, and their bytes. Default 65,536
    /// events (at most 8,388,607) and 256 MiB (at most 1 TiB less a byte).
    pub in_flight: RoomUse,
    /// What of that one principal may have. Default a quarter of each.
    pub in_flight_per_principal: RoomUse,
}

/// What an event wants of the lanes.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Whose event it is; `None` is the system itself.
    pub principal: &'a Option<Principal>,
    /// The lanes it visits; distinct. The tickets have their order.
    pub scopes: &'a Arc<[LaneScope]>,
    /// Whether it is shown to somebody before its chain runs.
    pub announces: bool,
    /// Whether it is delivered to somebody when it is admitted.
    pub delivers: bool,
    /// What it counts against the host's bound.
    pub bytes: u64,
    /// Whether it was made by a hook: then it goes before those who wait for
    /// room in a lane, for they may wait for the very event that made it.
    pub is_nested: bool,
}

/// Where a principal is that has anything under way, as long as it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    shard: u32,
    tenant: u32,
}

// === impl At ===

impl At {
    /// The number of the principal's shard.
    pub(super) fn shard(self) -> u32 {
        self.shard
    }

    /// The principal's number in its shard.
    pub(super) fn tenant(self) -> usize {
        self.tenant as usize
    }
}

// === impl LaneConfig ===

impl Default for LaneConfig {
    fn default() -> Self {
        Self {
            capacity: const { NonZeroUsize::new(64).unwrap() },
            max_lanes_per_capsule: 10_000,
            in_flight: RoomUse {
                events: 65_536,
                bytes: 256 << 20,
            },
            in_flight_per_principal: RoomUse {
                events: 16_384,
                bytes: 64 << 20,
            },
        }
    }
}

// === impl Visit ===

impl Visit<'_> {
    /// Whether those who wait in `line` are no obstacle.
    pub(super) fn passes(&self, line: &Line, own: Option<Place>) -> bool {
        self.is_nested || line.lets(own)
    }

    /// Whether its order matters to nobody.
    pub(super) fn is_free(&self) -> bool {
        self.scopes.is_empty() && !self.delivers && !self.announces
    }
}

// === impl Lanes ===

impl<D> Lanes<D> {
    /// No lanes yet.
    pub fn new(config: LaneConfig) -> Self {
        let hasher = RandomState::default();
        let mut shared = Shard::new(hasher.clone());
        shared.enter(&None, 0);
        Self {
            shards: (0..SHARDS)
                .map(|_| CachePadded::new(Mutex::new(Shard::new(hasher.clone()))))
                .collect(),
            hasher,
            room: Room::new(config.in_flight, SHARDS),
            reclaiming: Mutex::default(),
            shared: Mutex::new(shared),
            numbers: CachePadded::new(AtomicU64::new(0)),
            config,
        }
    }

    /// How many lanes exist at the moment. Takes every lock in turn.
    pub fn count(&self) -> usize {
        self.sum(Shard::lanes)
    }

    /// How many principals have events under way or wait for room. Takes every
    /// lock in turn.
    pub fn principals(&self) -> usize {
        self.sum(Shard::principals)
    }

    /// What is under way. Takes every lock in turn.
    pub fn in_flight(&self) -> RoomUse {
        let held = self.shards.iter().map(|shard| shard.lock().reserve.held());
        let put_by = held.fold(RoomUse::default(), RoomUse::plus);
        self.room.used().zip(put_by, u64::saturating_sub)
    }

    /// How many principals wait for the host's own bound.
    pub fn waiting(&self) -> usize {
        self.room.waiting()
    }

    /// What may be under way.
    pub fn max_in_flight(&self) -> RoomUse {
        self.room.max()
    }

    fn sum(&self, count: impl Fn(&Shard<D>) -> usize) -> usize {
        self.shards.iter().map(|shard| count(&shard.lock())).sum()
    }

    /// Gives back what the reserves hold, for one that finds the host full. The
    /// caller has no lock.
    pub(super) fn reclaim(&self) {
        // Who comes second waits for what the first gives back.
        let _alone = self.reclaiming.lock();
        if !self.room.empties() {
            return;
        }
        for shard in 0..SHARDS as u32 {
            self.with_shard(shard, |shard, wakers| {
                self.room.empty(&mut shard.reserve, wakers);
            });
        }
    }

    /// The number of a principal's shard, and the principal's hash.
    pub(super) fn shard_of(&self, principal: &Option<Principal>) -> (u32, u64) {
        let hash = self.hasher.hash_one(principal);
        // Bits that the shard's own table does not look at.
        ((hash >> 32) as u32 % SHARDS as u32, hash)
    }

    /// Runs `act` on the entry of a principal, which is made if need be; then
    /// as [`with`](Self::with).
    pub(super) fn with_principal<R>(
        &self,
        principal: &Option<Principal>,
        act: impl FnOnce(At, &mut Shard<D>, &mut Wakers) -> R,
    ) -> R {
        let (number, hash) = self.shard_of(principal);
        self.with_shard(number, |shard, wakers| {
            let tenant = shard.enter(principal, hash);
            let at = At {
                shard: number,
                tenant: tenant as u32,
            };
            let result = act(at, shard, wakers);
            shard.leave_if_idle(tenant);
            result
        })
    }

    /// Runs `act` on a principal's entry, then removes the entry if nobody
    /// would miss it, and wakes.
    pub(super) fn with<R>(
        &self,
        at: At,
        act: impl FnOnce(&mut Shard<D>, usize, &mut Wakers) -> R,
    ) -> R {
        self.with_shard(at.shard, |shard, wakers| {
            let result = act(shard, at.tenant(), wakers);
            shard.leave_if_idle(at.tenant());
            result
        })
    }

    /// Runs `act` on a shard, and wakes.
    pub(super) fn with_shard<R>(
        &self,
        number: u32,
        act: impl FnOnce(&mut Shard<D>, &mut Wakers) -> R,
    ) -> R {
        let mut wakers = Wakers::default();
        let result = act(&mut self.shard(number).lock(), &mut wakers);
        // Woken outside of the lock: a waker may run other code.
        wakers.wake();
        result
    }

    #[expect(clippy::indexing_slicing, reason = "there are always that many")]
    pub(super) fn shard(&self, number: u32) -> &Mutex<Shard<D>> {
        &self.shards[number as usize]
    }

    /// The lanes that those share who have none of their own.
    pub(super) fn common(&self) -> Common<'_, D> {
        Common::new(&self.shared)
    }

    /// Takes everything, or says what is in the way.
    pub(super) fn enter_now(
        &self,
        at: At,
        shard: &mut Shard<D>,
        visit: Visit<'_>,
        wakers: &mut Wakers,
    ) -> Result<Entered, Where> {
        match shard.obstacle(at.tenant(), visit, None, &self.config) {
            Some(place) => Err(place),
            None => match self.room.try_take(&mut shard.reserve, visit.bytes, wakers) {
                true => Ok(self.take(at, shard, visit)),
                false => Err(Where::Host),
            },
        }
    }

    /// Takes everything; there is room, and it is taken.
    pub(super) fn take(&self, at: At, shard: &mut Shard<D>, visit: Visit<'_>) -> Entered {
        let entry = shard.number(&self.numbers);
        let max_lanes = self.config.max_lanes_per_capsule;
        let mut common = self.common();
        let mut tickets = Vec::new();
        let is_solo = shard.be_solo(at.tenant(), entry, visit.scopes);
        if !is_solo {
            let tenant = shard.tenant(at.tenant());
            if visit
                .scopes
                .iter()
                .any(|scope| tenant.marks(scope).is_some())
            {
                shard.join_solo(at.tenant(), &mut common, max_lanes);
            }
            tickets.reserve_exact(visit.scopes.len());
            for scope in &**visit.scopes {
                let ticket = shard.push(at.tenant(), scope, entry, &mut common, max_lanes);
                tickets.push(Some(ticket));
            }
        }
        let tenant = shard.tenant_mut(at.tenant());
        let one = RoomUse {
            events: 1,
            bytes: visit.bytes,
        };
        tenant.used = tenant.used.plus(one);
        let begins_to_share = mem::take(&mut tenant.begins_to_share);
        let is_first_out =
            visit.delivers && shard.queues(at.tenant()).of(Which::Admitted).is_idle();
        let mut place = |which| shard.queues(at.tenant()).of(which).push();
        let held = Held {
            is_solo,
            taken: 0,
            tickets: tickets.into_boxed_slice(),
            begins_to_share,
            announcement: visit.announces.then(|| place(Which::Announced)),
            delivery: visit.delivers.then(|| place(Which::Admitted)),
            is_first_out,
        };
        Entered {
            shard: at.shard,
            at: Some(at),
            entry,
            held,
        }
    }

    /// Takes room for an event whose order matters to nobody, if there is.
    pub(super) fn enter_free(&self, visit: Visit<'_>) -> Option<Entered> {
        let (number, _) = self.shard_of(visit.principal);
        self.with_shard(number, |shard, wakers| {
            let has_room = self.room.try_take(&mut shard.reserve, visit.bytes, wakers);
            has_room.then(|| Entered {
                shard: number,
                at: None,
                entry: shard.number(&self.numbers),
                held: Held::default(),
            })
        })
    }

    pub(super) fn no_room(&self, visit: Visit<'_>, place: &Where, used: RoomUse) -> NoRoom {
        let principal = visit.principal.clone();
        let capacity = self.config.capacity.get();
        let share = self.config.in_flight_per_principal;
        match place {
            Where::Lane(scope) => NoRoom::Lane {
                principal,
                to: scope.group.name().clone(),
                capacity,
            },
            Where::Outbox => NoRoom::Outbox {
                principal,
                capacity,
            },
            Where::Host if used.leaves_no_room_for(visit.bytes, share) => NoRoom::Share {
                principal,
                used,
                max: share,
            },
            Where::Host => NoRoom::Host {
                used: self.room.used(),
                max: self.room.max(),
            },
        }
    }
}

#[cfg(all(test, not(shuttle)))]
impl<D> Lanes<D> {
    /// Entries for which memory is kept.
    pub(super) fn kept(&self) -> (usize, usize, usize) {
        self.shards
            .iter()
            .map(|shard| shard.lock().kept())
            .fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2))
    }
}
