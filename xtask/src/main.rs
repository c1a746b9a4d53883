//! Set-up, demo and tests of the project.
fn main() {}
