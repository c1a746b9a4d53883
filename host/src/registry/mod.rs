//! The capsules of a directory: found, read, checked, loaded.

mod error;
mod failed;
mod generation;
mod load;
mod scan;

pub use self::{
    error::{At, CapsuleError, ScanError},
    generation::{Entry, Generation, State},
};
pub(crate) use self::{load::Loader, scan::scan};
