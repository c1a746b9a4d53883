//! The words of the host as types that cannot be wrong: a value that exists
//! has been checked.

mod event;
mod name;
mod principal;
mod topic;

pub use self::{
    event::{Draft, ENVELOPE_BYTES, Event, EventId, Facts, Kind},
    name::{MAX_NAME_BYTES, Name, NameError},
    principal::{Principal, PrincipalError},
    topic::{MAX_SEGMENTS, MAX_TOPIC_BYTES, Pattern, Topic, TopicError},
};
