//! The tickets of one event.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use smallvec::SmallVec;

use super::{
    Deliver, LaneScope, Lanes, Visit,
    outbox::{Batch, Outbox},
    tenant::{Ready, State, Tenant, Wakers},
};

/// The tickets of one event, one a lane, and its place in the outbox. Dropping
/// them gives back all that are still held, and empties the place.
#[derive(Debug)]
#[must_use = "dropping the tickets gives up the event's place"]
pub struct Tickets<D: Deliver> {
    lanes: Arc<Lanes<D>>,
    /// `None` for an event whose order matters to nobody.
    tenant: Option<Arc<Tenant<D>>>,
    entry: u64,
    bytes: u64,
    held: Held,
    /// Its place in the outbox, once it is filled.
    delivered: Option<u64>,
    /// Its room has been given back, or is given back with its delivery.
    settled: bool,
}

/// What an event holds of its principal's state.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) tickets: SmallVec<[Option<Ticket>; 4]>,
    pub(super) began_to_share: bool,
    /// Its place among what is announced.
    pub(super) announcement: Option<u64>,
    /// Its place in the outbox.
    pub(super) delivery: Option<u64>,
}

/// A single ticket of an event. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "dropping the ticket gives up the event's place"]
pub struct LaneTicket<D: Deliver> {
    lanes: Arc<Lanes<D>>,
    held: Option<(Arc<Tenant<D>>, Ticket)>,
}

/// A place in one lane.
#[derive(Debug)]
pub(super) struct Ticket {
    scope: LaneScope,
    number: u64,
    is_shared: bool,
}

/// Which of a principal's two outboxes.
type Which<D> = fn(&mut State<D>) -> &mut Outbox<Ready<D>>;

/// Lets somebody else hand out if this one panics.
struct HandingOut<'a, D: Deliver> {
    lanes: &'a Lanes<D>,
    tenant: &'a Arc<Tenant<D>>,
    which: Which<D>,
}

// === impl Tickets ===

impl<D: Deliver> Tickets<D> {
    pub(super) fn new(
        lanes: &Arc<Lanes<D>>,
        tenant: Option<&Arc<Tenant<D>>>,
        visit: &Visit,
        entry: u64,
        held: Held,
    ) -> Self {
        Self {
            lanes: lanes.clone(),
            tenant: tenant.cloned(),
            entry,
            bytes: visit.bytes,
            held,
            delivered: None,
            settled: false,
        }
    }

    /// The event's place among all that were let in, from 0. Events of one
    /// principal have the same order here as in every lane they share.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// Whether its principal shares a lane with others from now on, because it
    /// found as many as a capsule may have.
    pub fn begins_to_share(&self) -> bool {
        self.held.began_to_share
    }

    /// Whether one of its lanes is the one that such principals share.
    pub fn shares_a_lane(&self) -> bool {
        self.held
            .tickets
            .iter()
            .flatten()
            .any(|ticket| ticket.is_shared)
    }

    /// Waits until the ticket number `index`, counted as they were asked for,
    /// is at the head of its lane. One that was given back is at once.
    pub async fn turn(&self, index: usize) {
        poll_fn(|cx| self.poll_turn(index, cx)).await;
    }

    /// Gives the ticket number `index` back, and lets the next in its lane
    /// go on.
    pub fn release(&mut self, index: usize) {
        let ticket = self.held.tickets.get_mut(index).and_then(Option::take);
        if let (Some(tenant), Some(ticket)) = (&self.tenant, ticket) {
            self.lanes.change(tenant, |state, wakers| {
                ticket.give_back(&self.lanes, state, wakers);
            });
        }
    }

    /// Shows the event before its chain runs, when every earlier one of the
    /// principal that announces has been shown: now, or when the last of them
    /// is.
    pub fn announce(&mut self, announcement: D) {
        let (Some(tenant), Some(number)) = (&self.tenant, self.held.announcement.take()) else {
            return announcement.deliver();
        };
        let ready = Ready {
            delivery: announcement,
            bytes: None,
        };
        let leaving = self.lanes.change(tenant, |state, _| {
            state.announced.fill(number, Some(ready));
            state.announced.begin()
        });
        hand_out(&self.lanes, tenant, announced, leaving);
    }

    /// Delivers when every earlier event of the principal that took a place in
    /// the outbox has left it: now, or when the last of them does. From now on
    /// the event counts `bytes` in the host's room, until it is delivered and
    /// has given its tickets back.
    pub fn deliver(&mut self, delivery: D, bytes: u64) {
        let (Some(tenant), Some(number)) = (&self.tenant, self.held.delivery.take()) else {
            return delivery.deliver();
        };
        let (before, now) = (self.bytes, self.lanes.room.resize(self.bytes, bytes));
        self.bytes = now;
        self.settled = self.held.tickets.iter().all(Option::is_none);
        self.delivered = Some(number);
        let ready = Ready {
            delivery,
            bytes: self.settled.then_some(now),
        };
        let leaving = self.lanes.change(tenant, |state, wakers| {
            state.resize(before, now);
            state.outbox.fill(number, Some(ready));
            let leaving = state.outbox.begin();
            state.call_for_outbox(wakers);
            leaving
        });
        hand_out(&self.lanes, tenant, outbox, leaving);
    }

