//! End-to-end tests of the capsule host live beside this file.
