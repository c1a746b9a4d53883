//! Where the tickets of an event belong.

use super::Lanes;

/// Keeps the lanes in which an event holds something. Each event has a clone:
/// one that shares nothing with those of other threads has them never wait for
/// one another.
pub trait Home: Clone {
    /// What is delivered in the order in which events were taken in.
    type Delivery;

    /// The lanes.
    fn lanes(&self) -> &Lanes<Self::Delivery>;

    /// Hands to whoever wants it what has left an outbox. Must not block: later
    /// events of the same principal wait behind it.
    fn deliver(&self, delivery: Self::Delivery);
}
