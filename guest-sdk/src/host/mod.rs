//! The host as a capsule sees it: the imports of the component, or what a test
//! puts in their place. Both sides have the same names.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use self::native::{Event, Recorder, Table, log, publish, record, trigger};
#[cfg(target_arch = "wasm32")]
pub(crate) use self::wasm::{Event, Table, log, publish, trigger};
