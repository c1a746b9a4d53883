//! The bounds of the whole host: events under way, and their bytes.

use std::{mem, task::Context};

use super::{
    line::{Line, Place},
    wakers::Wakers,
};
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// Bits of the word that count bytes; those above count events.
const BYTE_BITS: u32 = 40;
/// Set while somebody waits: then nobody is let in but from the line.
const WAITING: u64 = 1 << 63;
/// Most events that the word can count.
pub(super) const MAX_EVENTS: u64 = (1 << (63 - BYTE_BITS)) - 1;
/// Most bytes that the word can count.
pub(super) const MAX_BYTES: u64 = (1 << BYTE_BITS) - 1;

/// All reserves together are at most one part of so many of the host's bounds.
const PARTS: u64 = 8;

/// Events under way and their bytes, in one word, and what the [`Reserve`]s
/// hold.
#[derive(Debug)]
pub(super) struct Room {
    max: RoomUse,
    used: AtomicU64,
    line: Mutex<Line<Want>>,
    /// What a reserve is filled up to; nothing where the bounds are small.
    refill: RoomUse,
    /// Some reserve may hold something.
    put_by: AtomicBool,
    /// There are reserves only while less than this is used: an event is
    /// refused, or waits, for what is under way and not for what is put by.
    plenty: RoomUse,
}

/// Room that a lock's principals have together and no event takes, so that the
/// threads of a host that is not full do not all change one word. It is behind
/// that lock.
#[derive(Debug, Default)]
pub(super) struct Reserve(RoomUse);

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
    room: RoomUse,
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

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    fn map(self, change: impl Fn(u64) -> u64) -> Self {
        Self {
            events: change(self.events),
            bytes: change(self.bytes),
        }
    }

    pub(super) fn zip(self, other: Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            events: combine(self.events, other.events),
            bytes: combine(self.bytes, other.bytes),
        }
    }
}

// === impl Room ===

impl Room {
    /// Room for `max`, with as many reserves as there are `shards`; both numbers
    /// are cut to what the word can count.
    pub(super) fn new(max: RoomUse, shards: usize) -> Self {
        let max = RoomUse {
            events: max.events.min(MAX_EVENTS),
            bytes: max.bytes.min(MAX_BYTES),
        };
        // A reserve is filled up to half of what it may grow to.
        let refill = max.map(|most| most / (PARTS * 2 * shards as u64));
        let put_by = max.map(|most| most.div_ceil(PARTS));
        let has_reserves = refill.events > 0 && refill.bytes > 0;
        Self {
            used: AtomicU64::new(0),
            line: Mutex::new(Line::default()),
            refill,
            put_by: AtomicBool::new(false),
            plenty: match has_reserves {
                true => max.zip(put_by, u64::saturating_sub),
                false => RoomUse::default(),
            },
            max,
        }
    }

    pub(super) fn max(&self) -> RoomUse {
        self.max
    }

    /// What events take, and what is put by.
    pub(super) fn used(&self) -> RoomUse {
        unpack(self.used.load(Ordering::Acquire))
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.line.lock().len()
    }

    /// Takes room for one event of `bytes`, if there is and nobody waits: from
    /// the reserve, which is filled up when it has none.
    pub(super) fn try_take(&self, reserve: &mut Reserve, bytes: u64, wakers: &mut Wakers) -> bool {
        let one = RoomUse { events: 1, bytes };
        let nobody_waits = |used| used & WAITING == 0;
        if !self.may_put_by() {
            self.empty(reserve, wakers);
            return self.add(one, nobody_waits);
        }
        if reserve.take(one) {
            return true;
        }
        let missing = self.refill.zip(reserve.0, u64::saturating_sub);
        if self.add(one.plus(missing), nobody_waits) {
            reserve.0 = reserve.0.plus(missing);
            return true;
        }
        self.add(one, nobody_waits)
    }

    /// Gives back what events took, to the reserve if there is one.
    pub(super) fn give_back(&self, reserve: &mut Reserve, freed: RoomUse, wakers: &mut Wakers) {
        reserve.0 = reserve.0.plus(freed);
        if !self.may_put_by() {
            self.empty(reserve, wakers);
            return;
        }
        let most = self.refill.map(|refill| refill * 2);
        if reserve.0.events > most.events || reserve.0.bytes > most.bytes {
            let kept = reserve.0.zip(self.refill, u64::min);
            let freed = reserve.0.zip(kept, u64::saturating_sub);
            reserve.0 = kept;
            self.free(freed, wakers);
        }
    }

    /// Gives back what a reserve has.
    pub(super) fn empty(&self, reserve: &mut Reserve, wakers: &mut Wakers) {
        let freed = mem::take(&mut reserve.0);
        if freed != RoomUse::default() {
            self.free(freed, wakers);
        }
    }

    /// Whether some reserve may hold something, before all are emptied.
    pub(super) fn empties(&self) -> bool {
        self.put_by.swap(false, Ordering::SeqCst)
    }

    /// Whether a reserve may hold something from now on; its lock is held.
    fn may_put_by(&self) -> bool {
        if !self.has_plenty() {
            return false;
        }
        // Said before it is done, and then asked again: either whoever waits
        // from now on sees it and empties the reserve, or is seen here. Read
        // first, since it is so most of the time, and all threads read it.
        if !self.put_by.load(Ordering::SeqCst) {
            self.put_by.store(true, Ordering::SeqCst);
        }
        self.has_plenty()
    }

