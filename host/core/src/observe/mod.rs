//! Observers: sinks for records of what the host did.
//!
//! An observer names the categories it wants and gets a mailbox of its own, so
//! one that is slow, or never reads, holds up no other. While nobody wants a
//! category, a record of it costs one atomic load and is not made.

mod category;
mod observer;
mod record;
mod sinks;

pub use self::{
    category::{Categories, Category},
    observer::{Observer, ObserverStatus},
    record::{Audit, Record},
    sinks::Observers,
};
