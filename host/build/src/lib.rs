//! How a Rust crate becomes a capsule.
//!
//! [`Toolchain::find`] finds or makes a compiler for guests, [`build`] compiles
//! a crate and makes the component that its manifest names, and [`new`] writes
//! a crate to begin with. The `capsule` binary and the project's own set-up
//! both go through here, so that there is one way to build a guest.
//!
//! The crate writes nothing to the terminal: what happens goes to a
//! [`Progress`]. It needs a Unix system, since it makes links and scripts.

mod actions;
mod artifact;
mod build;
mod compile;
mod component;
mod new;
mod output;
mod process;
mod progress;
mod stack;
mod toolchain;

pub use self::{
    build::{BuildError, BuildOptions, Built, build},
    compile::CompileError,
    component::ComponentError,
    new::{NewError, SdkSource, new},
    process::ProcessError,
    progress::{Progress, Silent},
    toolchain::{TARGET, Toolchain, ToolchainError, ToolchainKind, ToolchainOptions},
};
