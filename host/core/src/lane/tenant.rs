//! The lanes and the outbox of one principal.

use std::task::Waker;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, hash_map::Entry};
use smallvec::SmallVec;

use super::{
    LaneScope, Visit,
    line::{Line, Place},
    outbox::Outbox,
    queue::Queue,
    ticket::Ticket,
};
use crate::{sync::Mutex, types::Principal};

/// One principal that has events under way, or waits for room.
#[derive(Debug)]
pub(super) struct Tenant<D> {
    pub(super) principal: Option<Principal>,
    pub(super) state: Mutex<State<D>>,
}

#[derive(Debug)]
pub(super) struct State<D> {
    lanes: HashMap<LaneScope, Lane, RandomState>,
    /// What is shown before its chain runs; each place is filled at once.
    pub(super) announced: Outbox<Ready<D>>,
    /// What is delivered when it is admitted.
    pub(super) outbox: Outbox<Ready<D>>,
    outbox_line: Line,
    room_line: Line,
    /// Nobody may enter any more: the next one makes a new entry.
    pub(super) gone: bool,
}

/// What leaves an outbox.
#[derive(Debug)]
pub(super) struct Ready<D> {
    pub(super) delivery: D,
    /// What it counts in the host's room, which is then given back.
    pub(super) bytes: Option<u64>,
}

/// Who is to be woken, once no lock is held any more.
pub(super) type Wakers = SmallVec<[Waker; 4]>;

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
pub(super) type Standing = (Where, Place);

/// Why a single lane takes no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is full, or somebody waits for room in it.
    Full,
    /// One of the events that wait for this one holds a ticket in it.
    WouldBlock,
}

#[derive(Debug, Default)]
struct Lane {
    queue: Queue,
    /// Tickets held in the lane that those share who have none of their own.
    shared: usize,
    /// It is the shared one, or stands for the principal's part in it, and
    /// counts among nobody's lanes.
    is_shared: bool,
    line: Line,
}

// === impl Tenant ===

impl<D> Tenant<D> {
    pub(super) fn new(principal: Option<Principal>) -> Self {
        Self {
            principal,
            state: Mutex::new(State {
                lanes: HashMap::default(),
                announced: Outbox::default(),
                outbox: Outbox::default(),
                outbox_line: Line::default(),
                room_line: Line::default(),
                gone: false,
            }),
        }
    }
}

// === impl State ===

