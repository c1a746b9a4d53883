//! Some of the principals, and their lanes: what one lock protects. Pure
//! state, but for the wakers that it keeps and hands out.

mod lanes;
mod lines;
mod solo;

use std::{ops::Range, sync::Arc};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use slab::Slab;

use self::lanes::Lane;
pub(super) use self::{
    lines::{Standing, Where},
    solo::{Solo, bit},
};
use super::{
    LaneConfig, LaneScope, Visit,
    outbox::{Batch, Number},
    room::{Reserve, Room},
    tenant::{Leaving, Queues, Ready, Tenant, Which},
    tenants::Tenants,
    wakers::Wakers,
};
use crate::{
    sync::{AtomicU64, Mutex, MutexGuard, Ordering},
    types::Principal,
};

/// The number of the only principal of the shard with the shared lanes: all
/// those who have none of their own.
pub(super) const EVERYBODY: usize = 0;
/// Idle, a shard keeps memory for so many principals and lanes at most.
const KEPT_CAPACITY: usize = 16;
/// Numbers of events are taken so many at a time: seldom enough that threads do
/// not wait for one another, and no setting, since nobody could see it.
const NUMBERS: u64 = 64;

/// Some of the principals, and their lanes.
///
/// What exists has a number, by which it is found without a search: that of a
/// lane as long as it has tickets or somebody waits for room in it, that of a
/// principal as long as it has lanes or anything else under way.
#[derive(Debug)]
pub(super) struct Shard<D> {
    tenants: Tenants<D>,
    lanes: Slab<Lane>,
    by_scope: HashTable<usize>,
    hasher: RandomState,
    /// What its principals have of the host's room beside what they use.
    pub(super) reserve: Reserve,
    /// The numbers of its next events.
    numbers: Range<u64>,
    /// What the last event visited that was alone: the next one that visits the
    /// same takes it over, and counts no reference that all threads count.
    visited: Option<Arc<[LaneScope]>>,
}

/// Why a single lane takes no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is full.
    Full,
    /// One of the events that wait for this one holds a ticket in it.
    WouldBlock,
}

/// The lanes that those share who have none of their own. Locked once for all
/// the tickets of an event, so that two events stand in the same order in all
/// of them.
pub(super) struct Common<'a, D> {
    shard: &'a Mutex<Shard<D>>,
    locked: Option<MutexGuard<'a, Shard<D>>>,
}

// === impl Shard ===

