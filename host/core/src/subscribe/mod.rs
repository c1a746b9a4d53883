//! Subscriptions: what a consumer wants to see, and the queue it gets it from.

mod filter;
mod message;
mod options;
mod subscriber;

#[cfg(test)]
mod tests;

pub(crate) use self::filter::Class;
pub use self::{
    filter::{Condition, Filter},
    message::Message,
    options::{Scope, SubscribeOptions, View},
    subscriber::Subscriber,
};
