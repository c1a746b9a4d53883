//! The reader as a whole, the samples, and what is published about the
//! format.

mod mutations;
mod reading;
mod samples;
mod schema;
