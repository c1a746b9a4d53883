//! Reads and checks `Capsule.toml`.
