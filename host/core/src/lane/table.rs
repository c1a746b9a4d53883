//! All lanes of the host.

use std::{hash::BuildHasher, num::NonZeroUsize, sync::Arc, task::Waker};

use foldhash::fast::RandomState;

use super::{
    Deliver, LaneScope, NoRoom, Refused, RoomUse, Tickets,
    line::{Line, Place},
    room::Room,
    shard::{Common, Shard, Wakers, Where},
    tenant::Which,
    ticket::Held,
    wait::Waiting,
};
use crate::{
    sync::{AtomicU64, Mutex, Ordering},
    types::Principal,
};

/// Locks that the principals are spread over: many times the processors, and
/// no setting, since nobody could see the difference.
const SHARDS: usize = 64;

/// All lanes of the host.
#[derive(Debug)]
pub struct Lanes<D> {
    shards: Box<[Mutex<Shard<D>>]>,
    hasher: RandomState,
    pub(super) config: LaneConfig,
    pub(super) room: Room,
    /// The lanes of those who have none of their own.
    pub(super) shared: Mutex<Shard<D>>,
    /// Counts the events let in; where their order matters, added to under the
    /// lock of their principal.
    entries: AtomicU64,
}

/// The bounds of [`Lanes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    /// Events of one (capsule, principal) under way; and of one principal that
    /// are not delivered to subscriptions yet. Default 64.
    pub capacity: NonZeroUsize,
    /// Lanes of one capsule; principals beyond share one. Default 10,000.
    pub max_lanes_per_capsule: usize,
    /// Events of the whole host under way, and their bytes. Default 65,536
    /// events (at most 8,388,607) and 256 MiB (at most 1 TiB less a byte).
    pub in_flight: RoomUse,
    /// What of that one principal may have. Default a quarter of each.
    pub in_flight_per_principal: RoomUse,
}

/// What an event wants of the lanes.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// Whose event it is; `None` is the system itself.
    pub principal: Option<Principal>,
    /// The lanes it visits; distinct. The tickets have their order.
    pub scopes: Arc<[LaneScope]>,
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

impl Visit {
    /// Whether those who wait in `line` are no obstacle.
    pub(super) fn passes(&self, line: &Line, own: Option<Place>) -> bool {
        self.is_nested || line.lets(own)
    }
}

// === impl Lanes ===

impl<D: Deliver> Lanes<D> {
    /// No lanes yet.
    pub fn new(config: LaneConfig) -> Self {
        let hasher = RandomState::default();
        let mut shared = Shard::new(hasher.clone());
        shared.enter(&None, 0);
        Self {
            shards: (0..SHARDS)
                .map(|_| Mutex::new(Shard::new(hasher.clone())))
                .collect(),
            hasher,
            room: Room::new(config.in_flight),
            shared: Mutex::new(shared),
            entries: AtomicU64::new(0),
            config,
        }
    }

    /// Takes a ticket in each lane of `visit`, a place in the outbox if it
    /// delivers, and room in the host: all or nothing. Does not block.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] says what is full, or has publishers waiting for room.
    pub fn try_enter(self: &Arc<Self>, visit: &Visit) -> Result<Tickets<D>, NoRoom> {
        if let Some(tickets) = self.enter_free(visit) {
            return Ok(tickets);
        }
        self.with_principal(&visit.principal, |at, shard, _| {
            self.enter_now(at, shard, visit).map_err(|place| {
                let used = shard.tenant(at.tenant()).used();
                self.no_room(visit, &place, used)
            })
        })
    }

    /// As [`try_enter`](Self::try_enter), as soon as there is room. Publishers
    /// that wait for the same lane go in the order in which they came, and of
    /// all that wait for the host's own bound each principal has one in line.
    /// Dropping the future leaves the line.
    pub async fn enter(self: &Arc<Self>, visit: &Visit) -> Tickets<D> {
        if let Some(tickets) = self.enter_free(visit) {
            return tickets;
        }
        let entered = self.with_principal(&visit.principal, |at, shard, _| {
            self.enter_now(at, shard, visit)
        });
        match entered {
            Ok(tickets) => tickets,
            // Boxed, so that the future of one who finds room is small.
            Err(_full) => Box::pin(Waiting::new(self, visit)).await,
        }
    }

