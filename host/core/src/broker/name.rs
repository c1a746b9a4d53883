//! What a hook is called.

use std::{fmt, str::FromStr, sync::Arc};

/// Most bytes the name of a hook may have. Part of what a name is, in every
/// host.
pub const MAX_HOOK_NAME_BYTES: usize = 64;

/// The name of a hook: 1 to 64 of `A-Z a-z 0-9 _ - .`, the first a letter or
/// digit. A hook is nothing but its name: it exists while it has subscribers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HookName(Arc<str>);

/// Why a string is not the name of a hook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HookNameError {
    /// No characters at all.
    #[error("a hook's name is empty")]
    Empty,
    /// More bytes than [`MAX_HOOK_NAME_BYTES`].
    #[error("a hook's name has {bytes} bytes; at most {MAX_HOOK_NAME_BYTES} are allowed")]
    TooLong {
        /// The length found.
        bytes: usize,
    },
    /// A first character that is neither letter nor digit.
    #[error("hook `{}` starts with {found:?}; it must start with A-Z, a-z or 0-9", .name.escape_debug())]
    BadStart {
        /// The name.
        name: String,
        /// Its first character.
        found: char,
    },
    /// A character that no hook's name may have.
    #[error("hook `{}` has {found:?}; allowed are A-Z a-z 0-9 _ - .", .name.escape_debug())]
    BadCharacter {
        /// The name.
        name: String,
        /// The character.
        found: char,
    },
}

// === impl HookName ===

impl HookName {
    /// Checks `name` and makes it the name of a hook.
    ///
    /// # Errors
    ///
    /// [`HookNameError`] says what is wrong.
    pub fn new(name: &str) -> Result<Self, HookNameError> {
        let first = name.chars().next().ok_or(HookNameError::Empty)?;
        if name.len() > MAX_HOOK_NAME_BYTES {
            return Err(HookNameError::TooLong { bytes: name.len() });
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if let Some(found) = name.chars().find(|c| !allowed(*c)) {
            return Err(HookNameError::BadCharacter {
                name: name.to_owned(),
                found,
            });
        }
        if !first.is_ascii_alphanumeric() {
            return Err(HookNameError::BadStart {
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

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for HookName {
    type Err = HookNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hooks_are_checked() {
        let longest = "a".repeat(MAX_HOOK_NAME_BYTES);
        let too_long = "a".repeat(MAX_HOOK_NAME_BYTES + 1);
        let bad = |name: &str, found| {
            Err(HookNameError::BadCharacter {
                name: name.into(),
                found,
            })
        };
        let cases: &[(&str, Result<(), HookNameError>)] = &[
            ("a", Ok(())),
            ("0.Before_tool-call", Ok(())),
            (&longest, Ok(())),
            ("", Err(HookNameError::Empty)),
            (&too_long, Err(HookNameError::TooLong { bytes: 65 })),
            ("a/../b", bad("a/../b", '/')),
            ("a b", bad("a b", ' ')),
            ("ü", bad("ü", 'ü')),
            (
                "..",
                Err(HookNameError::BadStart {
                    name: "..".into(),
                    found: '.',
                }),
            ),
        ];
        for (name, want) in cases {
            assert_eq!(&HookName::new(name).map(drop), want, "name: {name}");
        }
    }
}
