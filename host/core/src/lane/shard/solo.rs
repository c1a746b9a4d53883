//! An event that is the only one of its principal in any lane.

use std::sync::Arc;

use super::{Common, Shard};
use crate::lane::{LaneScope, ticket::Ticket, wakers::Wakers};

/// Most lanes of an event that needs none of its own yet.
const MAX_LANES: usize = u64::BITS as usize;

/// What an event holds that found none of its principal's lanes in use. Most
/// principals have one event under way at a time, and lanes are made for it
/// only when another one comes that wants one of them. It never waits there
/// for its turn, also in one that is shared: it may be in it already.
#[derive(Debug)]
pub(in crate::lane) struct Solo {
    event: u64,
    lanes: Lanes,
    /// A bit for each lane that it holds.
    held: u64,
}

/// What stands for the lanes of an event that is alone, or was.
#[derive(Debug)]
enum Lanes {
    /// Nothing but the bits. They are nobody's lanes: they do not count among
    /// those that a capsule may have.
    Marks(Arc<[LaneScope]>),
    /// A ticket in each that it holds.
    Tickets(Box<[Option<Ticket>]>),
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
        if scopes.len() > MAX_LANES {
            return false;
        }
        // Most events visit what the one before them did.
        let visited = self.visited.take();
        let same = visited.filter(|visited| Arc::ptr_eq(visited, scopes));
        tenant.solo = Some(Solo::new(event, same.unwrap_or_else(|| scopes.clone())));
        true
    }

    /// Gives the event that is alone a ticket in each lane that it holds, as
    /// another one comes that wants one of them.
    pub(in crate::lane) fn join_solo(
        &mut self,
        tenant: usize,
        common: &mut Common<'_, D>,
        max_lanes: usize,
    ) {
        let Some(mut solo) = self.tenants[tenant].solo.take() else {
            return;
        };
        if let Lanes::Marks(scopes) = &solo.lanes {
            let mut ticket = |(index, scope)| {
                let is_held = solo.held & bit(index) != 0;
                is_held.then(|| self.push(tenant, scope, solo.event, common, max_lanes))
            };
            let tickets = scopes.iter().enumerate().map(&mut ticket).collect();
            solo.lanes = Lanes::Tickets(tickets);
        }
        self.tenants[tenant].solo = Some(solo);
    }

    /// Whether the event that is or was alone holds this lane of its.
    pub(in crate::lane) fn solo_holds(&self, tenant: usize, index: usize) -> bool {
        let solo = self.tenants[tenant].solo.as_ref();
        solo.is_some_and(|solo| solo.held & bit(index) != 0)
    }

    /// Gives back one lane of the event that is or was alone.
    pub(in crate::lane) fn release_solo(
        &mut self,
        tenant: usize,
        index: usize,
        common: &mut Common<'_, D>,
        wakers: &mut Wakers,
    ) {
        let own = &mut self.tenants[tenant];
        let ticket = own.solo.as_mut().and_then(|solo| solo.release(index));
        if own.solo_has_ended && !own.solo.as_ref().is_some_and(Solo::holds_any) {
            own.solo_has_ended = false;
            self.forget_solo(tenant);
        }
        if let Some(ticket) = ticket {
            self.give_back(ticket, common, wakers);
        }
    }

    /// Gives back all of them but those that were `taken` out, which are given
    /// back one by one.
    pub(in crate::lane) fn end_solo(
        &mut self,
        tenant: usize,
        taken: u64,
        common: &mut Common<'_, D>,
        wakers: &mut Wakers,
    ) {
        let Some(solo) = &mut self.tenants[tenant].solo else {
            return;
        };
        let ended = solo.held & !taken;
        solo.held &= taken;
        let mut tickets = Vec::new();
        if let Lanes::Tickets(all) = &mut solo.lanes {
            let ended = (0..).zip(all).filter(|(index, _)| ended & bit(*index) != 0);
            tickets.extend(ended.filter_map(|(_, ticket)| ticket.take()));
        }
        let own = &mut self.tenants[tenant];
        own.solo_has_ended = own.solo.as_ref().is_some_and(Solo::holds_any);
        if !own.solo_has_ended {
            self.forget_solo(tenant);
        }
        for ticket in tickets {
            self.give_back(ticket, common, wakers);
        }
    }

    fn forget_solo(&mut self, tenant: usize) {
        let solo = self.tenants[tenant].solo.take();
        // What nobody else has is visited by nobody again. An event that still
        // has its route keeps them: until the next one that is alone here.
        if let Some(Lanes::Marks(scopes)) = solo.map(|solo| solo.lanes)
            && Arc::strong_count(&scopes) > 1
        {
            self.visited = Some(scopes);
        }
    }
}

// === impl Solo ===

impl Solo {
    /// Marks all lanes of `scopes` as held: at most [`MAX_LANES`].
    fn new(event: u64, scopes: Arc<[LaneScope]>) -> Self {
        let unused = MAX_LANES.saturating_sub(scopes.len());
        Self {
            event,
            held: u64::MAX.checked_shr(unused as u32).unwrap_or(0),
            lanes: Lanes::Marks(scopes),
        }
    }

    /// The event, if `scope` is a lane that it only marks.
    pub(in crate::lane) fn marks(&self, scope: &LaneScope) -> Option<u64> {
        let Lanes::Marks(scopes) = &self.lanes else {
            return None;
        };
        let index = scopes.iter().position(|marked| marked == scope)?;
        (self.held & bit(index) != 0).then_some(self.event)
    }

    /// How many lanes it only marks.
    pub(super) fn mark_count(&self) -> usize {
        match &self.lanes {
            Lanes::Marks(_) => self.held.count_ones() as usize,
            Lanes::Tickets(_) => 0,
        }
    }

    fn holds_any(&self) -> bool {
        self.held != 0
    }

    /// Gives one back, if it holds it still; and the ticket, if there is one.
    fn release(&mut self, index: usize) -> Option<Ticket> {
        self.held &= !bit(index);
        match &mut self.lanes {
            Lanes::Marks(_) => None,
            Lanes::Tickets(tickets) => tickets.get_mut(index)?.take(),
        }
    }
}

/// The mark of a lane.
pub(in crate::lane) fn bit(index: usize) -> u64 {
    1_u64.checked_shl(index as u32).unwrap_or(0)
}
