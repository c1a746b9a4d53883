//! Finds, or makes, a compiler that can build guests.
//!
//! Guests are compiled for `wasm32-unknown-unknown`. Where the compiler in use
//! has that target's library, or rustup can add it, that is all. Elsewhere the
//! distribution's compiler builds the library from its own source, once, into
//! a *sysroot* in the user's cache, and compiles the guests from then on.

mod debian;
mod error;
mod find;
mod plan;
mod probe;
mod sysroot;

pub use self::{
    error::ToolchainError,
    find::{Toolchain, ToolchainKind, ToolchainOptions},
};

/// The target that guests are compiled for: no WASI, so that a capsule can do
/// only what the host links.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages that make a sysroot possible.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
