//! The lanes of one lock's principals.

#![expect(
    clippy::indexing_slicing,
    reason = "numbers of what exists come from here; a wrong one is a mistake, not an input"
)]

use std::{hash::BuildHasher, task::Waker};

use hashbrown::hash_table;

use super::{Common, EVERYBODY, Refused, Shard};
use crate::lane::{LaneScope, line::Line, queue::Queue, ticket::Ticket, wakers::Wakers};

/// The tickets for one capsule's calls, or one subscription's events, of one
/// principal.
#[derive(Debug)]
pub(super) struct Lane {
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
    pub(super) line: Line,
}

impl<D> Shard<D> {
    /// Whether a ticket of one lane alone can be taken now, by an event that
    /// `ancestors` wait for.
    pub(in crate::lane) fn refuses(
        &self,
        tenant: usize,
        scope: &LaneScope,
        common: &mut Common<'_, D>,
        ancestors: &[u64],
        capacity: usize,
    ) -> Option<Refused> {
        let Some(lane) = self.lane(tenant, scope) else {
            let marked_by = self.tenants[tenant].marks(scope)?;
            let is_held = ancestors.contains(&marked_by);
            return match is_held {
                true => Some(Refused::WouldBlock),
                false => (capacity == 1).then_some(Refused::Full),
            };
        };
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

    /// Takes a ticket at the end of a lane. A new lane is the principal's own
    /// unless its capsule has `max_lanes` already.
    pub(in crate::lane) fn push(
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
    pub(in crate::lane) fn give_back(
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
    pub(in crate::lane) fn poll_turn(&mut self, lane: usize, number: u64, waker: &Waker) -> bool {
        self.lanes[lane].queue.poll_turn(number, waker)
    }

    fn release(&mut self, lane: usize, number: u64, wakers: &mut Wakers) {
        self.change(lane, wakers, |lane| lane.queue.release(number));
    }

    /// Changes a lane, wakes who may go on, and closes it if nobody would miss
    /// it.
    pub(super) fn change(
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

    pub(super) fn lane(&self, tenant: usize, scope: &LaneScope) -> Option<&Lane> {
        Some(&self.lanes[self.find(tenant, scope)?])
    }

    pub(super) fn lane_mut(&mut self, tenant: usize, scope: &LaneScope) -> Option<&mut Lane> {
        let at = self.find(tenant, scope)?;
        Some(&mut self.lanes[at])
    }

    pub(super) fn find(&self, tenant: usize, scope: &LaneScope) -> Option<usize> {
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
}

// === impl Lane ===

impl Lane {
    pub(super) fn held(&self) -> usize {
        self.queue.held() + self.shared
    }

    fn is(&self, tenant: usize, scope: &LaneScope) -> bool {
        self.tenant == tenant && self.scope == *scope
    }
}
