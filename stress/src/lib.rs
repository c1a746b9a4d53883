//! The heart of the capsule host under load, with native hooks and no
//! WebAssembly: what it promises, and what is seen of it.
//!
//! A [`Scenario`] sets a [`Dispatcher`](capsule_core::dispatch::Dispatcher)
//! up, loads it, and gives [`Findings`]: each says what was claimed, what was
//! seen, and whether the claim holds. Where a claim is about time, the clock
//! is a virtual one that moves only when nobody has anything left to do: the
//! machine's speed then plays no part, and a minute costs no time.
//!
//! What is measured of the machine itself, memory and time, is in a full run
//! of the binary; tests hold the scenarios to what is exact.

mod error;
mod fixture;
mod machine;
mod report;
mod runtime;
mod scenario;
mod scenarios;

pub use self::{
    error::StressError,
    report::{Basis, Finding, Findings, Report, Verdict},
    scenario::{Length, SCENARIOS, Scenario},
    scenarios::footprint::measure_footprint,
};
