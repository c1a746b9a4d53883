//! Reads and checks `Capsule.toml`, the manifest of a capsule.
//!
//! [`Manifest::parse`] takes the text of the file and gives either types that
//! cannot be wrong afterwards, or every problem it found, each with its line,
//! its key, what is wrong and what would be right. Everything that the format
//! does not define is refused: a misspelt `on_error` must not silently become
//! the default.
//!
//! This crate opens no files: whether the module exists, and whether it is
//! what `sha256` says, is for those who load it.
//!
//! ```
//! use capsule_manifest::{Manifest, OnError};
//!
//! let text = r#"
//! manifest_version = 1
//!
//! [capsule]
//! name = "tool-guard"
//! version = "0.1.0"
//! module = "tool-guard.wasm"
//!
//! [[interceptor]]
//! event = "tool.execute.*"
//! action = "check"
//! on_error = "deny"
//! "#;
//! let manifest = Manifest::parse(text, "Capsule.toml")?;
//! assert_eq!(manifest.capsule.name, "tool-guard");
//! assert_eq!(manifest.interceptors[0].on_error, OnError::Deny);
//!
//! let wrong = text.replace("on_error", "on_eror");
//! let error = Manifest::parse(&wrong, "Capsule.toml").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "Capsule.toml:12:1: interceptor[0].on_eror: is not a key of `[[interceptor]]`, which has \
//!      event, action, priority, on_error, timeout_ms, mode; did you mean `on_error`?",
//! );
//! # Ok::<(), capsule_manifest::ManifestError>(())
//! ```

mod keys;
mod manifest;
mod problem;
mod read;
mod source;
mod suggest;
mod words;

#[cfg(test)]
mod tests;

pub use capsule_core::dispatch::{Mode, OnError, Order};

pub use self::{
    manifest::{
        AnsweredBy, Capabilities, CapsuleInfo, Dir, Interceptor, Manifest, Module, Runtime,
    },
    problem::{ManifestError, Problem},
    source::MAX_BYTES,
    words::{Access, Instance},
};
