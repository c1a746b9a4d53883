//! The tenant on whose behalf an event is published.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Part of what a principal is, in every host.
const MAX_BYTES: usize = 64;

/// A tenant: 1 to 64 of `a-z 0-9 _ -`, the first a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Principal(SmolStr);

/// Why a string is not a principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrincipalError {
    /// No characters at all.
    #[error("a principal's name is empty; leave it out for the system itself")]
    Empty,
    /// More than 64 bytes.
    #[error("a principal's name has {bytes} bytes; at most {MAX_BYTES} are allowed")]
    TooLong {
        /// The length found.
        bytes: usize,
    },
    /// A first character that is neither letter nor digit.
    #[error("principal `{}` starts with {found:?}; it must start with a-z or 0-9", .name.escape_debug())]
    BadStart {
        /// The name.
        name: String,
        /// Its first character.
        found: char,
    },
    /// A character that no principal may have.
    #[error("principal `{}` has {found:?}; allowed are a-z 0-9 _ -", .name.escape_debug())]
    BadCharacter {
        /// The name.
        name: String,
        /// The character.
        found: char,
    },
}

// === impl Principal ===

impl Principal {
    /// Checks `name` and makes it a principal.
    ///
    /// # Errors
    ///
    /// [`PrincipalError`] says what is wrong.
    pub fn new(name: &str) -> Result<Self, PrincipalError> {
        let first = name.chars().next().ok_or(PrincipalError::Empty)?;
        if name.len() > MAX_BYTES {
            return Err(PrincipalError::TooLong { bytes: name.len() });
        }
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let allowed = |c: char| alphanumeric(c) || c == '_' || c == '-';
        if let Some(found) = name.chars().find(|c| !allowed(*c)) {
            return Err(PrincipalError::BadCharacter {
                name: name.to_owned(),
                found,
            });
        }
        if !alphanumeric(first) {
            return Err(PrincipalError::BadStart {
                name: name.to_owned(),
                found: first,
            });
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl TryFrom<String> for Principal {
    type Error = PrincipalError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let longest = "a".repeat(MAX_BYTES);
        let too_long = "a".repeat(MAX_BYTES + 1);
        let bad = |name: &str, found| {
            Err(PrincipalError::BadCharacter {
                name: name.into(),
                found,
            })
        };
        let cases: &[(&str, Result<(), PrincipalError>)] = &[
            ("a", Ok(())),
            ("0-day_user", Ok(())),
            (&longest, Ok(())),
            ("", Err(PrincipalError::Empty)),
            (&too_long, Err(PrincipalError::TooLong { bytes: 65 })),
            ("Alice", bad("Alice", 'A')),
            ("a/../b", bad("a/../b", '/')),
            ("ü", bad("ü", 'ü')),
            (
                "-a",
                Err(PrincipalError::BadStart {
                    name: "-a".into(),
                    found: '-',
                }),
            ),
        ];
        for (name, want) in cases {
            assert_eq!(&Principal::new(name).map(drop), want, "name: {name}");
        }
    }
}
