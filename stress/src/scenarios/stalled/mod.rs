//! Consumers that stop reading for a minute: subscribers, observers, and the
//! process behind an external hook.
//!
//! The same events are published twice, in virtual time: once among consumers
//! that read, and once with others beside them that stall. Nobody else may
//! notice.

mod consumer;
mod findings;
mod process;
mod publisher;
mod scene;

pub(crate) use self::scene::{FULL, SHORT, run};
