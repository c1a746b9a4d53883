//! The one place that locks come from, so that another kind can stand in.

pub(crate) use parking_lot::Mutex;
