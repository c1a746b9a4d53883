//! The binary `capsule`.
fn main() {}
