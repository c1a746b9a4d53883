//! What was allocated, on its way to whoever compares it.

use serde::Serialize;

/// What a path allocated for all of its events together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tally<'a> {
    /// The path.
    pub name: &'a str,
    /// What one event is there.
    pub about: &'a str,
    /// How many events there were.
    pub events: usize,
    /// How often memory was asked for.
    pub allocations: u64,
    /// How many bytes, those given back included.
    pub bytes: u64,
}