    fn free(&self, freed: RoomUse, wakers: &mut Wakers) {
        let before = self.used.fetch_sub(pack(freed), Ordering::AcqRel);
        if before & WAITING != 0 {
            self.grant(&mut self.line.lock(), wakers);
        }
    }

    /// Whether nobody waits and there is room for all reserves.
    fn has_plenty(&self) -> bool {
        let word = self.used.load(Ordering::SeqCst);
        let used = unpack(word);
        let is_less = used.events < self.plenty.events && used.bytes < self.plenty.bytes;
        is_less && word & WAITING == 0
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
        wakers: &mut Wakers,
    ) -> bool {
        let mut line = self.line.lock();
        let place = match request.0 {
            Some(place) => place,
            None => {
                let place = line.join(Want {
                    room: RoomUse { events: 1, bytes },
                    granted: false,
                });
                request.0 = Some(place);
                // Before looking for room, so that what is given back from now
                // on is seen either here or by whoever gives it back.
                self.used.fetch_or(WAITING, Ordering::SeqCst);
                self.grant(&mut line, wakers);
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
    pub(super) fn withdraw(&self, request: &mut RoomRequest, wakers: &mut Wakers) {
        let Some(place) = request.0.take() else {
            return;
        };
        let mut line = self.line.lock();
        if let Some(want) = line.leave(place)
            && want.granted
        {
            self.used.fetch_sub(pack(want.room), Ordering::AcqRel);
        }
        self.grant(&mut line, wakers);
    }

    /// Grants room from the front of the line, and opens the room to all when
    /// nobody waits any more.
    fn grant(&self, line: &mut Line<Want>, wakers: &mut Wakers) {
        for (want, waker) in line.iter_mut() {
            if want.granted {
                continue;
            }
            if !self.add(want.room, |_| true) {
                return;
            }
            want.granted = true;
            wakers.extend(waker.take());
        }
        self.used.fetch_and(!WAITING, Ordering::AcqRel);
    }

    fn add(&self, more: RoomUse, may: impl Fn(u64) -> bool) -> bool {
        let fits = |used: u64| {
            let now = unpack(used).plus(more);
            now.events <= self.max.events && now.bytes <= self.max.bytes
        };
        let added = |used: u64| (may(used) && fits(used)).then(|| used + pack(more));
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, added)
            .is_ok()
    }
}

// === impl RoomRequest ===

impl RoomRequest {
    /// Whether it stands in line, or was granted.
    pub(super) fn is_made(&self) -> bool {
        self.0.is_some()
    }
}

// === impl Reserve ===

impl Reserve {
    /// What is put by.
    pub(super) fn held(&self) -> RoomUse {
        self.0
    }

    fn take(&mut self, wanted: RoomUse) -> bool {
        let has = self.0.events >= wanted.events && self.0.bytes >= wanted.bytes;
        if has {
            self.0 = self.0.zip(wanted, u64::saturating_sub);
        }
        has
    }
}

fn pack(room: RoomUse) -> u64 {
    (room.events << BYTE_BITS) + room.bytes
}

fn unpack(used: u64) -> RoomUse {
    RoomUse {
        events: (used & !WAITING) >> BYTE_BITS,
        bytes: used & MAX_BYTES,
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: RoomUse = RoomUse {
        events: 80,
        bytes: 8000,
    };

    #[derive(Clone, Debug)]
    enum Op {
        Take { shard: usize, bytes: u64 },
        GiveBack { event: usize },
    }

    fn op() -> impl Strategy<Value = Op> {
        let bytes = prop_oneof![10 => 0..300_u64, 1 => 0..9000_u64];
        prop_oneof![
            2 => (0..2_usize, bytes).prop_map(|(shard, bytes)| Op::Take { shard, bytes }),
            1 => (0..80_usize).prop_map(|event| Op::GiveBack { event }),
        ]
    }

    proptest! {
        /// Rule: a global bound on events in flight, by count and bytes.
        #[test]
        fn an_event_is_refused_only_where_a_sum_of_all_says_so(
            ops in prop::collection::vec(op(), 1..300),
        ) {
            let room = Room::new(MAX, 2);
            let mut reserves = [Reserve::default(), Reserve::default()];
            let mut wakers = Wakers::default();
            let mut under_way = Vec::new();
            let mut sum = RoomUse::default();
            for op in ops {
                match op {
                    Op::Take { shard, bytes } => {
                        let one = RoomUse { events: 1, bytes };
                        let all = sum.plus(one);
                        let fits = all.events <= MAX.events && all.bytes <= MAX.bytes;
                        let mut take = |reserves: &mut [Reserve; 2]| {
                            room.try_take(&mut reserves[shard], bytes, &mut wakers)
                        };
                        let taken = take(&mut reserves) || {
                            let mut wakers = Wakers::default();
                            for reserve in &mut reserves {
                                room.empty(reserve, &mut wakers);
                            }
                            take(&mut reserves)
                        };
                        prop_assert_eq!(taken, fits);
                        if taken {
                            sum = all;
                            under_way.push((shard, one));
                        }
                    }
                    Op::GiveBack { event } if event < under_way.len() => {
                        let (shard, freed) = under_way.swap_remove(event);
                        sum = sum.zip(freed, |sum, freed| sum - freed);
                        room.give_back(&mut reserves[shard], freed, &mut wakers);
                    }
                    Op::GiveBack { .. } => {}
                }
                let put_by = reserves[0].held().plus(reserves[1].held());
                prop_assert_eq!(room.used(), sum.plus(put_by));
                prop_assert!(put_by.events <= MAX.events / PARTS);
                prop_assert!(put_by.bytes <= MAX.bytes / PARTS);
            }
        }
    }
}
