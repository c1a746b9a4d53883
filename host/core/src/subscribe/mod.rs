//! Subscriptions: which events a consumer wants.

mod filter;

#[cfg(test)]
mod tests;

pub use self::filter::{Condition, Filter};
