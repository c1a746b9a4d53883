//! Chains: which interceptors an event meets, in what order, what their
//! answers come to, and who is told.
//!
//! This is where the parts of the crate meet: lanes give an event its place,
//! the chain its verdict, and subscriptions and observers get what came of it.

mod ask;
mod audience;
mod config;
mod counters;
mod delivery;
mod dispatcher;
mod error;
mod gate;
mod interceptor;
mod lagging;
mod meter;
mod outcome;
mod outlet;
mod plan;
mod routing;
mod run;
mod shared;
mod stay;
mod subscription;
mod throttle;
mod trigger;

#[cfg(test)]
mod tests;

pub use self::{
    config::DispatchConfig,
    counters::{Counters, Snapshot},
    dispatcher::Dispatcher,
    error::PublishError,
    interceptor::{Interceptor, Mode, OnError, Order},
    meter::{BUCKETS_US, HistogramSnapshot, Meter, MeterSnapshot},
    outcome::{Decision, Outcome, Step, StepVerdict, Steps},
    outlet::{CapsuleOutlet, OutletGrants},
    plan::{Chain, Plan},
    run::Running,
    subscription::Subscription,
    trigger::{Gather, Gathered, NoReply, Reply},
};
