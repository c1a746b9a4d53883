//! What keeps a dispatcher from ending while an event is under way.

use std::{ops::Deref, sync::Arc};

use crossbeam_utils::CachePadded;

use super::{delivery::Delivery, shared::Shared};
use crate::{
    lane::{Home, Lanes},
    striped::PerThread,
};

/// A thread's reference to what the parts of a dispatcher share: events that
/// begin on different threads count different references.
type Own = Arc<CachePadded<Arc<Shared>>>;

/// The reference that each thread has.
#[derive(Debug)]
pub(super) struct Seats {
    shared: Arc<Shared>,
    mine: PerThread<Own>,
}

/// What an event has of what the parts of a dispatcher share.
#[derive(Clone, Debug)]
enum Seat<'a> {
    Own(Own),
    /// For one that does not outlive the call it was handed in with: nothing to
    /// count.
    Lent(&'a Arc<Shared>),
}

/// That something is under way: the dispatcher does not end before it is
/// dropped.
#[derive(Debug)]
pub(super) struct Stay<'a> {
    seat: Seat<'a>,
    /// An event of which nothing has been decided: dropped now, it is
    /// cancelled.
    is_undecided: bool,
}

// === impl Seats ===

impl Seats {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
            mine: PerThread::default(),
        }
    }

    /// Goes in; `None` if nothing is taken in any more.
    pub(super) fn enter(&self) -> Option<Stay<'static>> {
        self.enter_as(|| {
            let make = || Arc::new(CachePadded::new(self.shared.clone()));
            Seat::Own(self.mine.get_or(make).cloned().unwrap_or_else(make))
        })
    }

    /// As [`enter`](Self::enter), for as long as this is borrowed.
    pub(super) fn enter_here(&self) -> Option<Stay<'_>> {
        self.enter_as(|| Seat::Lent(&self.shared))
    }

    fn enter_as<'a>(&self, seat: impl FnOnce() -> Seat<'a>) -> Option<Stay<'a>> {
        self.shared.gate.enter().then(|| Stay {
            seat: seat(),
            is_undecided: false,
        })
    }
}

impl Deref for Seats {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.shared
    }
}

// === impl Stay ===

impl Stay<'_> {
    /// An event is taken in.
    pub(super) fn begin(&mut self) {
        self.is_undecided = true;
    }

    /// What becomes of it is decided.
    pub(super) fn decide(&mut self) {
        self.is_undecided = false;
    }
}

impl Deref for Stay<'_> {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        match &self.seat {
            Seat::Own(seat) => seat,
            Seat::Lent(shared) => shared,
        }
    }
}

impl Home for Stay<'_> {
    type Delivery = Delivery;

    fn lanes(&self) -> &Lanes<Delivery> {
        &self.lanes
    }

    fn deliver(&self, delivery: Delivery) {
        let Delivery {
            route,
            message,
            view,
        } = delivery;
        self.hand_out(&route, message, view);
    }
}

impl Clone for Stay<'_> {
    fn clone(&self) -> Self {
        self.gate.stay();
        Self {
            seat: self.seat.clone(),
            is_undecided: false,
        }
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        if self.is_undecided {
            self.counters.cancelled();
        }
        self.gate.leave();
    }
}
