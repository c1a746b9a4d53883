//! From the text of a manifest to what it says.

mod capabilities;
mod capsule;
mod config;
mod interceptor;
mod manifest;
mod pattern;
mod runtime;
mod section;
mod value;
