//! An event that is the only one of its principal in any lane.

use std::sync::Arc;

use super::{Common, Shard, Wakers};
use crate::lane::{LaneScope, ticket::Ticket};

/// Most lanes of an event that needs none of its own yet.
const MAX_LANES: usize = u64::BITS as usize;

/// What an event holds that found none of its principal's lanes in use. Most
/// principals have one event under way at a time, and lanes are made for it
/// only when another one comes.
#[derive(Debug)]
pub(in crate::lane) enum Solo {
    /// It is alone: its lanes are marks.
    Alone(Alone),
    /// Another one has come: it has a ticket in each lane that it still held.
    Joined(Vec<Option<Ticket>>),
}

/// The lanes of an event that is alone. They are nobody's: they do not count
/// among those that a capsule may have.
#[derive(Debug)]
pub(in crate::lane) struct Alone {
    pub(in crate::lane) event: u64,
    scopes: Arc<[LaneScope]>,
    /// A bit for each that it holds.
    held: u64,
}

impl<D> Shard<D> {
    /// Lets an event that finds none of its principal's lanes in use be alone
    /// there. `false` if it needs tickets.
    pub(in crate::lane) fn be_solo(
        &mut self,
        tenant: usize,
        event: u64,
        scopes: &Arc<[LaneScope]>,
    ) -> bool {
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
    pub(in crate::lane) fn join_solo(
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
    pub(in crate::lane) fn release_solo(
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
    pub(in crate::lane) fn end_solo(
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
    pub(in crate::lane) fn take_solo(
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
}

// === impl Alone ===

impl Alone {
    /// Marks all lanes of `scopes` as held, if there are enough marks.
    pub(super) fn new(event: u64, scopes: &Arc<[LaneScope]>) -> Option<Self> {
        let unused = MAX_LANES.checked_sub(scopes.len())?;
        Some(Self {
            event,
            scopes: scopes.clone(),
            held: u64::MAX.checked_shr(unused as u32).unwrap_or(0),
        })
    }

    /// How many lanes it holds.
    pub(super) fn count(&self) -> usize {
        self.held.count_ones() as usize
    }

    /// Each of its lanes, if it holds it still, by index.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Option<&LaneScope>> {
        let held = |index: usize| self.held & (1 << index) != 0;
        let all = self.scopes.iter().enumerate();
        all.map(move |(index, scope)| held(index).then_some(scope))
    }

    /// Gives one back, if it holds it still.
    pub(super) fn release(&mut self, index: usize) {
        self.held &= !1_u64.checked_shl(index as u32).unwrap_or(0);
    }
}
