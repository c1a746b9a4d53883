//! What the host counts, as text that monitoring systems read.

mod metrics;

pub(crate) use self::metrics::Metrics;
