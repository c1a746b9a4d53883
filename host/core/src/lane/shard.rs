//! Some of the principals, and their lanes: what one lock protects. Pure
//! state, but for the wakers that it keeps and hands out.

#![expect(
    clippy::indexing_slicing,
    reason = "numbers of what exists come from here; a wrong one is a mistake, not an input"
)]

use std::{hash::BuildHasher, ops::Range, sync::Arc, task::Waker};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table};
use slab::Slab;
use smallvec::SmallVec;

use super::{
    LaneConfig, LaneScope, Visit,
    line::{Line, Place},
    outbox::{Batch, Number},
    queue::Queue,
    room::{Reserve, Room},
    solo::{Alone, Solo},
    tenant::{Leaving, Queues, Ready, Tenant, Which},
    tenants::Tenants,
    ticket::Ticket,
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
}

/// Who is to be woken, once no lock is held any more.
pub(super) type Wakers = SmallVec<[Waker; 2]>;

/// Where a publisher waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// For room in a lane.
    Lane(LaneScope),
    /// For room in the outbox.
    Outbox,
    /// For room in the host.
    Host,
}

/// A place in one of a principal's lines.
///
/// Whoever waits stands in one line at a time, and may have to go from one to
/// another. In those for lanes and the outbox its place is when it began to
/// wait, so that the first to come makes way for nobody. Were it otherwise,
/// some could make way for one another for ever.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) at: Where,
    pub(super) place: Place,
    /// The number of its arrival.
    pub(super) since: Place,
}

/// Why a single lane takes no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is full, or somebody waits for room in it.
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

