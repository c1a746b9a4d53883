//! The main paths of an event through the host, each to be run so many times,
//! and what of them is counted: instructions and allocations, which do not
//! depend on how busy a machine is. How long it takes is not the subject here.
//!
//! `cargo xtask counts` does the counting and compares with `baseline.toml`,
//! which holds what each path cost when it was last looked at, and by how much
//! it may get worse; `--update` writes down what it finds.
//!
//! - *Instructions* are counted by callgrind, over [`EVENTS`] events after as
//!   many to warm up: only what happens inside [`counted`]. Valgrind has no vDSO,
//!   so a look at the clock counts few instructions there, and the kernel's own
//!   are not counted.
//! - *Allocations* and their bytes are counted by an allocator, on the one thread
//!   that there is. Growing a block counts as asking for one of the new size.
//!
//! The paths of the core are counted in a release build. Those that meet a
//! WebAssembly guest have allocations only, counted in the profile in which the
//! tests compile the engine: a release build of it takes longer than everything
//! else here, and of what a request allocates the two profiles say the same.
//! Valgrind does not give the engine the address space that its pool reserves.

mod fixture;
mod paths;
mod tally;

pub use self::{
    paths::{EVENTS, PATHS, Path, PathError, Run, counted},
    tally::Tally,
};
