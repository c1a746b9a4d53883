//! The attribute macro of `capsule-sdk`.
