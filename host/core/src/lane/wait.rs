//! A publisher that waits for room.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    Lanes, Visit,
    room::RoomRequest,
    shard::{Shard, Standing, Where},
    table::At,
    ticket::Entered,
    wakers::Wakers,
};

/// Enters as soon as there is room. Dropped before, it leaves every line.
#[derive(Debug)]
pub(super) struct Waiting<'a, D> {
    lanes: &'a Lanes<D>,
    visit: Visit<'a>,
    /// Where it stands; nowhere before it is first polled, and after it has
    /// entered.
    standing: Option<(At, Standing)>,
    room: RoomRequest,
}

// === impl Waiting ===

impl<'a, D> Waiting<'a, D> {
    pub(super) fn new(lanes: &'a Lanes<D>, visit: Visit<'a>) -> Self {
        Self {
            lanes,
            visit,
            standing: None,
            room: RoomRequest::default(),
        }
    }

    /// Enters, or stands in line at the first obstacle.
    fn advance(
        &mut self,
        at: At,
        shard: &mut Shard<D>,
        wakers: &mut Wakers,
        cx: &Context<'_>,
    ) -> Poll<Entered> {
        let own = self.standing.as_ref().map(|(_, own)| own);
        let (lanes, visit) = (self.lanes, self.visit);
        let obstacle = shard.obstacle(at.tenant(), visit, own, &lanes.config);
        // Nothing of its own in the way, it asks for the host's room, alone of
        // its principal: so no principal stands there twice.
        if obstacle.is_none() {
            let (room, bytes) = (&lanes.room, visit.bytes);
            let entered = match own {
                None => room.try_take(&mut shard.reserve, bytes, wakers),
                Some(_) => room.poll_take(&mut self.room, bytes, cx, wakers),
            };
            if entered {
                room.accept(&mut self.room);
                if let Some((_, left)) = self.standing.take() {
                    shard.leave(at.tenant(), &left, wakers);
                }
                return Poll::Ready(lanes.take(at, shard, visit));
            }
        }
        let place = obstacle.unwrap_or(Where::Host);
        if own.is_none_or(|own| own.at != place) {
            let left = self.standing.take().map(|(_, left)| left);
            if let Some(left) = &left {
                shard.leave(at.tenant(), left, wakers);
                // Room is not kept while waiting for something else.
                lanes.room.withdraw(&mut self.room, wakers);
            }
            if let Where::Lane(_) = place {
                // One waits for a lane, not for a mark.
                let max_lanes = lanes.config.max_lanes_per_capsule;
                shard.join_solo(at.tenant(), &mut lanes.common(), max_lanes);
            }
            let standing = shard.join(at.tenant(), place, left.map(|left| left.since));
            self.standing = Some((at, standing));
            return self.advance(at, shard, wakers, cx);
        }
        if let Some(own) = own {
            shard.keep(at.tenant(), own, cx.waker());
        }
        Poll::Pending
    }
}

impl<D> Future for Waiting<'_, D> {
    type Output = Entered;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let lanes = this.lanes;
        let polled = match this.standing.as_ref().map(|(at, _)| *at) {
            // An entry with somebody in line is never removed.
            Some(at) => lanes.with(at, |shard, _, wakers| this.advance(at, shard, wakers, cx)),
            None => lanes.with_principal(this.visit.principal, |at, shard, wakers| {
                this.advance(at, shard, wakers, cx)
            }),
        };
        // It waits for what events have, not for what is put by.
        if polled.is_pending() && this.room.is_made() {
            lanes.reclaim();
        }
        polled
    }
}

impl<D> Drop for Waiting<'_, D> {
    fn drop(&mut self) {
        if let Some((at, left)) = self.standing.take() {
            self.lanes.with(at, |shard, tenant, wakers| {
                self.lanes.room.withdraw(&mut self.room, wakers);
                shard.leave(tenant, &left, wakers);
            });
        }
    }
}
