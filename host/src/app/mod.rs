//! The composition root: everything a host is made of, put together.

mod builder;
mod capsules;
mod explain;
mod host;

pub use self::{
    builder::{HostBuilder, StartError},
    capsules::ReloadError,
    explain::{Explanation, Mismatch, NotAsked},
    host::Host,
};
