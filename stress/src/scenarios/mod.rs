//! The scenarios, one a file: how large each is, what it does, what it claims.

pub(crate) mod burst;
pub(crate) mod churn;
pub(crate) mod flood;
pub(crate) mod footprint;
pub(crate) mod loops;
pub(crate) mod noisy;
pub(crate) mod stalled;
pub(crate) mod trigger;
