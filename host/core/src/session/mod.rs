//! Sessions that are known late.
//!
//! A source has ids of its own for its sessions, and uses them before anybody
//! has said which session of the host each of them is. Once that has been
//! registered, every later event that carries the source's id gets the host's.
//! Bindings are a tenant's own, and kept in memory only.

mod table;

#[cfg(test)]
mod tests;

pub use self::table::{Registered, SessionConfig, Sessions};
