//! Where the tickets of an event belong.

use std::sync::Arc;

use super::{Deliver, Lanes};

/// Keeps the lanes in which an event holds something. Each event has a clone:
/// one that shares nothing with those of other threads has them never wait for
/// one another.
pub trait Home: Clone {
    /// What is delivered in the order of the lanes.
    type Delivery: Deliver;

    /// The lanes.
    fn lanes(&self) -> &Lanes<Self::Delivery>;
}

impl<D: Deliver> Home for Arc<Lanes<D>> {
    type Delivery = D;

    fn lanes(&self) -> &Lanes<D> {
        self
    }
}
