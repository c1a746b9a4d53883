//! The tickets of one event.

use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll},
};

use super::{
    Home, Lanes, RoomUse,
    outbox::{Batch, Number},
    queue::Queue,
    shard::{Common, Shard, bit},
    table::At,
    tenant::{Ready, Which},
    wakers::Wakers,
};

/// The tickets of one event, one a lane, and its place in the outbox. Dropping
/// them gives back all that are still held, and empties the place.
#[derive(Debug)]
#[must_use = "dropping the tickets gives up the event's place"]
pub struct Tickets<H: Home> {
    home: H,
    /// The number of its principal's shard.
    shard: u32,
    /// `None` for an event whose order matters to nobody, and once everything
    /// is given back.
    at: Option<At>,
    entry: u64,
    bytes: u64,
    held: Held,
    /// Its place in the outbox, once it is filled.
    delivered: Option<Number>,
    /// Its room has been given back, or is given back with its delivery.
    settled: bool,
}

/// What an event holds.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) shard: u32,
    pub(super) at: Option<At>,
    pub(super) entry: u64,
    pub(super) held: Held,
}

/// What an event holds of its principal's state.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// It found no lane in use: instead of tickets it has what the principal's
    /// entry keeps for it.
    pub(super) is_solo: bool,
    /// Marks of those that were taken out of that.
    pub(super) taken: u64,
    pub(super) tickets: Box<[Option<Ticket>]>,
    pub(super) begins_to_share: bool,
    /// Its place among what is announced.
    pub(super) announcement: Option<Number>,
    /// Its place in the outbox.
    pub(super) delivery: Option<Number>,
    /// Nobody stood there before it, nor handed out: nobody hands out before it
    /// has left.
    pub(super) is_first_out: bool,
}

/// The turn of an event to leave its principal's outbox before it has filled its
/// place there: nobody else hands out until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it lets the next one leave"]
pub struct FirstOut<'a, H: Home> {
    tickets: &'a mut Tickets<H>,
    at: At,
    number: Number,
    bytes: u64,
    ends: bool,
}

/// A single ticket of an event. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "dropping the ticket gives up the event's place"]
pub struct LaneTicket<H: Home> {
    home: H,
    held: Option<(At, Claim)>,
}

/// What a single ticket is.
#[derive(Debug)]
enum Claim {
    Ticket(Ticket),
    /// That of an event that found no lane in use, by its index.
    Mark(usize),
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
struct HandingOut<'a, H: Home> {
    home: &'a H,
    at: At,
    which: Which,
}

// === impl Tickets ===

impl<H: Home> Tickets<H> {
    pub(super) fn new(home: H, bytes: u64, entered: Entered) -> Self {
        let Entered {
            shard,
            at,
            entry,
            held,
        } = entered;
        Self {
            home,
            shard,
            at,
            entry,
            bytes,
            held,
            delivered: None,
            settled: false,
        }
    }

    /// What keeps its lanes.
    pub fn home(&self) -> &H {
        &self.home
    }

    /// The same, to be changed.
    pub fn home_mut(&mut self) -> &mut H {
        &mut self.home
    }

