//! Those who wait for room in one of a principal's lines.

use std::task::Waker;

use super::Shard;
use crate::lane::{LaneScope, line::Place, wakers::Wakers};

/// Where a publisher waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lane) enum Where {
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
pub(in crate::lane) struct Standing {
    pub(in crate::lane) at: Where,
    pub(in crate::lane) place: Place,
    /// The number of its arrival.
    pub(in crate::lane) since: Place,
}

impl<D> Shard<D> {
    /// Stands in line for `at`: one who began to wait as number `since`, or
    /// does now.
    pub(in crate::lane) fn join(
        &mut self,
        tenant: usize,
        at: Where,
        since: Option<Place>,
    ) -> Standing {
        let own = self.tenants.queues(tenant);
        let since = since.unwrap_or_else(|| own.arrive());
        let mut place = since;
        match &at {
            // One waits only for a lane that is there.
            Where::Lane(scope) => {
                if let Some(lane) = self.lane_mut(tenant, scope) {
                    lane.line.join_at(since, ());
                }
            }
            Where::Outbox => own.outbox_line.join_at(since, ()),
            // Who is first here asks for the host's room already.
            Where::Host => place = own.room_line.join(()),
        }
        Standing { at, place, since }
    }

    /// Has `waker` called when something changes at `place`.
    pub(in crate::lane) fn keep(&mut self, tenant: usize, standing: &Standing, waker: &Waker) {
        let line = match &standing.at {
            Where::Lane(scope) => match self.lane_mut(tenant, scope) {
                Some(lane) => &mut lane.line,
                None => return,
            },
            Where::Outbox => &mut self.queues(tenant).outbox_line,
            Where::Host => &mut self.queues(tenant).room_line,
        };
        line.keep(standing.place, waker);
    }

    /// Gives a place in a line up, and wakes the next one there.
    pub(in crate::lane) fn leave(
        &mut self,
        tenant: usize,
        standing: &Standing,
        wakers: &mut Wakers,
    ) {
        let line = match &standing.at {
            Where::Lane(scope) => {
                if let Some(at) = self.find(tenant, scope) {
                    self.change(at, wakers, |lane| {
                        lane.line.leave(standing.place);
                        None
                    });
                }
                return;
            }
            Where::Outbox => &mut self.queues(tenant).outbox_line,
            Where::Host => &mut self.queues(tenant).room_line,
        };
        line.leave(standing.place);
        wakers.extend(line.first());
    }
}
