//! Why a capsule could not answer.

use std::fmt;

/// A failure of the capsule: a message for the operator.
///
/// Every [`std::error::Error`] becomes one with `?`, its sources appended as
/// `outer: inner`. What happens to the event then is the manifest's to say
/// (`on_error`), so a guard that fails does not let anything pass.
///
/// Like other catch-all errors it is not a [`std::error::Error`] itself: the
/// conversion from all of them would otherwise overlap with its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
}

/// What fallible functions of a capsule return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

// === impl Error ===

impl Error {
    /// A failure with this message.
    pub fn msg(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    /// What `#[capsule]` answers to an action that has no handler: a manifest
    /// and a module that do not belong together.
    #[doc(hidden)]
    pub fn unknown_action(action: &str, actions: &[&str]) -> Self {
        Self::msg(format!(
            "no handler for action `{action}`; this capsule has: {}",
            actions.join(", ")
        ))
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            source = inner.source();
        }
        Self { message }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// A test that returns `Result<()>` prints its error this way.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("limit")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_converted_error_keeps_its_sources() {
        let error = Error::from(Outer("x".parse::<u8>().unwrap_err()));

        assert_eq!(error.to_string(), "limit: invalid digit found in string");
    }
}
