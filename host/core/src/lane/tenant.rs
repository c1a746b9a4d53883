//! What one principal has under way, apart from its lanes. Pure state, no lock.

use super::{
    RoomUse,
    line::{Line, Place},
    outbox::{Batch, Outbox},
    shard::Wakers,
    solo::Solo,
};
use crate::types::Principal;

/// A principal that has events under way, or waits for room.
#[derive(Debug)]
pub(super) struct Tenant<D> {
    pub(super) principal: Option<Principal>,
    /// Of the principal, to be found by.
    pub(super) hash: u64,
    /// How many lanes it has.
    pub(super) lanes: usize,
    /// What an event holds that found no lane in use.
    pub(super) solo: Option<Solo>,
    /// It has begun to share a lane, and no event has been told.
    pub(super) begins_to_share: bool,
    /// What is shown before its chain runs; each place is filled at once. Made
    /// for the first that is.
    announced: Option<Box<Outbox<Ready<D>>>>,
    /// What is delivered when it is admitted.
    pub(super) outbox: Outbox<Ready<D>>,
    pub(super) outbox_line: Line,
    pub(super) room_line: Line,
    /// What the principal has under way, of the host's room.
    used: RoomUse,
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
            solo: None,
            begins_to_share: false,
            announced: None,
            outbox: Outbox::default(),
            outbox_line: Line::default(),
            room_line: Line::default(),
            used: RoomUse::default(),
            arrivals: 0,
        }
    }

    /// Whether nobody would miss this principal's entry.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes == 0
            && self.solo.is_none()
            && self.used.events == 0
            && self
                .announced
                .as_ref()
                .is_none_or(|outbox| outbox.is_idle())
            && self.outbox.is_idle()
            && self.outbox_line.is_empty()
            && self.room_line.is_empty()
    }

    /// What it has under way.
    pub(super) fn used(&self) -> RoomUse {
        self.used
    }

    /// An event of it is under way.
    pub(super) fn begin(&mut self, bytes: u64) {
        self.used.events += 1;
        self.used.bytes += bytes;
    }

    /// What one under way counts has changed.
    pub(super) fn resize(&mut self, from: u64, to: u64) {
        self.used.bytes = self.used.bytes - from + to;
    }

    /// One of them is not any more; returns what it gives back.
    pub(super) fn end(&mut self, bytes: u64, wakers: &mut Wakers) -> RoomUse {
        let freed = RoomUse { events: 1, bytes };
        self.used = self.used.zip(freed, |used, freed| used - freed);
        wakers.extend(self.room_line.first());
        freed
    }

    /// The number of one more that begins to wait.
    pub(super) fn arrive(&mut self) -> Place {
        self.arrivals += 1;
        self.arrivals
    }

    pub(super) fn of(&mut self, which: Which) -> &mut Outbox<Ready<D>> {
        match which {
            Which::Announced => self.announced.get_or_insert_default(),
            Which::Admitted => &mut self.outbox,
        }
    }

    /// Says what the event at `number` has come to, and takes what may leave
    /// then; nothing if somebody hands out already, who will take it.
    pub(super) fn fill(
        &mut self,
        which: Which,
        number: u64,
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
            freed = freed.plus(self.end(bytes, wakers));
        }
        wakers.extend(self.outbox_line.first());
        (batch, freed)
    }
}
