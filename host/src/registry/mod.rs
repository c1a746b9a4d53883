//! The capsules of a directory: found, read, checked, loaded.

mod change;
mod error;
mod failed;
mod fingerprint;
mod generation;
mod load;
mod next;
mod scan;

pub use self::{
    change::{Change, Reload, Reloaded},
    error::{At, CapsuleError, ScanError},
    generation::{Entry, Generation, State},
};
pub(crate) use self::{load::Loader, scan::scan};
