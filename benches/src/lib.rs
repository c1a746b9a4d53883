//! How fast the capsule host is: beside the engine it stands on, beside what
//! people use instead, and as there is more and more of everything.
//!
//! A [`Group`] measures what belongs together and gives [`Findings`]: figures
//! with what is to be reached, contests between several ways to do one thing,
//! and curves. Contestants of one process take turns, and what counts is the
//! ratio between them; see [`harness`].

mod bench;
mod error;
pub mod figure;
pub mod findings;
pub mod fixture;
mod group;
mod groups;
pub mod harness;
pub mod machine;
pub mod report;
mod workload;

pub use self::{
    bench::{Bench, Length},
    error::BenchError,
    findings::Findings,
    group::{GROUPS, Group},
    groups::memory::measure_memory,
    report::Report,
    workload::{WORKLOADS, Workload},
};
