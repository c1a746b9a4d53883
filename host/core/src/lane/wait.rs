//! A publisher that waits for room.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Deliver, Lanes, Tickets, Visit,
    room::RoomRequest,
    tenant::{Standing, State, Tenant, Wakers, Where},
};

/// Enters as soon as there is room. Dropped before, it leaves every line.
#[derive(Debug)]
pub(super) struct Waiting<'a, D: Deliver> {
    lanes: &'a Arc<Lanes<D>>,
    visit: &'a Visit,
    /// Where it stands; nowhere before it is first polled, and after it has
    /// entered.
    at: Option<(Arc<Tenant<D>>, Standing)>,
    room: RoomRequest,
}

// === impl Waiting ===

impl<'a, D: Deliver> Waiting<'a, D> {
    pub(super) fn new(lanes: &'a Arc<Lanes<D>>, visit: &'a Visit) -> Self {
        Self {
            lanes,
            visit,
            at: None,
            room: RoomRequest::default(),
        }
    }

    /// Enters, or stands in line at the first obstacle.
    fn advance(
        &mut self,
        tenant: &Arc<Tenant<D>>,
        state: &mut State<D>,
        wakers: &mut Wakers,
        cx: &Context<'_>,
    ) -> Poll<Tickets<D>> {
        let own = self.at.as_ref().map(|(_, at)| at);
        let capacity = self.lanes.config.capacity.get();
        let (room, bytes) = (&self.lanes.room, self.visit.bytes);
        let obstacle = state.obstacle(
            self.visit,
            own,
            capacity,
            self.lanes.config.in_flight_per_principal,
        );
        // Nothing of its own in the way, it asks for the host's room, alone of
        // its principal: so no principal stands there twice.
        if obstacle.is_none() {
            let entered = match self.at {
                None => room.try_take(bytes),
                Some(_) => room.poll_take(&mut self.room, bytes, cx),
            };
            if entered {
                room.accept(&mut self.room);
                if let Some((_, at)) = self.at.take() {
                    state.leave(&at, wakers);
                }
                return Poll::Ready(self.lanes.take(tenant, state, self.visit));
            }
        }
        let place = obstacle.unwrap_or(Where::Host);
        if own.is_none_or(|own| own.at != place) {
            let left = self.at.take().map(|(_, left)| left);
            if let Some(left) = &left {
                state.leave(left, wakers);
                // Room is not kept while waiting for something else.
                self.lanes.room.withdraw(&mut self.room);
            }
            let standing = state.join(place, left.map(|left| left.since));
            self.at = Some((tenant.clone(), standing));
            return self.advance(tenant, state, wakers, cx);
        }
        if let Some((_, at)) = &self.at {
            state.keep(at, cx.waker());
        }
        Poll::Pending
    }
}

impl<D: Deliver> Future for Waiting<'_, D> {
    type Output = Tickets<D>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let lanes = this.lanes;
        match this.at.as_ref().map(|(tenant, _)| tenant.clone()) {
            // An entry with somebody in line is never removed.
            Some(tenant) => lanes
                .change(&tenant, |state, wakers| {
                    this.advance(&tenant, state, wakers, cx)
                })
                .unwrap_or(Poll::Pending),
            None => lanes.with_tenant(&this.visit.principal, |tenant, state, wakers| {
                this.advance(tenant, state, wakers, cx)
            }),
        }
    }
}

impl<D: Deliver> Drop for Waiting<'_, D> {
    fn drop(&mut self) {
        self.lanes.room.withdraw(&mut self.room);
        if let Some((tenant, at)) = self.at.take() {
            self.lanes
                .change(&tenant, |state, wakers| state.leave(&at, wakers));
        }
    }
}
