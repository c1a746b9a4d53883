//! The component's side: what `#[capsule]` exports, and what runs beneath it.
//!
//! Only `wasm32` has it, and only the macro's output uses it.

#[cfg(feature = "arena")]
mod arena;
#[rustfmt::skip]
#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    clippy::all,
    clippy::restriction,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    reason = "generated, and the canonical ABI is raw memory; which lints fire changes with the generator"
)]
pub mod bindings;

use std::{panic, sync::Once};

pub use self::bindings::{
    __export as export,
    exports::capsule::host::interceptor::{Guest, Verdict},
};
use crate::{Capsule, Config, Context, Instance, Level, host, log};

/// Answers one call of the exported hook.
///
/// # Errors
///
/// The message of the capsule's own error.
pub fn hook<C: Capsule>(
    instance: &mut Instance<C>,
    action: &str,
    payload: Vec<u8>,
) -> Result<Verdict, String> {
    static REPORTING: Once = Once::new();
    REPORTING.call_once(report_panics);

    let config = Config::new(host::Table);
    let cx = Context::new(host::Event);
    instance
        .hook(&config, action, payload, &cx)
        .map(Verdict::from)
        .map_err(|error| error.to_string())
}

/// Hands a panic's message and place to the log. The trap that follows says
/// neither.
fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("no message");
        match info.location() {
            Some(place) => log(Level::Error, format_args!("panic at {place}: {message}")),
            None => log(Level::Error, format_args!("panic: {message}")),
        }
    }));
}

// === impl Verdict ===

impl From<crate::Verdict> for Verdict {
    fn from(verdict: crate::Verdict) -> Self {
        match verdict {
            crate::Verdict::Continue(payload) => Self::Continue(payload),
            crate::Verdict::Final(response) => Self::Final(response),
            crate::Verdict::Deny(reason) => Self::Deny(reason),
            crate::Verdict::Skip => Self::Skip,
        }
    }
}
