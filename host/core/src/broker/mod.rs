//! External hooks: channels with a name on which processes outside of the
//! host answer events.
//!
//! A process subscribes to a hook and receives requests. One that carries a
//! hook id is a question, and is answered once: the first answer wins, whoever
//! of the subscribers gives it. A subscriber that falls behind is disconnected
//! rather than silently skipped, so what it was asked fails at once instead of
//! at the deadline.
//!
//! All of this is in process and moves on only while its callers do: no task,
//! no socket, no format on a wire. A layer above turns a connection into a
//! [`HookSubscriber`]. [`ExternalHook`] makes a hook a stage of a chain.

mod answer;
mod exchange;
mod external;
mod name;
mod request;
mod subscriber;
mod table;

#[cfg(test)]
mod tests;

pub use self::{
    answer::{Answer, MAX_REASON_BYTES},
    exchange::{AskError, Broker, BrokerConfig, SubscribeError},
    external::ExternalHook,
    name::{HookName, HookNameError, MAX_HOOK_NAME_BYTES},
    request::{HookId, HookIdError, Message, ReplyTo, Request},
    subscriber::{End, HookSubscriber, Responder, Response},
};