    /// The event's number among all that were let in. Events of one principal
    /// have the same order here as in every lane they share.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// Whether its principal shares a lane with others from now on, because it
    /// found as many as a capsule may have.
    pub fn begins_to_share(&self) -> bool {
        self.held.begins_to_share
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
            ticket.turn(self.home.lanes(), at).await;
        }
    }

    /// Gives the ticket number `index` back, and lets the next in its lane
    /// go on.
    pub fn release(&mut self, index: usize) {
        let Some(at) = self.at else {
            return;
        };
        let lanes = self.home.lanes();
        if self.held.is_solo {
            if self.held.taken & bit(index) != 0 {
                return;
            }
            // The event itself is under way still: the principal's entry stays.
            return lanes.with_shard(at.shard(), |shard, wakers| {
                shard.release_solo(at.tenant(), index, &mut lanes.common(), wakers);
            });
        }
        if let Some(ticket) = self.held.tickets.get_mut(index).and_then(Option::take) {
            lanes.with_shard(at.shard(), |shard, wakers| {
                shard.give_back(ticket, &mut lanes.common(), wakers);
            });
        }
    }

    /// Shows the event before its chain runs, when every earlier one of the
    /// principal that announces has been shown: now, or when the last of them
    /// is.
    pub fn announce(&mut self, announcement: H::Delivery) {
        let (Some(at), Some(number)) = (self.at, self.held.announcement.take()) else {
            return self.home.deliver(announcement);
        };
        let ready = Ready {
            delivery: announcement,
            bytes: None,
        };
        let (lanes, place) = (self.home.lanes(), (Which::Announced, number));
        let leaving = lanes.with(at, |shard, tenant, wakers| {
            shard.fill(tenant, place, Some(ready), &lanes.room, wakers)
        });
        hand_out(&self.home, at, Which::Announced, leaving);
    }

    /// Delivers when every earlier event of the principal that took a place in
    /// the outbox has left it: now, or when the last of them does. From now on
    /// the event counts `bytes` in the host's room, until it is delivered and
    /// has given its tickets back.
    pub fn deliver(&mut self, delivery: H::Delivery, bytes: u64) {
        self.fill(delivery, bytes, false);
    }

    /// As [`deliver`](Self::deliver), and gives all tickets back.
    pub fn finish(&mut self, delivery: H::Delivery, bytes: u64) {
        self.fill(delivery, bytes, true);
    }

    /// Its turn to be handed out by the caller instead of with
    /// [`finish`](Self::finish), if nobody of its principal has been before it;
    /// and as there, all that it holds is given back after.
    pub fn first_out(&mut self) -> Option<FirstOut<'_, H>> {
        self.leave_first(self.bytes, true)
    }

    fn leave_first(&mut self, bytes: u64, ends: bool) -> Option<FirstOut<'_, H>> {
        let at = self.at.filter(|_| self.held.is_first_out)?;
        let number = self.held.delivery.take()?;
        Some(FirstOut {
            tickets: self,
            at,
            number,
            bytes,
            ends,
        })
    }

    fn fill(&mut self, delivery: H::Delivery, bytes: u64, ends: bool) {
        if let Some(turn) = self.leave_first(bytes, ends) {
            return turn.home().deliver(delivery);
        }
        let (Some(at), Some(number)) = (self.at, self.held.delivery.take()) else {
            return self.home.deliver(delivery);
        };
        let Self { home, held, .. } = self;
        let lanes = home.lanes();
        let (before, now) = (self.bytes, lanes.room.resize(self.bytes, bytes));
        let ends = ends || held.is_empty();
        let leaving = lanes.with(at, |shard, tenant, wakers| {
            if ends {
                held.give_back(shard, tenant, &mut lanes.common(), wakers);
            }
            let ready = Ready {
                delivery,
                bytes: ends.then_some(now),
            };
            shard.tenant_mut(tenant).resize(before, now);
            let place = (Which::Admitted, number);
            shard.fill(tenant, place, Some(ready), &lanes.room, wakers)
        });
        self.bytes = now;
        self.settled = ends;
        self.delivered = Some(number);
        hand_out(&self.home, at, Which::Admitted, leaving);
    }

    /// Takes the ticket number `index` out, to be waited for and given back by
    /// itself.
    pub fn take(&mut self, index: usize) -> LaneTicket<H> {
        let lanes = self.home.lanes();
        let held = &mut self.held;
        let claim = match self.at {
            Some(at) if held.is_solo => {
                let is_left = held.taken & bit(index) == 0
                    && lanes.with(at, |shard, tenant, _| shard.solo_holds(tenant, index));
                held.taken |= bit(index);
                is_left.then_some(Claim::Mark(index))
            }
            _ => {
                let ticket = held.tickets.get_mut(index).and_then(Option::take);
                ticket.map(Claim::Ticket)
            }
        };
        LaneTicket {
            home: self.home.clone(),
            held: self.at.zip(claim),
        }
    }
}

impl<H: Home> Drop for Tickets<H> {
    /// Gives everything back and hands out what may leave then.
    fn drop(&mut self) {
        let lanes = self.home.lanes();
        let (room, bytes) = (&lanes.room, self.bytes);
        let Some(at) = self.at.take() else {
            let freed = RoomUse { events: 1, bytes };
            return lanes.with_shard(self.shard, |shard, wakers| {
                room.give_back(&mut shard.reserve, freed, wakers);
            });
        };
        let held = &mut self.held;
        if let Some(number) = held.announcement.take() {
            let place = (Which::Announced, number);
            let leaving = lanes.with(at, |shard, tenant, wakers| {
                shard.fill(tenant, place, None, room, wakers)
            });
            hand_out(&self.home, at, Which::Announced, leaving);
        }
        if self.settled {
            return;
        }
        let delivered = self.delivered;
        let leaving = lanes.with(at, |shard, tenant, wakers| {
            held.give_back(shard, tenant, &mut lanes.common(), wakers);
            // What still waits to leave takes the room with it.
            let waiting = match delivered {
                Some(number) => shard.queues(tenant).outbox.waiting(number),
                None => None,
            };
            match waiting {
                Some(ready) => ready.bytes = Some(bytes),
                None => shard.end(tenant, bytes, room, wakers),
            }
            let place = (Which::Admitted, held.delivery.take()?);
            Some(shard.fill(tenant, place, None, room, wakers))
        });
        if let Some(leaving) = leaving {
            hand_out(&self.home, at, Which::Admitted, leaving);
        }
    }
}

