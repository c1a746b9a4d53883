//! The in-process heart of the capsule host: what an event is, which
//! interceptors see it, in what order, and what becomes of it.
//!
//! This crate does no I/O: it knows neither WebAssembly, nor files, nor
//! networks. Whatever answers a hook comes in through one trait.

pub mod broker;
pub mod dispatch;
pub mod hook;
pub mod lane;
pub mod mailbox;
pub mod observe;
pub mod quarantine;
pub mod session;
pub mod striped;
pub mod subscribe;
mod sync;
pub mod text;
pub mod topic;
pub mod types;
mod wait;
