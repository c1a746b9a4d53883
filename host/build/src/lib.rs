//! Builds guest capsules.
