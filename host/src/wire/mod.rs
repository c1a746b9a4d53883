//! Events and outcomes as lines of JSON.

mod event;
mod outcome;

pub use self::{
    event::{EventLineError, parse_event},
    outcome::{write_outcome, write_refusal},
};
