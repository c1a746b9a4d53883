//! A publisher that waits for room.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Deliver, LaneConfig, Lanes, Tickets, Visit,
    room::RoomRequest,
    shard::{Shard, Standing, Wakers, Where},
    table::At,
};

/// Enters as soon as there is room. Dropped before, it leaves every line.
#[derive(Debug)]
pub(super) struct Waiting<'a, D: Deliver> {
    lanes: &'a Arc<Lanes<D>>,
    visit: &'a Visit,
    /// Where it stands; nowhere before it is first polled, and after it has
    /// entered.
    standing: Option<(At, Standing)>,
    room: RoomRequest,
}

// === impl Waiting ===

impl<'a, D: Deliver> Waiting<'a, D> {
    pub(super) fn new(lanes: &'a Arc<Lanes<D>>, visit: &'a Visit) -> Self {
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
    ) -> Poll<Tickets<D>> {
        let own = self.standing.as_ref().map(|(_, own)| own);
        let LaneConfig {
            capacity,
            in_flight_per_principal,
            ..
        } = self.lanes.config;
        let (room, bytes) = (&self.lanes.room, self.visit.bytes);
        let obstacle = shard.obstacle(
            at.tenant(),
            self.visit,
            own,
            capacity.get(),
            in_flight_per_principal,
        );
        // Nothing of its own in the way, it asks for the host's room, alone of
        // its principal: so no principal stands there twice.
        if obstacle.is_none() {
            let entered = match own {
                None => room.try_take(bytes),
                Some(_) => room.poll_take(&mut self.room, bytes, cx),
            };
            if entered {
                room.accept(&mut self.room);
                if let Some((_, left)) = self.standing.take() {
                    shard.leave(at.tenant(), &left, wakers);
                }
                return Poll::Ready(self.lanes.take(at, shard, self.visit));
            }
        }
        let place = obstacle.unwrap_or(Where::Host);
        if own.is_none_or(|own| own.at != place) {
            let left = self.standing.take().map(|(_, left)| left);
            if let Some(left) = &left {
                shard.leave(at.tenant(), left, wakers);
                // Room is not kept while waiting for something else.
                self.lanes.room.withdraw(&mut self.room);
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

impl<D: Deliver> Future for Waiting<'_, D> {
    type Output = Tickets<D>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let lanes = this.lanes;
        match this.standing.as_ref().map(|(at, _)| *at) {
            // An entry with somebody in line is never removed.
            Some(at) => lanes.with(at, |shard, _, wakers| this.advance(at, shard, wakers, cx)),
            None => lanes.with_principal(&this.visit.principal, |at, shard, wakers| {
                this.advance(at, shard, wakers, cx)
            }),
        }
    }
}

impl<D: Deliver> Drop for Waiting<'_, D> {
    fn drop(&mut self) {
        self.lanes.room.withdraw(&mut self.room);
        if let Some((at, left)) = self.standing.take() {
            self.lanes.with(at, |shard, tenant, wakers| {
                shard.leave(tenant, &left, wakers);
            });
        }
    }
}