impl<D> State<D> {
    /// Whether nobody would miss this principal's entry.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes.is_empty()
            && self.announced.is_idle()
            && self.outbox.is_idle()
            && self.outbox_line.is_empty()
            && self.room_line.is_empty()
    }

    /// How many lanes it has.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The first place without room for `visit` by a publisher who stands at
    /// `own`; `Host` if only the host's own bound is left to ask, and somebody
    /// of this principal asks already. `None`: nothing here is in the way.
    ///
    /// Those who wait at a place that the publisher has passed came there
    /// later and are no obstacle. Otherwise, of two publishers who wait at two
    /// places each would go and stand behind the other, for ever.
    pub(super) fn obstacle(
        &self,
        visit: &Visit,
        own: Option<&Standing>,
        capacity: usize,
    ) -> Option<Where> {
        let at = own.map_or(0, |(place, _)| visit.order_of(place));
        let lets = |order: usize, line: &Line| {
            let own = own.filter(|_| order == at).map(|own| own.1);
            order < at || visit.passes(line, own)
        };
        let full = (0..).zip(&visit.scopes).find(|(order, scope)| {
            let lane = self.lanes.get(*scope);
            lane.is_some_and(|lane| lane.held() >= capacity || !lets(*order, &lane.line))
        });
        if let Some((_, full)) = full {
            return Some(Where::Lane(full.clone()));
        }
        let is_free = |place: &Where, line: &Line| lets(visit.order_of(place), line);
        let outbox_full =
            self.outbox.len() >= capacity || !is_free(&Where::Outbox, &self.outbox_line);
        if visit.delivers && outbox_full {
            return Some(Where::Outbox);
        }
        (!is_free(&Where::Host, &self.room_line)).then_some(Where::Host)
    }

    /// Whether a ticket of one lane alone can be taken now, by an event that
    /// `ancestors` wait for.
    pub(super) fn refuses(
        &self,
        scope: &LaneScope,
        shared: &Self,
        ancestors: &[u64],
        capacity: usize,
    ) -> Option<Refused> {
        let lane = self.lanes.get(scope)?;
        let held = match lane.is_shared {
            true => shared.is_held_by(&scope.shared(), ancestors),
            false => lane.queue.is_held_by(ancestors),
        };
        if held {
            return Some(Refused::WouldBlock);
        }
        (lane.held() >= capacity).then_some(Refused::Full)
    }

    fn is_held_by(&self, scope: &LaneScope, events: &[u64]) -> bool {
        self.lanes
            .get(scope)
            .is_some_and(|lane| lane.queue.is_held_by(events))
    }

    /// Takes a ticket at the end of a lane. A new lane is the principal's own
    /// unless its capsule has `max_lanes` already.
    pub(super) fn push(
        &mut self,
        scope: &LaneScope,
        event: u64,
        shared: &Mutex<Self>,
        max_lanes: usize,
    ) -> Ticket {
        let lane = match self.lanes.entry(scope.clone()) {
            Entry::Occupied(lane) => lane.into_mut(),
            Entry::Vacant(new) => new.insert(match scope.group.try_open(max_lanes) {
                true => Lane::default(),
                false => Lane::shared(),
            }),
        };
        // One who has tickets in the shared lane stays there until they are
        // gone, so that its own events stay in order.
        if lane.is_shared {
            lane.shared += 1;
            let mut shared = shared.lock();
            let common = shared.lanes.entry(scope.shared());
            let number = common.or_insert_with(Lane::shared).queue.push(event);
            return Ticket::new(scope, number, true);
        }
        Ticket::new(scope, lane.queue.push(event), false)
    }

    /// Whether the ticket is at the head of its lane; if not, `waker` is kept.
    pub(super) fn poll_turn(&mut self, scope: &LaneScope, number: u64, waker: &Waker) -> bool {
        self.lanes
            .get_mut(scope)
            .is_none_or(|lane| lane.queue.poll_turn(number, waker))
    }

    /// Gives a ticket of a lane of its own back.
    pub(super) fn release(&mut self, scope: &LaneScope, number: u64, wakers: &mut Wakers) {
        self.change(scope, wakers, |lane| lane.queue.release(number));
    }

    /// Forgets a ticket that was taken in the shared lane.
    pub(super) fn release_shared(&mut self, scope: &LaneScope, wakers: &mut Wakers) {
        self.change(scope, wakers, |lane| {
            lane.shared -= 1;
            None
        });
    }

    /// Changes a lane, wakes who may go on, and closes it if nobody would miss
    /// it.
    fn change(
        &mut self,
        scope: &LaneScope,
        wakers: &mut Wakers,
        change: impl FnOnce(&mut Lane) -> Option<Waker>,
    ) {
        let Entry::Occupied(mut lane) = self.lanes.entry(scope.clone()) else {
            return;
        };
        let at = lane.get_mut();
        wakers.extend(change(at));
        wakers.extend(at.line.first());
        if at.held() == 0 && at.queue.is_empty() && at.line.is_empty() {
            let closed = lane.remove();
            if !closed.is_shared {
                scope.group.close();
            }
        }
    }

    /// Stands in line at `place`.
    pub(super) fn join(&mut self, place: &Where) -> Place {
        match place {
            Where::Lane(scope) => match self.lanes.get_mut(scope) {
                Some(lane) => lane.line.join(()),
                // One waits only for a lane that is there.
                None => 0,
            },
            Where::Outbox => self.outbox_line.join(()),
            Where::Host => self.room_line.join(()),
        }
    }

    /// Has `waker` called when something changes at `place`.
    pub(super) fn keep(&mut self, (place, number): &Standing, waker: &Waker) {
        let line = match place {
            Where::Lane(scope) => match self.lanes.get_mut(scope) {
                Some(lane) => &mut lane.line,
                None => return,
            },
            Where::Outbox => &mut self.outbox_line,
            Where::Host => &mut self.room_line,
        };
        line.keep(*number, waker);
    }

    /// Gives a place in a line up, and wakes the next one there.
    pub(super) fn leave(&mut self, (place, number): &Standing, wakers: &mut Wakers) {
        match place {
            Where::Lane(scope) => self.change(scope, wakers, |lane| {
                lane.line.leave(*number);
                None
            }),
            Where::Outbox => {
                self.outbox_line.leave(*number);
                wakers.extend(self.outbox_line.first());
            }
            Where::Host => {
                self.room_line.leave(*number);
                wakers.extend(self.room_line.first());
            }
        }
    }

    /// Wakes who waits for room in the outbox.
    pub(super) fn call_for_outbox(&mut self, wakers: &mut Wakers) {
        wakers.extend(self.outbox_line.first());
    }
}

// === impl Lane ===

impl Lane {
    fn shared() -> Self {
        Self {
            is_shared: true,
            ..Self::default()
        }
    }

    fn held(&self) -> usize {
        self.queue.held() + self.shared
    }
}
