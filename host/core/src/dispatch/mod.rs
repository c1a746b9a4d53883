//! Chains: which interceptors an event meets, in what order, and what their
//! answers come to.

mod counters;
mod delivery;
mod dispatcher;
mod interceptor;
mod outcome;
mod plan;
mod run;

#[cfg(test)]
mod tests;

pub use self::{
    counters::{Counters, Snapshot},
    delivery::Delivery,
    dispatcher::{DispatchConfig, Dispatcher, PublishError},
    interceptor::{Interceptor, Mode, OnError, Order},
    outcome::{Decision, Outcome, Step, StepVerdict},
    plan::{Chain, Plan},
    run::Running,
};
