//! The bounds of the whole host: events under way, and their bytes.

use std::task::Context;

use smallvec::SmallVec;

use super::line::{Line, Place};
use crate::sync::{AtomicU64, Mutex, Ordering};

/// Bits of the word that count bytes; those above count events.
const BYTE_BITS: u32 = 40;
/// Set while somebody waits: then nobody is let in but from the line.
const WAITING: u64 = 1 << 63;
/// Most events that the word can count.
pub(super) const MAX_EVENTS: u64 = (1 << (63 - BYTE_BITS)) - 1;
/// Most bytes that the word can count.
pub(super) const MAX_BYTES: u64 = (1 << BYTE_BITS) - 1;

/// Events under way and their bytes. One word, so that taking and giving back
/// is one atomic operation while nobody waits.
#[derive(Debug)]
pub(super) struct Room {
    max: RoomUse,
    used: AtomicU64,
    line: Mutex<Line<Want>>,
}

/// Events and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomUse {
    /// Events under way.
    pub events: u64,
    /// Their bytes, as [`Event::size`](crate::types::Event::size) counts them.
    pub bytes: u64,
}

#[derive(Debug)]
struct Want {
    bytes: u64,
    granted: bool,
}

/// A wish for room that may have to wait. Dropped, it leaves the line and
/// gives back what it was granted.
#[derive(Debug, Default)]
pub(super) struct RoomRequest(Option<Place>);

// === impl RoomUse ===

impl RoomUse {
    /// Whether another event of `bytes` would be more than `share`. Whoever has
    /// nothing under way may always have one.
    pub(super) fn leaves_no_room_for(self, bytes: u64, share: Self) -> bool {
        self.events >= share.events.max(1)
            || (self.events > 0 && self.bytes.saturating_add(bytes) > share.bytes)
    }
}

// === impl Room ===

impl Room {
    /// Room for `max`; both numbers are cut to what the word can count.
    pub(super) fn new(max: RoomUse) -> Self {
        Self {
            max: RoomUse {
                events: max.events.min(MAX_EVENTS),
                bytes: max.bytes.min(MAX_BYTES),
            },
            used: AtomicU64::new(0),
            line: Mutex::new(Line::default()),
        }
    }

    pub(super) fn max(&self) -> RoomUse {
        self.max
    }

    pub(super) fn used(&self) -> RoomUse {
        unpack(self.used.load(Ordering::Relaxed))
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.line.lock().len()
    }

    /// Takes room for one event of `bytes`, if there is and nobody waits.
    pub(super) fn try_take(&self, bytes: u64) -> bool {
        self.add(bytes, |used| used & WAITING == 0)
    }

    /// Gives back what an event of `bytes` took.
    pub(super) fn give_back(&self, bytes: u64) {
        self.give_back_all(RoomUse { events: 1, bytes });
    }

    /// Gives back what several events took.
    pub(super) fn give_back_all(&self, freed: RoomUse) {
        let freed = (freed.events << BYTE_BITS) + freed.bytes;
        let before = self.used.fetch_sub(freed, Ordering::AcqRel);
        if before & WAITING != 0 {
            self.grant(&mut self.line.lock());
        }
    }

    /// Changes what an event takes, as far as the word can count, also beyond
    /// the bound. Returns what it takes now.
    pub(super) fn resize(&self, from: u64, to: u64) -> u64 {
        if to <= from {
            return from;
        }
        let mut now = to;
        let grown = |used: u64| {
            now = to.min(from + (MAX_BYTES - unpack(used).bytes));
            Some(used + (now - from))
        };
        // It always gives a word.
        let _ = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, grown);
        now
    }

    /// Whether `request` has been granted room for `bytes`; if not, it stands
    /// in line and `cx` is woken when it has.
    pub(super) fn poll_take(
        &self,
        request: &mut RoomRequest,
        bytes: u64,
        cx: &Context<'_>,
    ) -> bool {
        let mut line = self.line.lock();
        let place = match request.0 {
            Some(place) => place,
            None => {
                let place = line.join(Want {
                    bytes,
                    granted: false,
                });
                request.0 = Some(place);
                // Before looking for room, so that what is given back from now
                // on is seen either here or by whoever gives it back.
                self.used.fetch_or(WAITING, Ordering::AcqRel);
                self.grant(&mut line);
                place
            }
        };
        let granted = line.wants(place).is_some_and(|want| want.granted);
        if !granted {
            line.keep(place, cx.waker());
        }
        granted
    }

    /// Ends a request that was granted: its owner now has the room.
    pub(super) fn accept(&self, request: &mut RoomRequest) {
        if let Some(place) = request.0.take() {
            self.line.lock().leave(place);
        }
    }

    /// Ends a request, and gives back what it was granted.
    pub(super) fn withdraw(&self, request: &mut RoomRequest) {
        let Some(place) = request.0.take() else {
            return;
        };
        let mut line = self.line.lock();
        if let Some(want) = line.leave(place)
            && want.granted
        {
            self.used.fetch_sub(pack(want.bytes), Ordering::AcqRel);
        }
        self.grant(&mut line);
    }

    /// Grants room from the front of the line, and opens the room to all when
    /// nobody waits any more. Wakes under the lock: what is woken is a task,
    /// which runs elsewhere.
    fn grant(&self, line: &mut Line<Want>) {
        let mut wakers = SmallVec::<[_; 4]>::new();
        let mut all = true;
        for (want, waker) in line.iter_mut() {
            if want.granted {
                continue;
            }
            if !self.add(want.bytes, |_| true) {
                all = false;
                break;
            }
            want.granted = true;
            wakers.extend(waker.take());
        }
        if all {
            self.used.fetch_and(!WAITING, Ordering::AcqRel);
        }
        for waker in wakers {
            waker.wake();
        }
    }

    fn add(&self, bytes: u64, may: impl Fn(u64) -> bool) -> bool {
        let fits = |used: u64| {
            let now = unpack(used);
            now.events < self.max.events && now.bytes.saturating_add(bytes) <= self.max.bytes
        };
        let added = |used: u64| (may(used) && fits(used)).then(|| used + pack(bytes));
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, added)
            .is_ok()
    }
}

/// One event of `bytes`.
fn pack(bytes: u64) -> u64 {
    (1 << BYTE_BITS) + bytes
}

fn unpack(used: u64) -> RoomUse {
    RoomUse {
        events: (used & !WAITING) >> BYTE_BITS,
        bytes: used & MAX_BYTES,
    }
}