/// The tickets for one capsule's calls, or one subscription's events, of one
/// principal.
#[derive(Debug)]
struct Lane {
    tenant: usize,
    scope: LaneScope,
    /// Of both, to be found by.
    hash: u64,
    queue: Queue,
    /// Tickets held in the lane that those share who have none of their own.
    shared: usize,
    /// It is the shared one, or stands for the principal's part in it, and
    /// counts among nobody's lanes.
    is_shared: bool,
    line: Line,
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
        let marks = |tenant: &Tenant<D>| match &tenant.solo {
            Some(Solo::Alone(alone)) => alone.count(),
            Some(Solo::Joined(_)) | None => 0,
        };
        self.lanes.len() + self.tenants.iter().map(marks).sum::<usize>()
    }

    /// The first place without room for `visit` by a publisher who stands at
    /// `own`; `Host` if only the host's own bound is left to ask, and somebody
    /// of this principal asks already. `None`: nothing here is in the way.
    pub(super) fn obstacle(
        &mut self,
        tenant: usize,
        visit: Visit<'_>,
        own: Option<&Standing>,
        config: &LaneConfig,
        common: &mut Common<'_, D>,
    ) -> Option<Where> {
        let capacity = config.capacity.get();
        let since = own.map(|own| own.since);
        self.join_solo(tenant, common, config.max_lanes_per_capsule);
        let own_tenant = &self.tenants[tenant];
        if own_tenant.lanes > 0 {
            let full = visit.scopes.iter().find(|scope| {
                self.lane(tenant, scope)
                    .is_some_and(|lane| lane.held() >= capacity || !visit.passes(&lane.line, since))
            });
            if let Some(full) = full {
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

    /// Whether a ticket of one lane alone can be taken now, by an event that
    /// `ancestors` wait for.
    pub(super) fn refuses(
        &self,
        tenant: usize,
        scope: &LaneScope,
        common: &mut Common<'_, D>,
        ancestors: &[u64],
        capacity: usize,
    ) -> Option<Refused> {
        let lane = self.lane(tenant, scope)?;
        let held = match lane.is_shared {
            true => {
                let shared = common.lock().lane(EVERYBODY, &scope.shared());
                shared.is_some_and(|shared| shared.queue.is_held_by(ancestors))
            }
            false => lane.queue.is_held_by(ancestors),
        };
        if held {
            return Some(Refused::WouldBlock);
        }
        (lane.held() >= capacity).then_some(Refused::Full)
    }

    /// Lets an event that finds none of its principal's lanes in use be alone
    /// there. `false` if it needs tickets.
    pub(super) fn be_solo(&mut self, tenant: usize, event: u64, scopes: &Arc<[LaneScope]>) -> bool {
        let tenant = &mut self.tenants[tenant];
        if tenant.lanes > 0 || tenant.solo.is_some() || scopes.is_empty() {
            return false;
        }
        tenant.solo = Alone::new(event, scopes).map(Solo::Alone);
        tenant.solo.is_some()
    }

    /// Gives the event that is alone a ticket in each lane that it holds, as
    /// another one comes. It does not wait there for its turn, also in one that
    /// is shared: it may be in it already.
    pub(super) fn join_solo(
        &mut self,
        tenant: usize,
        common: &mut Common<'_, D>,
        max_lanes: usize,
    ) {
        let solo = &mut self.tenants[tenant].solo;
        if !matches!(solo, Some(Solo::Alone(_))) {
            return;
        }
        let Some(Solo::Alone(alone)) = solo.take() else {
            return;
        };
        let mut ticket = |scope| self.push(tenant, scope, alone.event, common, max_lanes);
        let tickets = alone.scopes().map(|scope| scope.map(&mut ticket)).collect();
        self.tenants[tenant].solo = Some(Solo::Joined(tickets));
    }

    /// Gives back one lane of the event that is or was alone.
    pub(super) fn release_solo(
        &mut self,
        tenant: usize,
        index: usize,
        common: &mut Common<'_, D>,
        wakers: &mut Wakers,
    ) {
        match &mut self.tenants[tenant].solo {
            Some(Solo::Alone(alone)) => alone.release(index),
            Some(Solo::Joined(tickets)) => {
                if let Some(ticket) = tickets.get_mut(index).and_then(Option::take) {
                    self.give_back(ticket, common, wakers);
                }
            }
            None => {}
        }
    }

    /// Gives back all of them.
    pub(super) fn end_solo(
        &mut self,
        tenant: usize,
        common: &mut Common<'_, D>,
        wakers: &mut Wakers,
    ) {
        if let Some(Solo::Joined(tickets)) = self.tenants[tenant].solo.take() {
            for ticket in tickets.into_iter().flatten() {
                self.give_back(ticket, common, wakers);
            }
        }
    }

    /// Takes one of them out as a ticket.
    pub(super) fn take_solo(
        &mut self,
        tenant: usize,
        index: usize,
        common: &mut Common<'_, D>,
        max_lanes: usize,
    ) -> Option<Ticket> {
        self.join_solo(tenant, common, max_lanes);
        match &mut self.tenants[tenant].solo {
            Some(Solo::Joined(tickets)) => tickets.get_mut(index)?.take(),
            Some(Solo::Alone(_)) | None => None,
        }
    }

    /// Takes a ticket at the end of a lane. A new lane is the principal's own
    /// unless its capsule has `max_lanes` already.
    pub(super) fn push(
        &mut self,
        tenant: usize,
        scope: &LaneScope,
        event: u64,
        common: &mut Common<'_, D>,
        max_lanes: usize,
    ) -> Ticket {
        let at = self.open(tenant, scope, || scope.try_open(max_lanes));
        let lane = &mut self.lanes[at];
        if !lane.is_shared {
            return Ticket::new(at, None, &mut lane.queue, event);
        }
        // One who has tickets in the shared lane stays there until they are
        // gone, so that its own events stay in order.
        self.tenants[tenant].begins_to_share |= lane.held() == 0;
        lane.shared += 1;
        let shard = common.lock();
        let shared = shard.open(EVERYBODY, &scope.shared(), || false);
        Ticket::new(at, Some(shared), &mut shard.lanes[shared].queue, event)
    }

    /// Gives a ticket back.
    pub(super) fn give_back(
        &mut self,
        ticket: Ticket,
        common: &mut Common<'_, D>,
        wakers: &mut Wakers,
    ) {
        let lane = ticket.lane();
        match ticket.shared() {
            Some(shared) => {
                common.lock().release(shared, ticket.number, wakers);
                self.change(lane, wakers, |lane| {
                    lane.shared -= 1;
                    None
                });
            }
            None => self.release(lane, ticket.number, wakers),
        }
    }

    /// Whether the ticket is at the head of its lane; if not, `waker` is kept.
    pub(super) fn poll_turn(&mut self, lane: usize, number: u64, waker: &Waker) -> bool {
        self.lanes[lane].queue.poll_turn(number, waker)
    }

    fn release(&mut self, lane: usize, number: u64, wakers: &mut Wakers) {
        self.change(lane, wakers, |lane| lane.queue.release(number));
    }

    /// Changes a lane, wakes who may go on, and closes it if nobody would miss
    /// it.
    fn change(
        &mut self,
        at: usize,
        wakers: &mut Wakers,
        change: impl FnOnce(&mut Lane) -> Option<Waker>,
    ) {
        let lane = &mut self.lanes[at];
        wakers.extend(change(lane));
        wakers.extend(lane.line.first());
        if lane.held() == 0 && lane.line.is_empty() {
            self.close(at);
        }
    }

    fn lane(&self, tenant: usize, scope: &LaneScope) -> Option<&Lane> {
        Some(&self.lanes[self.find(tenant, scope)?])
    }

    fn lane_mut(&mut self, tenant: usize, scope: &LaneScope) -> Option<&mut Lane> {
        let at = self.find(tenant, scope)?;
        Some(&mut self.lanes[at])
    }

    fn find(&self, tenant: usize, scope: &LaneScope) -> Option<usize> {
        let hash = self.hasher.hash_one((tenant, scope));
        let is_it = |at: &usize| self.lanes[*at].is(tenant, scope);
        self.by_scope.find(hash, is_it).copied()
    }

    /// The number of a lane; `owns` says of a new one whether it is the
    /// principal's own.
    fn open(&mut self, tenant: usize, scope: &LaneScope, owns: impl FnOnce() -> bool) -> usize {
        let Self {
            tenants,
            lanes,
            by_scope,
            hasher,
            ..
        } = self;
        let is_it = |at: &usize| lanes[*at].is(tenant, scope);
        let hash = hasher.hash_one((tenant, scope));
        match by_scope.entry(hash, is_it, |at| lanes[*at].hash) {
            hash_table::Entry::Occupied(at) => *at.get(),
            hash_table::Entry::Vacant(new) => {
                let at = lanes.vacant_key();
                new.insert(at);
                tenants[tenant].lanes += 1;
                lanes.insert(Lane {
                    tenant,
                    scope: scope.clone(),
                    hash,
                    queue: Queue::default(),
                    shared: 0,
                    is_shared: !owns(),
                    line: Line::default(),
                })
            }
        }
    }

    fn close(&mut self, at: usize) {
        let closed = self.lanes.remove(at);
        if let Ok(entry) = self.by_scope.find_entry(closed.hash, |other| *other == at) {
            entry.remove();
        }
        self.tenants[closed.tenant].lanes -= 1;
        if !closed.is_shared {
            closed.scope.close();
        }
    }

    // Lines.

    /// Stands in line for `at`: one who began to wait as number `since`, or
    /// does now.
    pub(super) fn join(&mut self, tenant: usize, at: Where, since: Option<Place>) -> Standing {
        let own = self.tenants.queues(tenant);
        let since = since.unwrap_or_else(|| own.arrive());
        let mut place = since;
        match &at {
            // One waits only for a lane that is there.
            Where::Lane(scope) => {
                if let Some(lane) = self.lane_mut(tenant, scope) {
                    lane.line.join_at(since, ());
                }
            }
            Where::Outbox => own.outbox_line.join_at(since, ()),
            // Who is first here asks for the host's room already.
            Where::Host => place = own.room_line.join(()),
        }
        Standing { at, place, since }
    }

    /// Has `waker` called when something changes at `place`.
    pub(super) fn keep(&mut self, tenant: usize, standing: &Standing, waker: &Waker) {
        let line = match &standing.at {
            Where::Lane(scope) => match self.lane_mut(tenant, scope) {
                Some(lane) => &mut lane.line,
                None => return,
            },
            Where::Outbox => &mut self.queues(tenant).outbox_line,
            Where::Host => &mut self.queues(tenant).room_line,
        };
        line.keep(standing.place, waker);
    }

    /// Gives a place in a line up, and wakes the next one there.
    pub(super) fn leave(&mut self, tenant: usize, standing: &Standing, wakers: &mut Wakers) {
        let line = match &standing.at {
            Where::Lane(scope) => {
                if let Some(at) = self.find(tenant, scope) {
                    self.change(at, wakers, |lane| {
                        lane.line.leave(standing.place);
                        None
                    });
                }
                return;
            }
            Where::Outbox => &mut self.queues(tenant).outbox_line,
            Where::Host => &mut self.queues(tenant).room_line,
        };
        line.leave(standing.place);
        wakers.extend(line.first());
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

// === impl Lane ===

impl Lane {
    fn held(&self) -> usize {
        self.queue.held() + self.shared
    }

    fn is(&self, tenant: usize, scope: &LaneScope) -> bool {
        self.tenant == tenant && self.scope == *scope
    }
}

#[cfg(test)]
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