    /// Takes a ticket in each lane of `visit` that has room and in which none
    /// of `ancestors`, the entries of events that wait for this one, stands;
    /// and says of each of the others why not, by its index.
    ///
    /// # Errors
    ///
    /// [`NoRoom::Host`] if the host has none, [`NoRoom::Share`] if the principal
    /// has as much as one may.
    pub fn enter_some(
        self: &Arc<Self>,
        mut visit: Visit,
        ancestors: &[u64],
    ) -> Result<(Tickets<D>, Vec<Option<Refused>>), NoRoom> {
        if !self.room.try_take(visit.bytes) {
            return Err(self.no_room(&visit, &Where::Host, RoomUse::default()));
        }
        let principal = visit.principal.clone();
        self.with_principal(&principal, |at, shard, _| {
            let share = self.config.in_flight_per_principal;
            let used = shard.tenant(at.tenant()).used();
            if used.leaves_no_room_for(visit.bytes, share) {
                self.room.give_back(visit.bytes);
                return Err(self.no_room(&visit, &Where::Host, used));
            }
            shard.join_solo(at.tenant());
            let refused = self.refusals(at, shard, &visit, ancestors);
            let may = visit.scopes.iter().zip(&refused);
            let may = may.filter(|(_, refused)| refused.is_none());
            visit.scopes = may.map(|(scope, _)| scope.clone()).collect();
            Ok((self.take(at, shard, &visit), refused))
        })
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

    /// What is under way.
    pub fn in_flight(&self) -> RoomUse {
        self.room.used()
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

    /// Takes room for an event whose order matters to nobody, if there is.
    fn enter_free(self: &Arc<Self>, visit: &Visit) -> Option<Tickets<D>> {
        let is_free = visit.scopes.is_empty() && !visit.delivers && !visit.announces;
        (is_free && self.room.try_take(visit.bytes))
            .then(|| Tickets::new(self, None, visit, self.next_entry(), Held::default()))
    }

    /// Takes everything, or says what is in the way.
    fn enter_now(
        self: &Arc<Self>,
        at: At,
        shard: &mut Shard<D>,
        visit: &Visit,
    ) -> Result<Tickets<D>, Where> {
        let capacity = self.config.capacity.get();
        let share = self.config.in_flight_per_principal;
        match shard.obstacle(at.tenant(), visit, None, capacity, share) {
            Some(place) => Err(place),
            None if !self.room.try_take(visit.bytes) => Err(Where::Host),
            None => Ok(self.take(at, shard, visit)),
        }
    }

    fn refusals(
        &self,
        at: At,
        shard: &Shard<D>,
        visit: &Visit,
        ancestors: &[u64],
    ) -> Vec<Option<Refused>> {
        let capacity = self.config.capacity.get();
        let refuses = |scope| shard.refuses(at.tenant(), scope, &self.shared, ancestors, capacity);
        visit.scopes.iter().map(refuses).collect()
    }

    /// Runs `act` on the entry of a principal, which is made if need be; then
    /// as [`with`](Self::with).
    pub(super) fn with_principal<R>(
        &self,
        principal: &Option<Principal>,
        act: impl FnOnce(At, &mut Shard<D>, &mut Wakers) -> R,
    ) -> R {
        let hash = self.hasher.hash_one(principal);
        // Bits that the shard's own table does not look at.
        let number = (hash >> 32) as usize % SHARDS;
        self.change(number, |shard, wakers| {
            let tenant = shard.enter(principal, hash);
            let at = At {
                shard: number as u32,
                tenant: tenant as u32,
            };
            let result = act(at, shard, wakers);
            (tenant, result)
        })
    }

    /// Runs `act` on a principal's entry, then removes the entry if nobody
    /// would miss it, and wakes.
    pub(super) fn with<R>(
        &self,
        at: At,
        act: impl FnOnce(&mut Shard<D>, usize, &mut Wakers) -> R,
    ) -> R {
        self.change(at.shard as usize, |shard, wakers| {
            (at.tenant(), act(shard, at.tenant(), wakers))
        })
    }

    pub(super) fn shard(&self, at: At) -> &Mutex<Shard<D>> {
        self.shard_number(at.shard as usize)
    }

    #[expect(clippy::indexing_slicing, reason = "there are always that many")]
    fn shard_number(&self, number: usize) -> &Mutex<Shard<D>> {
        &self.shards[number]
    }

    /// Runs `act` on a shard; it says which principal may be idle now.
    fn change<R>(
        &self,
        shard: usize,
        act: impl FnOnce(&mut Shard<D>, &mut Wakers) -> (usize, R),
    ) -> R {
        let mut wakers = Wakers::new();
        let mut shard = self.shard_number(shard).lock();
        let (tenant, result) = act(&mut shard, &mut wakers);
        shard.leave_if_idle(tenant);
        drop(shard);
        // Woken outside of the lock: a waker may run other code.
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Takes everything; there is room.
    pub(super) fn take(
        self: &Arc<Self>,
        at: At,
        shard: &mut Shard<D>,
        visit: &Visit,
    ) -> Tickets<D> {
        let entry = self.next_entry();
        let max_lanes = self.config.max_lanes_per_capsule;
        let mut common = Common::new(&self.shared);
        let mut tickets = Vec::new();
        let is_solo = shard.be_solo(at.tenant(), entry, &visit.scopes, max_lanes);
        if !is_solo {
            tickets.reserve(visit.scopes.len());
            for scope in &*visit.scopes {
                let ticket = shard.push(at.tenant(), scope, entry, &mut common, max_lanes);
                tickets.push(Some(ticket));
            }
        }
        let tenant = shard.tenant_mut(at.tenant());
        tenant.begin(visit.bytes);
        let held = Held {
            is_solo,
            tickets,
            began_to_share: common.is_new,
            announcement: visit.announces.then(|| tenant.of(Which::Announced).push()),
            delivery: visit.delivers.then(|| tenant.outbox.push()),
        };
        Tickets::new(self, Some(at), visit, entry, held)
    }

    fn next_entry(&self) -> u64 {
        self.entries.fetch_add(1, Ordering::Relaxed)
    }

    fn no_room(&self, visit: &Visit, place: &Where, used: RoomUse) -> NoRoom {
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

#[cfg(test)]
impl<D> Lanes<D> {
    /// Entries for which memory is kept.
    pub(super) fn kept(&self) -> (usize, usize, usize) {
        self.shards
            .iter()
            .map(|shard| shard.lock().kept())
            .fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2))
    }
}
