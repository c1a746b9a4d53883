//! Lanes: who may deliver to one (capsule, principal) next.
//!
//! Publishing takes, under one short lock of some principals, a *ticket* in
//! every lane that the event will visit. A delivery happens while its ticket is
//! at the head of its lane. Because all tickets of an event are taken at once,
//! two events that share lanes stand in the same order in each of them: nothing
//! overlaps, nothing overtakes, and no two events can wait for each other.
//!
//! An event that somebody subscribes to takes a place in its principal's
//! *outbox* beside its tickets: what is admitted leaves the outbox in publish
//! order, whichever chain ends first.
//!
//! A lane exists only while it has tickets or somebody waits for room in it,
//! and a principal's entry only while it has lanes, so an idle principal costs
//! nothing. While an event is the only one of its principal in any lane, its
//! lanes are a few bits in that entry, and nobody's to count.

mod enter;
mod fifo;
mod home;
mod line;
mod no_room;
mod outbox;
mod queue;
mod room;
mod scope;
mod shard;
mod table;
mod tenant;
mod tenants;
mod ticket;
mod wait;
mod wakers;

#[cfg(test)]
mod tests;

pub use self::{
    home::Home,
    no_room::NoRoom,
    room::RoomUse,
    scope::{LaneGroup, LaneScope},
    shard::Refused,
    table::{LaneConfig, Lanes, Visit},
    ticket::{FirstOut, LaneTicket, Tickets},
};