impl<D> Shard<D> {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            tenants: Tenants::default(),
            lanes: Slab::new(),
            by_scope: HashTable::new(),
            hasher,
            reserve: Reserve::default(),
            numbers: 0..0,
            visited: None,
        }
    }

    /// The number of an event that is let in: more than those of all earlier
    /// ones of its principal. `numbers` counts those of the host.
    pub(super) fn number(&mut self, numbers: &AtomicU64) -> u64 {
        if self.numbers.is_empty() {
            let first = numbers.fetch_add(NUMBERS, Ordering::Relaxed);
            self.numbers = first..first + NUMBERS;
        }
        self.numbers.next().unwrap_or_default()
    }

    // Principals.

    /// The number of a principal with this hash, which is given one if need be.
    pub(super) fn enter(&mut self, principal: &Option<Principal>, hash: u64) -> usize {
        self.tenants.enter(principal, hash)
    }

    pub(super) fn tenant(&self, tenant: usize) -> &Tenant<D> {
        &self.tenants[tenant]
    }

    pub(super) fn tenant_mut(&mut self, tenant: usize) -> &mut Tenant<D> {
        &mut self.tenants[tenant]
    }

    pub(super) fn queues(&mut self, tenant: usize) -> &mut Queues<D> {
        self.tenants.queues(tenant)
    }

    /// How many principals there are.
    pub(super) fn principals(&self) -> usize {
        self.tenants.len()
    }

    /// Forgets a principal if nobody would miss it.
    pub(super) fn leave_if_idle(&mut self, tenant: usize) {
        if !self.tenants[tenant].is_idle() {
            return;
        }
        self.tenants.remove(tenant);
        let capacity = self.tenants.capacity().max(self.lanes.capacity());
        if self.tenants.len() == 0 && capacity > KEPT_CAPACITY {
            self.tenants = Tenants::default();
            self.lanes = Slab::new();
            self.by_scope = HashTable::new();
        }
    }

    /// One of a principal's events is not under way any more.
    pub(super) fn end(&mut self, tenant: usize, bytes: u64, room: &Room, wakers: &mut Wakers) {
        let freed = self.tenants[tenant].end(bytes, wakers);
        room.give_back(&mut self.reserve, freed, wakers);
    }

    /// Says what the event at `number` in an outbox has come to, and takes what
    /// may leave then; nothing if somebody hands out already, who will take it.
    pub(super) fn fill(
        &mut self,
        tenant: usize,
        (which, number): (Which, Number),
        ready: Option<Ready<D>>,
        room: &Room,
        wakers: &mut Wakers,
    ) -> Batch<Ready<D>> {
        let leaving = self.queues(tenant).fill(which, number, ready, wakers);
        self.leave_outbox(tenant, leaving, room, wakers)
    }

    /// Takes what leaves an outbox next; stops handing out if that is nothing.
    pub(super) fn go_on(
        &mut self,
        tenant: usize,
        which: Which,
        room: &Room,
        wakers: &mut Wakers,
    ) -> Batch<Ready<D>> {
        let leaving = self.queues(tenant).go_on(which, wakers);
        self.leave_outbox(tenant, leaving, room, wakers)
    }

    fn leave_outbox(
        &mut self,
        tenant: usize,
        (batch, freed): Leaving<D>,
        room: &Room,
        wakers: &mut Wakers,
    ) -> Batch<Ready<D>> {
        if freed.events > 0 {
            self.tenants[tenant].give_back(freed, wakers);
            room.give_back(&mut self.reserve, freed, wakers);
        }
        batch
    }

    // Lanes.

    /// How many lanes there are, those that are only marks included.
    pub(super) fn lanes(&self) -> usize {
        let marks = |tenant: &Tenant<D>| tenant.solo.as_ref().map_or(0, Solo::mark_count);
        self.lanes.len() + self.tenants.iter().map(marks).sum::<usize>()
    }

    /// The first place without room for `visit` by a publisher who stands at
    /// `own`; `Host` if only the host's own bound is left to ask, and somebody
    /// of this principal asks already. `None`: nothing here is in the way.
    pub(super) fn obstacle(
        &self,
        tenant: usize,
        visit: Visit<'_>,
        own: Option<&Standing>,
        config: &LaneConfig,
    ) -> Option<Where> {
        let capacity = config.capacity.get();
        let since = own.map(|own| own.since);
        let own_tenant = &self.tenants[tenant];
        if own_tenant.lanes > 0 || (own_tenant.solo.is_some() && capacity == 1) {
            let full = |scope: &&LaneScope| match self.lane(tenant, scope) {
                Some(lane) => lane.held() >= capacity || !visit.passes(&lane.line, since),
                None => capacity == 1 && own_tenant.marks(scope).is_some(),
            };
            if let Some(full) = visit.scopes.iter().find(full) {
                return Some(Where::Lane(full.clone()));
            }
        }
        let share = config.in_flight_per_principal;
        let has_share = !own_tenant.used.leaves_no_room_for(visit.bytes, share);
        let Some(queues) = &own_tenant.queues else {
            return (!has_share).then_some(Where::Host);
        };
        let outbox_full =
            queues.outbox.len() >= capacity || !visit.passes(&queues.outbox_line, since);
        if visit.delivers && outbox_full {
            return Some(Where::Outbox);
        }
        let in_room = own.filter(|own| own.at == Where::Host);
        let passes = visit.passes(&queues.room_line, in_room.map(|own| own.place));
        (!has_share || !passes).then_some(Where::Host)
    }
}

// === impl Common ===

impl<'a, D> Common<'a, D> {
    /// Nothing is taken there yet.
    pub(super) fn new(shard: &'a Mutex<Shard<D>>) -> Self {
        Self {
            shard,
            locked: None,
        }
    }

    fn lock(&mut self) -> &mut Shard<D> {
        self.locked.get_or_insert_with(|| self.shard.lock())
    }
}

#[cfg(all(test, not(shuttle)))]
impl<D> Shard<D> {
    /// Entries for which memory is kept.
    pub(super) fn kept(&self) -> (usize, usize, usize) {
        (
            self.tenants.capacity(),
            self.lanes.capacity(),
            self.by_scope.capacity(),
        )
    }
}