// === impl Held ===

impl Held {
    /// Whether no lane is held.
    fn is_empty(&self) -> bool {
        !self.is_solo && self.tickets.iter().all(Option::is_none)
    }

    fn give_back<D>(
        &mut self,
        shard: &mut Shard<D>,
        tenant: usize,
        common: &mut Common<'_, D>,
        wakers: &mut Wakers,
    ) {
        if mem::take(&mut self.is_solo) {
            shard.end_solo(tenant, self.taken, common, wakers);
        }
        for ticket in self.tickets.iter_mut().filter_map(Option::take) {
            shard.give_back(ticket, common, wakers);
        }
    }
}

// === impl FirstOut ===

impl<H: Home> FirstOut<'_, H> {
    /// What keeps the event's lanes.
    pub fn home(&self) -> &H {
        &self.tickets.home
    }
}

impl<H: Home> Drop for FirstOut<'_, H> {
    /// Lets those leave who have come to their end meanwhile.
    fn drop(&mut self) {
        let (at, number) = (self.at, self.number);
        let Tickets {
            home,
            held,
            bytes,
            settled,
            ..
        } = &mut *self.tickets;
        let lanes = home.lanes();
        *settled = self.ends || held.is_empty();
        let now = match *settled {
            true => *bytes,
            false => lanes.room.resize(*bytes, self.bytes),
        };
        let leaving = lanes.with(at, |shard, tenant, wakers| {
            if *settled {
                held.give_back(shard, tenant, &mut lanes.common(), wakers);
                shard.end(tenant, now, &lanes.room, wakers);
            } else {
                shard.tenant_mut(tenant).resize(*bytes, now);
            }
            let place = (Which::Admitted, number);
            shard.fill(tenant, place, None, &lanes.room, wakers)
        });
        *bytes = now;
        hand_out(home, at, Which::Admitted, leaving);
    }
}

// === impl LaneTicket ===

impl<H: Home> LaneTicket<H> {
    /// Waits until it is at the head of its lane.
    pub async fn turn(&self) {
        if let Some((at, Claim::Ticket(ticket))) = &self.held {
            ticket.turn(self.home.lanes(), *at).await;
        }
    }
}

impl<H: Home> Drop for LaneTicket<H> {
    fn drop(&mut self) {
        if let Some((at, claim)) = self.held.take() {
            let lanes = self.home.lanes();
            lanes.with(at, |shard, tenant, wakers| match claim {
                Claim::Ticket(ticket) => shard.give_back(ticket, &mut lanes.common(), wakers),
                Claim::Mark(index) => {
                    shard.release_solo(tenant, index, &mut lanes.common(), wakers);
                }
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

    pub(super) fn shared(&self) -> Option<usize> {
        self.shared.map(|shared| shared as usize)
    }

    async fn turn<D>(&self, lanes: &Lanes<D>, at: At) {
        if !self.is_first {
            poll_fn(|cx| self.poll_turn(lanes, at, cx)).await;
        }
    }

    fn poll_turn<D>(&self, lanes: &Lanes<D>, at: At, cx: &Context<'_>) -> Poll<()> {
        let (shard, lane) = match self.shared() {
            Some(shared) => (&lanes.shared, shared),
            None => (lanes.shard(at.shard()), self.lane()),
        };
        match shard.lock().poll_turn(lane, self.number, cx.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

// === impl HandingOut ===

impl<H: Home> HandingOut<'_, H> {
    /// Takes what leaves next.
    fn next(self) -> Batch<Ready<H::Delivery>> {
        let lanes = self.home.lanes();
        let leaving = lanes.with(self.at, |shard, tenant, wakers| {
            shard.go_on(tenant, self.which, &lanes.room, wakers)
        });
        mem::forget(self);
        leaving
    }
}

impl<H: Home> Drop for HandingOut<'_, H> {
    fn drop(&mut self) {
        let which = self.which;
        self.home.lanes().with(self.at, |shard, tenant, _| {
            shard.queues(tenant).of(which).end();
        });
    }
}

/// Delivers what has left an outbox, and then what may leave next, until that
/// is nothing.
fn hand_out<H: Home>(home: &H, at: At, which: Which, mut leaving: Batch<Ready<H::Delivery>>) {
    while !leaving.is_empty() {
        let handing_out = HandingOut { home, at, which };
        for Ready { delivery, .. } in leaving {
            home.deliver(delivery);
        }
        leaving = handing_out.next();
    }
}
