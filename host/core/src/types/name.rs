//! Short texts from outside that the host passes on.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Most bytes an id, a session of either kind, a source or a `traceparent` may
/// have. Part of what a name is, in every host.
pub const MAX_NAME_BYTES: usize = 256;
/// A short text from outside that the host passes on without reading it: at
/// most 256 bytes and no control characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No characters at all.
    #[error("it is empty; leave it out instead")]
    Empty,
    /// More bytes than [`MAX_NAME_BYTES`].
    #[error("it has {bytes} bytes; at most {MAX_NAME_BYTES} are allowed")]
    TooLong {
        /// The length found.
        bytes: usize,
    },
    /// A control character.
    #[error("it has the control character {found:?}")]
    Control {
        /// The character.
        found: char,
    },
}

// === impl Name ===

impl Name {
    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    ///
    /// [`NameError`] says what is wrong.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong { bytes: text.len() });
        }
        match text.chars().find(|c| c.is_control()) {
            Some(found) => Err(NameError::Control { found }),
            None => Ok(Self(text.into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let longest = "ü".repeat(MAX_NAME_BYTES / 2);
        let cases: &[(&str, Result<(), NameError>)] = &[
            ("a", Ok(())),
            ("any text / at all", Ok(())),
            (&longest, Ok(())),
            ("", Err(NameError::Empty)),
            (
                &format!("{longest}a"),
                Err(NameError::TooLong { bytes: 257 }),
            ),
            ("a\nb", Err(NameError::Control { found: '\n' })),
        ];
        for (text, want) in cases {
            assert_eq!(&Name::new(text).map(drop), want, "name: {text}");
        }
    }
}