    /// Takes the ticket number `index` out, to be waited for and given back by
    /// itself.
    pub fn take(&mut self, index: usize) -> LaneTicket<D> {
        let ticket = self.held.tickets.get_mut(index).and_then(Option::take);
        LaneTicket {
            lanes: self.lanes.clone(),
            held: self.tenant.clone().zip(ticket),
        }
    }

    /// Gives everything back and hands out what may leave then.
    fn settle(&mut self) {
        let Some(tenant) = self.tenant.take() else {
            return;
        };
        let Self { lanes, held, .. } = self;
        if let Some(number) = held.announcement.take() {
            let leaving = lanes.change(&tenant, |state, _| {
                state.announced.fill(number, None);
                state.announced.begin()
            });
            hand_out(lanes, &tenant, announced, leaving);
        }
        let (bytes, delivered, settled) = (self.bytes, self.delivered, &mut self.settled);
        let leaving = lanes.change(&tenant, |state, wakers| {
            // What still waits to leave takes the room with it.
            if let Some(number) = delivered.filter(|_| !*settled)
                && let Some(ready) = state.outbox.waiting(number)
            {
                ready.bytes = Some(bytes);
                *settled = true;
            }
            if !*settled {
                state.end(bytes, wakers);
            }
            for ticket in held.tickets.iter_mut().filter_map(Option::take) {
                ticket.give_back(lanes, state, wakers);
            }
            let number = held.delivery.take()?;
            state.outbox.fill(number, None);
            let leaving = state.outbox.begin();
            state.call_for_outbox(wakers);
            Some(leaving)
        });
        hand_out(lanes, &tenant, outbox, leaving.flatten());
    }

    fn poll_turn(&self, index: usize, cx: &Context<'_>) -> Poll<()> {
        let (Some(tenant), Some(Some(ticket))) = (&self.tenant, self.held.tickets.get(index))
        else {
            return Poll::Ready(());
        };
        ticket.poll_turn(&self.lanes, tenant, cx)
    }
}

impl<D: Deliver> Drop for Tickets<D> {
    fn drop(&mut self) {
        self.settle();
        if !self.settled {
            self.lanes.room.give_back(self.bytes);
        }
    }
}

// === impl LaneTicket ===

impl<D: Deliver> LaneTicket<D> {
    /// Waits until it is at the head of its lane.
    pub async fn turn(&self) {
        poll_fn(|cx| match &self.held {
            Some((tenant, ticket)) => ticket.poll_turn(&self.lanes, tenant, cx),
            None => Poll::Ready(()),
        })
        .await;
    }
}

impl<D: Deliver> Drop for LaneTicket<D> {
    fn drop(&mut self) {
        if let Some((tenant, ticket)) = self.held.take() {
            self.lanes.change(&tenant, |state, wakers| {
                ticket.give_back(&self.lanes, state, wakers);
            });
        }
    }
}

// === impl Ticket ===

impl Ticket {
    pub(super) fn new(scope: &LaneScope, number: u64, is_shared: bool) -> Self {
        Self {
            scope: scope.clone(),
            number,
            is_shared,
        }
    }

    fn poll_turn<D: Deliver>(
        &self,
        lanes: &Lanes<D>,
        tenant: &Tenant<D>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let is_here = match self.is_shared {
            true => {
                let mut shared = lanes.shared.state.lock();
                shared.poll_turn(&self.scope.shared(), self.number, cx.waker())
            }
            false => {
                let mut state = tenant.state.lock();
                state.poll_turn(&self.scope, self.number, cx.waker())
            }
        };
        match is_here {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn give_back<D: Deliver>(self, lanes: &Lanes<D>, state: &mut State<D>, wakers: &mut Wakers) {
        if self.is_shared {
            let mut shared = lanes.shared.state.lock();
            shared.release(&self.scope.shared(), self.number, wakers);
            state.release_shared(&self.scope, wakers);
        } else {
            state.release(&self.scope, self.number, wakers);
        }
    }
}

// === impl HandingOut ===

impl<D: Deliver> HandingOut<'_, D> {
    /// Takes what leaves next.
    fn next(self) -> Batch<Ready<D>> {
        let leaving = self.lanes.change(self.tenant, |state, wakers| {
            let leaving = (self.which)(state).go_on();
            state.call_for_outbox(wakers);
            leaving
        });
        std::mem::forget(self);
        leaving.unwrap_or_default()
    }
}

impl<D: Deliver> Drop for HandingOut<'_, D> {
    fn drop(&mut self) {
        let which = self.which;
        self.lanes
            .change(self.tenant, |state, _| which(state).end());
    }
}

fn announced<D>(state: &mut State<D>) -> &mut Outbox<Ready<D>> {
    &mut state.announced
}

fn outbox<D>(state: &mut State<D>) -> &mut Outbox<Ready<D>> {
    &mut state.outbox
}

/// Delivers what has left an outbox, and then what may leave next, until that
/// is nothing.
fn hand_out<D: Deliver>(
    lanes: &Lanes<D>,
    tenant: &Arc<Tenant<D>>,
    which: Which<D>,
    leaving: Option<Batch<Ready<D>>>,
) {
    let mut batch = leaving.unwrap_or_default();
    while !batch.is_empty() {
        let handing_out = HandingOut {
            lanes,
            tenant,
            which,
        };
        for Ready { delivery, bytes } in batch {
            if let Some(bytes) = bytes {
                lanes.room.give_back(bytes);
                lanes.change(tenant, |state, wakers| state.end(bytes, wakers));
            }
            delivery.deliver();
        }
        batch = handing_out.next();
    }
}
