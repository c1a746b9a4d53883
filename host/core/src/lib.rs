//! The in-process heart of the capsule host: what an event is, which
//! interceptors see it, in what order, and what becomes of it.
//!
//! This crate does no I/O: it knows neither WebAssembly, nor files, nor
//! networks. Whatever answers a hook comes in through one trait.

pub mod dispatch;
pub mod hook;
pub mod lane;
pub mod mailbox;
pub mod quarantine;
mod sync;
pub mod text;
pub mod topic;
pub mod types;
