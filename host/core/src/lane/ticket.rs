//! The tickets of one event.

use std::{
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Deliver, Lanes, Visit,
    queue::Queue,
    shard::{Shard, Wakers},
    table::At,
    tenant::{Leaving, Ready, Which},
};

/// The tickets of one event, one a lane, and its place in the outbox. Dropping
/// them gives back all that are still held, and empties the place.
#[derive(Debug)]
#[must_use = "dropping the tickets gives up the event's place"]
pub struct Tickets<D: Deliver> {
    lanes: Arc<Lanes<D>>,
    /// `None` for an event whose order matters to nobody, and once everything
    /// is given back.
    at: Option<At>,
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
    /// It found no lane in use: instead of tickets it has what the principal's
    /// entry keeps for it.
    pub(super) is_solo: bool,
    pub(super) tickets: Vec<Option<Ticket>>,
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
    held: Option<(At, Ticket)>,
}

/// A place in one lane.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) number: u64,
    /// The number of the lane. Of lanes there are never 2^32: an event takes
    /// some hundred bytes, and has few.
    lane: u32,
    /// That of the lane which it really stands in, if that is shared.
    shared: Option<u32>,
    /// Nobody stood there before it, so that nobody is asked whose turn it is.
    is_first: bool,
}

/// Lets somebody else hand out if this one panics.
struct HandingOut<'a, D: Deliver> {
    lanes: &'a Lanes<D>,
    at: At,
    which: Which,
}

// === impl Tickets ===

