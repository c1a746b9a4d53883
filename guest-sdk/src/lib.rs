//! Write capsules for the capsule host: sandboxed middleware over events.
//!
//! A capsule is a type with handlers. [`#[capsule]`](macro@capsule) on its
//! `impl` block makes a WebAssembly component of it, and the manifest beside
//! it says which events each handler sees:
//!
//! ```
//! use capsule_sdk::prelude::*;
//! use serde::Deserialize;
//!
//! /// The manifest's `[config]`.
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Settings {
//!     blocked: Vec<String>,
//! }
//!
//! /// The payload of a `tool.execute.*` event.
//! #[derive(Deserialize)]
//! struct ToolCall {
//!     command: String,
//! }
//!
//! struct ToolGuard {
//!     blocked: Vec<String>,
//! }
//!
//! #[capsule]
//! impl ToolGuard {
//!     fn new(config: &Config) -> Result<Self> {
//!         let settings: Settings = config.parse()?;
//!         Ok(Self { blocked: settings.blocked })
//!     }
//!
//!     #[action]
//!     fn check(&mut self, Json(call): Json<ToolCall>, cx: &Context) -> Result<Verdict> {
//!         let Some(rule) = self.blocked.iter().find(|rule| call.command.contains(*rule)) else {
//!             return Ok(Verdict::unchanged());
//!         };
//!         info!("{rule} in {}", cx.topic());
//!         Ok(Verdict::deny(format!("{rule} is blocked")))
//!     }
//! }
//!
//! // Its tests run natively:
//! use capsule_sdk::testing::Harness;
//! use serde_json::json;
//!
//! # fn main() -> Result<()> {
//! let mut guard = Harness::<ToolGuard>::new(json!({"blocked": ["rm -rf"]}))?;
//! let verdict = guard
//!     .event("tool.execute.shell")
//!     .principal("alice")
//!     .call_json("check", &json!({"command": "rm -rf /"}))?;
//!
//! assert_eq!(verdict, Verdict::deny("rm -rf is blocked"));
//! assert_eq!(guard.logs()[0].1, "rm -rf in tool.execute.shell");
//! # Ok(())
//! # }
//! ```
//!
//! # What a capsule can rely on
//!
//! - **Its memory is a cache.** An instance sees the events of one principal
//!   (or as the manifest's `instance` says), one at a time and in order, and
//!   may be dropped between any two of them.
//! - **An `Err` is a failure of the capsule**: the manifest's `on_error`
//!   decides what becomes of the event. To refuse an event, deny it.
//! - **A panic ends the instance.** Its message and place go to the log, the
//!   event ends as an error, and the next one meets a new instance.
//! - **There is no clock, file, network or environment**, unless the manifest
//!   grants it and the host offers it.

pub mod bus;
mod capsule;
mod config;
mod context;
mod error;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
mod host;
mod json;
mod log;
mod payload;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod verdict;

pub use capsule_sdk_macros::{action, capsule};

pub use self::{
    capsule::{Capsule, Instance},
    config::Config,
    context::Context,
    error::{Error, Result},
    log::{Level, log},
    payload::{FromPayload, Json},
    verdict::{IntoVerdict, Verdict},
};

/// What nearly every capsule needs: `use capsule_sdk::prelude::*`.
pub mod prelude {
    pub use crate::{
        Config, Context, Error, Json, Result, Verdict, action, bus, capsule, debug, error, info,
        trace, warn,
    };
}

/// The README's capsule compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
