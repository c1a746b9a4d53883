//! Lanes: who may deliver to one (capsule, principal) next.
//!
//! Publishing takes, under one short lock, a *ticket* in every lane that the
//! event will visit. A delivery happens while its ticket is at the head of its
//! lane. Because all tickets of an event are taken at once, two events that
//! share lanes stand in the same order in each of them: nothing overlaps,
//! nothing overtakes, and no two events can wait for each other.
//!
//! A lane exists only while it has tickets or somebody waits for room in it,
//! so an idle principal costs nothing.

mod queue;
mod table;
mod ticket;

#[cfg(test)]
mod tests;

pub use self::{
    table::{LaneScope, Lanes, LanesFull},
    ticket::Tickets,
};
