//! Runs capsules on wasmtime.
//!
//! An [`Engine`] compiles a component, checks that it imports and exports
//! nothing but what it may, and gives a [`Capsule`], which answers events
//! through [`capsule_core::hook::Hook`]. This is the only crate that names
//! wasmtime, so nothing of it shows in the public interface.
//!
//! Each call runs in an instance of its own, or in one kept from an earlier
//! call, as [`InstanceMode`] says. An instance is moved into the call and
//! comes back only when the guest has answered: whatever else happens, a
//! trap, an answer that cannot be read, a future that is dropped, ends in the
//! instance being thrown away.
//!
//! Time is the caller's: a call ends when its future is dropped. The guest's
//! loops give the thread back at ticks of the engine's clock so that the
//! caller gets to do so, and the engine itself stops a guest whose deadline
//! has passed.

mod actions;
mod bindings;
mod bus;
mod cache;
mod call;
mod compile;
mod config;
mod engine;
mod error;
#[cfg(test)]
#[expect(dead_code, unreachable_pub, reason = "each crate uses its share")]
#[path = "../../../tests/wat/mod.rs"]
mod guests;
mod home;
mod idle;
mod imports;
mod live;
mod load;
mod log;
mod machines;
mod memory;
mod pool;
mod processors;
mod seats;
mod spec;
mod state;
mod ticker;
mod wasi;

pub use self::{
    cache::{CacheError, ModuleCache},
    call::Capsule,
    config::{ConfigError, EngineConfig},
    engine::{Engine, EngineError},
    load::LoadError,
    spec::{CapsuleSpec, Grants, InstanceMode, Limits},
};
