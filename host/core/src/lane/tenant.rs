//! What one principal has under way, apart from its lanes. Pure state, no lock.

use super::{
    LaneScope, RoomUse,
    line::{Line, Place},
    outbox::{Batch, Number, Outbox},
    shard::Solo,
    wakers::Wakers,
};
use crate::types::Principal;

/// A principal that has events under way, or waits for room. Small, since for
/// most it is all there is.
#[derive(Debug)]
pub(super) struct Tenant<D> {
    pub(super) principal: Option<Principal>,
    /// Of the principal, to be found by.
    pub(super) hash: u64,
    /// How many lanes it has.
    pub(super) lanes: u32,
    /// It has begun to share a lane, and no event has been told.
    pub(super) begins_to_share: bool,
    /// The event that found no lane in use has ended, but for lanes that were
    /// taken out of it.
    pub(super) solo_has_ended: bool,
    /// What an event holds that found no lane in use.
    pub(super) solo: Option<Solo>,
    /// What the principal has under way, of the host's room.
    pub(super) used: RoomUse,
    /// Made for the first event that stands in one.
    pub(super) queues: Option<Box<Queues<D>>>,
}

/// What a principal's events, and those who publish them, stand in beside its
/// lanes.
#[derive(Debug)]
pub(super) struct Queues<D> {
    /// What is shown before its chain runs; each place is filled at once.
    announced: Outbox<Ready<D>>,
    /// What is delivered when it is admitted.
    pub(super) outbox: Outbox<Ready<D>>,
    pub(super) outbox_line: Line,
    pub(super) room_line: Line,
    /// Counts those who have begun to wait.
    arrivals: u64,
}

/// What leaves an outbox.
#[derive(Debug)]
pub(super) struct Ready<D> {
    pub(super) delivery: D,
    /// What it counts in the host's room, which is then given back.
    pub(super) bytes: Option<u64>,
}

/// Which of a principal's two outboxes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Announced,
    Admitted,
}

/// What has left an outbox, to be delivered once no lock is held, and what it
/// gives back of the host's room.
pub(super) type Leaving<D> = (Batch<Ready<D>>, RoomUse);

// === impl Tenant ===

impl<D> Tenant<D> {
    pub(super) fn new(principal: Option<Principal>, hash: u64) -> Self {
        Self {
            principal,
            hash,
            lanes: 0,
            begins_to_share: false,
            solo_has_ended: false,
            solo: None,
            used: RoomUse::default(),
            queues: None,
        }
    }

    /// Whether nobody would miss this principal's entry.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes == 0
            && self.solo.is_none()
            && self.used.events == 0
            && self.queues.as_ref().is_none_or(|queues| queues.are_idle())
    }

    /// The event that is alone, if `scope` is a lane that it marks.
    pub(super) fn marks(&self, scope: &LaneScope) -> Option<u64> {
        self.solo.as_ref()?.marks(scope)
    }

    /// What an event of it takes has changed.
    pub(super) fn resize(&mut self, from: u64, to: u64) {
        self.used.bytes = self.used.bytes - from + to;
    }

    /// One of its events is not under way any more; returns what it gives back.
    pub(super) fn end(&mut self, bytes: u64, wakers: &mut Wakers) -> RoomUse {
        let freed = RoomUse { events: 1, bytes };
        self.give_back(freed, wakers);
        freed
    }

    /// Gives back what some of its events took.
    pub(super) fn give_back(&mut self, freed: RoomUse, wakers: &mut Wakers) {
        self.used = self.used.zip(freed, |used, freed| used - freed);
        if let Some(queues) = &mut self.queues {
            wakers.extend(queues.room_line.first());
        }
    }
}

// === impl Queues ===

impl<D> Queues<D> {
    fn are_idle(&self) -> bool {
        self.announced.is_idle()
            && self.outbox.is_idle()
            && self.outbox_line.is_empty()
            && self.room_line.is_empty()
    }

    /// Whether they keep no memory of what they have held.
    pub(super) fn keeps_nothing(&self) -> bool {
        self.announced.keeps_nothing() && self.outbox.keeps_nothing()
    }

    /// The number of one more that begins to wait.
    pub(super) fn arrive(&mut self) -> Place {
        self.arrivals += 1;
        self.arrivals
    }

    pub(super) fn of(&mut self, which: Which) -> &mut Outbox<Ready<D>> {
        match which {
            Which::Announced => &mut self.announced,
            Which::Admitted => &mut self.outbox,
        }
    }

    /// Says what the event at `number` has come to, and takes what may leave
    /// then; nothing if somebody hands out already, who will take it.
    pub(super) fn fill(
        &mut self,
        which: Which,
        number: Number,
        ready: Option<Ready<D>>,
        wakers: &mut Wakers,
    ) -> Leaving<D> {
        let outbox = self.of(which);
        outbox.fill(number, ready);
        let batch = outbox.begin();
        self.leave(batch, wakers)
    }

    /// Takes what leaves next; stops handing out if that is nothing.
    pub(super) fn go_on(&mut self, which: Which, wakers: &mut Wakers) -> Leaving<D> {
        let batch = self.of(which).go_on();
        self.leave(batch, wakers)
    }

    fn leave(&mut self, batch: Batch<Ready<D>>, wakers: &mut Wakers) -> Leaving<D> {
        let mut freed = RoomUse::default();
        for bytes in batch.iter().filter_map(|ready| ready.bytes) {
            freed = freed.plus(RoomUse { events: 1, bytes });
        }
        wakers.extend(self.outbox_line.first());
        (batch, freed)
    }
}

impl<D> Default for Queues<D> {
    fn default() -> Self {
        Self {
            announced: Outbox::default(),
            outbox: Outbox::default(),
            outbox_line: Line::default(),
            room_line: Line::default(),
            arrivals: 0,
        }
    }
}