impl<D: Deliver> Tickets<D> {
    pub(super) fn new(
        lanes: &Arc<Lanes<D>>,
        at: Option<At>,
        visit: &Visit,
        entry: u64,
        held: Held,
    ) -> Self {
        Self {
            lanes: lanes.clone(),
            at,
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
        let mut tickets = self.held.tickets.iter().flatten();
        tickets.any(|ticket| ticket.shared.is_some())
    }

    /// Whether nobody ever stands before the ticket number `index`, so that
    /// its turn need not be waited for.
    pub fn is_first(&self, index: usize) -> bool {
        let ticket = self.held.tickets.get(index).and_then(Option::as_ref);
        ticket.is_none_or(|ticket| ticket.is_first)
    }

    /// Waits until the ticket number `index`, counted as they were asked for,
    /// is at the head of its lane. One that was given back is at once.
    pub async fn turn(&self, index: usize) {
        if let (Some(at), Some(Some(ticket))) = (self.at, self.held.tickets.get(index)) {
            ticket.turn(&self.lanes, at).await;
        }
    }

    /// Gives the ticket number `index` back, and lets the next in its lane
    /// go on.
    pub fn release(&mut self, index: usize) {
        if let (Some(at), true) = (self.at, self.held.is_solo) {
            return self.lanes.with(at, |shard, tenant, wakers| {
                shard.release_solo(tenant, index, wakers);
            });
        }
        let ticket = self.held.tickets.get_mut(index).and_then(Option::take);
        if let (Some(at), Some(ticket)) = (self.at, ticket) {
            self.lanes.with(at, |shard, _, wakers| {
                ticket.give_back(&self.lanes, shard, wakers);
            });
        }
    }

    /// Shows the event before its chain runs, when every earlier one of the
    /// principal that announces has been shown: now, or when the last of them
    /// is.
    pub fn announce(&mut self, announcement: D) {
        let (Some(at), Some(number)) = (self.at, self.held.announcement.take()) else {
            return announcement.deliver();
        };
        let ready = Ready {
            delivery: announcement,
            bytes: None,
        };
        let leaving = self.lanes.with(at, |shard, tenant, wakers| {
            shard
                .tenant_mut(tenant)
                .fill(Which::Announced, number, Some(ready), wakers)
        });
        hand_out(&self.lanes, at, Which::Announced, leaving);
    }

    /// Delivers when every earlier event of the principal that took a place in
    /// the outbox has left it: now, or when the last of them does. From now on
    /// the event counts `bytes` in the host's room, until it is delivered and
    /// has given its tickets back.
    pub fn deliver(&mut self, delivery: D, bytes: u64) {
        self.fill(delivery, bytes, false);
    }

    /// As [`deliver`](Self::deliver), and gives all tickets back.
    pub fn finish(&mut self, delivery: D, bytes: u64) {
        self.fill(delivery, bytes, true);
    }

    fn fill(&mut self, delivery: D, bytes: u64, ends: bool) {
        let (Some(at), Some(number)) = (self.at, self.held.delivery.take()) else {
            return delivery.deliver();
        };
        let (before, now) = (self.bytes, self.lanes.room.resize(self.bytes, bytes));
        let Self { lanes, held, .. } = self;
        let ends = ends || held.is_empty();
        let leaving = lanes.with(at, |shard, tenant, wakers| {
            if ends {
                held.give_back(lanes, shard, tenant, wakers);
            }
            let ready = Ready {
                delivery,
                bytes: ends.then_some(now),
            };
            let tenant = shard.tenant_mut(tenant);
            tenant.resize(before, now);
            tenant.fill(Which::Admitted, number, Some(ready), wakers)
        });
        self.bytes = now;
        self.settled = ends;
        self.delivered = Some(number);
        hand_out(&self.lanes, at, Which::Admitted, leaving);
    }

    /// Takes the ticket number `index` out, to be waited for and given back by
    /// itself.
    pub fn take(&mut self, index: usize) -> LaneTicket<D> {
        let ticket = match (self.at, self.held.is_solo) {
            (Some(at), true) => self
                .lanes
                .with(at, |shard, tenant, _| shard.take_solo(tenant, index)),
            _ => self.held.tickets.get_mut(index).and_then(Option::take),
        };
        LaneTicket {
            lanes: self.lanes.clone(),
            held: self.at.zip(ticket),
        }
    }

    /// Gives everything back and hands out what may leave then.
    fn settle(&mut self) {
        let Some(at) = self.at.take() else {
            return;
        };
        let Self { lanes, held, .. } = self;
        if let Some(number) = held.announcement.take() {
            let leaving = lanes.with(at, |shard, tenant, wakers| {
                shard
                    .tenant_mut(tenant)
                    .fill(Which::Announced, number, None, wakers)
            });
            hand_out(lanes, at, Which::Announced, leaving);
        }
        if self.settled {
            return;
        }
        let (bytes, delivered, settled) = (self.bytes, self.delivered, &mut self.settled);
        let leaving = lanes.with(at, |shard, tenant, wakers| {
            held.give_back(lanes, shard, tenant, wakers);
            let tenant = shard.tenant_mut(tenant);
            // What still waits to leave takes the room with it.
            match delivered.and_then(|number| tenant.outbox.waiting(number)) {
                Some(ready) => {
                    ready.bytes = Some(bytes);
                    *settled = true;
                }
                None => tenant.end(bytes, wakers),
            }
            let number = held.delivery.take()?;
            Some(tenant.fill(Which::Admitted, number, None, wakers))
        });
        if let Some(leaving) = leaving {
            hand_out(lanes, at, Which::Admitted, leaving);
        }
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

// === impl Held ===

impl Held {
    /// Whether no lane is held.
    fn is_empty(&self) -> bool {
        !self.is_solo && self.tickets.iter().all(Option::is_none)
    }

    fn give_back<D: Deliver>(
        &mut self,
        lanes: &Lanes<D>,
        shard: &mut Shard<D>,
        tenant: usize,
        wakers: &mut Wakers,
    ) {
        if mem::take(&mut self.is_solo) {
            shard.end_solo(tenant, wakers);
        }
        for ticket in self.tickets.iter_mut().filter_map(Option::take) {
            ticket.give_back(lanes, shard, wakers);
        }
    }
}

// === impl LaneTicket ===

impl<D: Deliver> LaneTicket<D> {
    /// Waits until it is at the head of its lane.
    pub async fn turn(&self) {
        if let Some((at, ticket)) = &self.held {
            ticket.turn(&self.lanes, *at).await;
        }
    }
}

impl<D: Deliver> Drop for LaneTicket<D> {
    fn drop(&mut self) {
        if let Some((at, ticket)) = self.held.take() {
            self.lanes.with(at, |shard, _, wakers| {
                ticket.give_back(&self.lanes, shard, wakers);
            });
        }
    }
}

// === impl Ticket ===

impl Ticket {
    /// Takes the last place in `queue`, which is that of the lane number
    /// `lane` or of the shared one it stands for.
    pub(super) fn new(lane: usize, shared: Option<usize>, queue: &mut Queue, event: u64) -> Self {
        Self {
            lane: lane as u32,
            shared: shared.map(|shared| shared as u32),
            is_first: queue.held() == 0,
            number: queue.push(event),
        }
    }

    pub(super) fn lane(&self) -> usize {
        self.lane as usize
    }

    async fn turn<D: Deliver>(&self, lanes: &Lanes<D>, at: At) {
        if !self.is_first {
            poll_fn(|cx| self.poll_turn(lanes, at, cx)).await;
        }
    }

    fn poll_turn<D: Deliver>(&self, lanes: &Lanes<D>, at: At, cx: &Context<'_>) -> Poll<()> {
        let (shard, lane) = match self.shared {
            Some(shared) => (&lanes.shared, shared as usize),
            None => (lanes.shard(at), self.lane()),
        };
        match shard.lock().poll_turn(lane, self.number, cx.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn give_back<D: Deliver>(self, lanes: &Lanes<D>, shard: &mut Shard<D>, wakers: &mut Wakers) {
        match self.shared {
            Some(shared) => {
                let mut common = lanes.shared.lock();
                common.release(shared as usize, self.number, wakers);
                shard.release_shared(self.lane(), wakers);
            }
            None => shard.release(self.lane(), self.number, wakers),
        }
    }
}

// === impl HandingOut ===

impl<D: Deliver> HandingOut<'_, D> {
    /// Takes what leaves next.
    fn next(self) -> Leaving<D> {
        let leaving = self.lanes.with(self.at, |shard, tenant, wakers| {
            shard.tenant_mut(tenant).go_on(self.which, wakers)
        });
        mem::forget(self);
        leaving
    }
}

impl<D: Deliver> Drop for HandingOut<'_, D> {
    fn drop(&mut self) {
        let which = self.which;
        self.lanes.with(self.at, |shard, tenant, _| {
            shard.tenant_mut(tenant).of(which).end();
        });
    }
}

/// Delivers what has left an outbox, and then what may leave next, until that
/// is nothing.
fn hand_out<D: Deliver>(lanes: &Lanes<D>, at: At, which: Which, mut leaving: Leaving<D>) {
    while !leaving.batch.is_empty() {
        let handing_out = HandingOut { lanes, at, which };
        if leaving.freed.events > 0 {
            lanes.room.give_back_all(leaving.freed);
        }
        for Ready { delivery, .. } in leaving.batch {
            delivery.deliver();
        }
        leaving = handing_out.next();
    }
}
