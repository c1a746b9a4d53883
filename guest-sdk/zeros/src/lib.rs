//! Memory that a module starts with, handed out piece by piece.
//!
//! An allocator writes at the end of each region that it is given. Given all
//! the memory at once it would touch the last page of it, in each instance, for
//! nothing; so it gets what ends with the page that it needs anyway.
//!
//! This is a part of `capsule-sdk`, and a crate of its own for the sake of its
//! name only: see the manifest.

mod pieces;

pub use self::pieces::{Pieces, ZEROS, Zeros};
