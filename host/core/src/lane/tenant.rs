//! The lanes and the outbox of one principal.

use std::task::Waker;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, hash_map::Entry};
use smallvec::SmallVec;

use super::{
    LaneScope, RoomUse, Visit,
    line::{Line, Place},
    outbox::Outbox,
    queue::Queue,
    ticket::Ticket,
};
use crate::{
    sync::{Mutex, MutexGuard},
    types::Principal,
};

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
    /// What the principal has under way, of the host's room.
    used: RoomUse,
    /// Counts those who have begun to wait.
    arrivals: u64,
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
    state: &'a Mutex<State<D>>,
    locked: Option<MutexGuard<'a, State<D>>>,
    /// A principal that had none of its own before has a ticket there now.
    pub(super) is_new: bool,
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
                used: RoomUse::default(),
                arrivals: 0,
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
            && self.used.events == 0
    }

    /// What the principal has under way.
    pub(super) fn used(&self) -> RoomUse {
        self.used
    }

    /// An event of the principal is under way.
    pub(super) fn begin(&mut self, bytes: u64) {
        self.used.events += 1;
        self.used.bytes += bytes;
    }

    /// What one under way counts has changed.
    pub(super) fn resize(&mut self, from: u64, to: u64) {
        self.used.bytes = self.used.bytes - from + to;
    }

    /// One of them is not any more.
    pub(super) fn end(&mut self, bytes: u64, wakers: &mut Wakers) {
        self.used.events -= 1;
        self.used.bytes -= bytes;
        wakers.extend(self.room_line.first());
    }

    /// How many lanes it has.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The first place without room for `visit` by a publisher who stands at
    /// `own`; `Host` if only the host's own bound is left to ask, and somebody
    /// of this principal asks already. `None`: nothing here is in the way.
    pub(super) fn obstacle(
        &self,
        visit: &Visit,
        own: Option<&Standing>,
        capacity: usize,
        share: RoomUse,
    ) -> Option<Where> {
        let since = own.map(|own| own.since);
        let full = visit.scopes.iter().find(|scope| {
            self.lanes
                .get(*scope)
                .is_some_and(|lane| lane.held() >= capacity || !visit.passes(&lane.line, since))
        });
        if let Some(full) = full {
            return Some(Where::Lane(full.clone()));
        }
        let outbox_full = self.outbox.len() >= capacity || !visit.passes(&self.outbox_line, since);
        if visit.delivers && outbox_full {
            return Some(Where::Outbox);
        }
        let in_room = own.filter(|own| own.at == Where::Host);
        if self.used.leaves_no_room_for(visit.bytes, share) {
            return Some(Where::Host);
        }
        (!visit.passes(&self.room_line, in_room.map(|own| own.place))).then_some(Where::Host)
    }

    /// Whether a ticket of one lane alone can be taken now, by an event that
    /// `ancestors` wait for.
    pub(super) fn refuses(
        &self,
        scope: &LaneScope,
        shared: &Mutex<Self>,
        ancestors: &[u64],
        capacity: usize,
    ) -> Option<Refused> {
        let lane = self.lanes.get(scope)?;
        let held = match lane.is_shared {
            true => shared.lock().is_held_by(&scope.shared(), ancestors),
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
        shared: &mut Common<'_, D>,
        max_lanes: usize,
    ) -> Ticket {
        let lane = match self.lanes.entry(scope.clone()) {
            Entry::Occupied(lane) => lane.into_mut(),
            Entry::Vacant(new) => {
                // What is counted is principals: how many sessions one has is
                // for its own bounds, and must not take others' lanes.
                let own = scope.session.is_some() || scope.group.try_open(max_lanes);
                shared.is_new |= !own;
                new.insert(match own {
                    true => Lane::default(),
                    false => Lane::shared(),
                })
            }
        };
        // One who has tickets in the shared lane stays there until they are
        // gone, so that its own events stay in order.
        if lane.is_shared {
            lane.shared += 1;
            let shared = shared.lock();
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
        if at.held() == 0 && at.line.is_empty() {
            let closed = lane.remove();
            if !closed.is_shared && scope.session.is_none() {
                scope.group.close();
            }
        }
    }

    /// Stands in line for `at`: one who began to wait as number `since`, or
    /// does now.
    pub(super) fn join(&mut self, at: Where, since: Option<Place>) -> Standing {
        let since = since.unwrap_or_else(|| {
            self.arrivals += 1;
            self.arrivals
        });
        let mut place = since;
        match &at {
            // One waits only for a lane that is there.
            Where::Lane(scope) => {
                if let Some(lane) = self.lanes.get_mut(scope) {
                    lane.line.join_at(since, ());
                }
            }
            Where::Outbox => self.outbox_line.join_at(since, ()),
            // Who is first here asks for the host's room already.
            Where::Host => place = self.room_line.join(()),
        }
        Standing { at, place, since }
    }

    /// Has `waker` called when something changes at `place`.
    pub(super) fn keep(&mut self, standing: &Standing, waker: &Waker) {
        let line = match &standing.at {
            Where::Lane(scope) => match self.lanes.get_mut(scope) {
                Some(lane) => &mut lane.line,
                None => return,
            },
            Where::Outbox => &mut self.outbox_line,
            Where::Host => &mut self.room_line,
        };
        line.keep(standing.place, waker);
    }

    /// Gives a place in a line up, and wakes the next one there.
    pub(super) fn leave(&mut self, standing: &Standing, wakers: &mut Wakers) {
        match &standing.at {
            Where::Lane(scope) => self.change(scope, wakers, |lane| {
                lane.line.leave(standing.place);
                None
            }),
            Where::Outbox => {
                self.outbox_line.leave(standing.place);
                wakers.extend(self.outbox_line.first());
            }
            Where::Host => {
                self.room_line.leave(standing.place);
                wakers.extend(self.room_line.first());
            }
        }
    }

    /// Wakes who waits for room in the outbox.
    pub(super) fn call_for_outbox(&mut self, wakers: &mut Wakers) {
        wakers.extend(self.outbox_line.first());
    }
}

// === impl Common ===

impl<'a, D> Common<'a, D> {
    /// Nothing is taken there yet.
    pub(super) fn new(state: &'a Mutex<State<D>>) -> Self {
        Self {
            state,
            locked: None,
            is_new: false,
        }
    }

    fn lock(&mut self) -> &mut State<D> {
        self.locked.get_or_insert_with(|| self.state.lock())
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
