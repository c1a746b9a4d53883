//! Runs untrusted WebAssembly capsules as middleware over events.
