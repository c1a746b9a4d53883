//! Write capsules for the capsule host.
