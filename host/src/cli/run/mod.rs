//! `capsule run`: events in, outcomes out, in the order of the input.
//!
//! Three stages, joined by bounded channels: a thread reads lines, the runtime
//! takes events in and runs them side by side, a thread writes the outcomes.
//! Lines that have come together go through them together, and none waits for
//! one that has not come.

mod command;
mod hangup;
mod lines;
mod pipeline;
mod summary;
mod text;
mod write;

pub(super) use self::command::run;
