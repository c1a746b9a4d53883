//! A small application that embeds the capsule host.
fn main() {}
