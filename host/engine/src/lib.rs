//! Runs capsules on wasmtime.
