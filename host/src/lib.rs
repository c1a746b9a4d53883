//! Runs untrusted WebAssembly capsules as middleware over events.

pub mod wire;
