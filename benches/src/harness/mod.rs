//! Measures contestants side by side.
//!
//! All of them take their turn in each round, in an order that changes from
//! round to round, and ratios are taken within a round: whatever the machine
//! does to one of them for a while it does to the others, too. The libraries
//! there are do not fit: criterion and divan measure one function to its end
//! before the next, and tango pairs two builds of one function, not
//! contestants of one process that are asynchronous.

mod contest;
mod contestant;
mod order;
mod slope;
mod spread;

pub use self::{
    contest::{Pace, Samples, contest},
    contestant::Contestant,
    slope::{Slopes, slopes},
    spread::Spread,
};
