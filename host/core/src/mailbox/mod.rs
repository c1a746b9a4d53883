//! A bounded queue of items that belong to principals, fair among them.

mod config;
mod fair;

pub use self::{
    config::{MailboxConfig, Overflow, Quantum},
    fair::{FairQueue, Taken},
};
