//! The composition root: everything a host is made of, put together.

mod builder;
mod explain;
mod host;

pub use self::{
    builder::{HostBuilder, StartError},
    explain::{Explanation, Mismatch, NotAsked},
    host::Host,
};
