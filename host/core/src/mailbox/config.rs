//! What a mailbox may hold, and what happens when it is full.

use std::{fmt, num::NonZeroUsize};

use serde::{Deserialize, Serialize};

/// The limits of a mailbox. They hold for what is queued and what is reserved
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxConfig {
    /// Most bytes, as its pushers count them. A single item may be this large,
    /// and no larger. Default 1 MiB.
    pub max_bytes: NonZeroUsize,
    /// Most items. Default 4096.
    pub max_items: NonZeroUsize,
    /// What a principal is served in one turn. Default 4 KiB.
    pub quantum_bytes: Quantum,
    /// What a push does that finds no room.
    pub overflow: Overflow,
}

/// The bytes that a principal is served in one turn: at least 4 KiB, so that
/// most items are served in the first turn that they wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantum(usize);

/// What a push does that finds no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The oldest items go, whosesoever they are, until there is room: what
    /// each principal pushed last survives.
    #[default]
    DropOldest,
    /// The new item goes.
    DropNewest,
    /// The pusher waits for room before it pushes; others do not.
    Block,
    /// The stream ends after what is queued, so that a consumer that must not
    /// miss anything starts anew.
    Close,
}

// === impl MailboxConfig ===

impl Default for MailboxConfig {
    fn default() -> Self {
        Self {
            max_bytes: const { NonZeroUsize::new(1024 * 1024).unwrap() },
            max_items: const { NonZeroUsize::new(4096).unwrap() },
            quantum_bytes: Quantum::default(),
            overflow: Overflow::default(),
        }
    }
}

// === impl Quantum ===

impl Quantum {
    /// The smallest quantum, and the default: 4 KiB.
    pub const MIN: Self = Self(4096);

    /// A quantum of so many bytes; fewer than [`Quantum::MIN`] are raised to
    /// it.
    pub fn new(bytes: usize) -> Self {
        Self(bytes).max(Self::MIN)
    }

    /// How many bytes.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for Quantum {
    fn default() -> Self {
        Self::MIN
    }
}

// === impl Overflow ===

impl Overflow {
    /// The word for it in configurations and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropOldest => "drop-oldest",
            Self::DropNewest => "drop-newest",
            Self::Block => "block",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde::de::{IntoDeserializer, value::Error};

    use super::*;

    #[test]
    fn a_policy_is_read_by_the_word_it_is_shown_as() {
        for overflow in [
            Overflow::DropOldest,
            Overflow::DropNewest,
            Overflow::Block,
            Overflow::Close,
        ] {
            let word = overflow.to_string();
            let read = Overflow::deserialize(IntoDeserializer::<Error>::into_deserializer(&*word));
            assert_eq!(read, Ok(overflow), "word: {word}");
        }
    }

    #[test]
    fn a_quantum_is_never_too_small() {
        for (asked, got) in [(0, 4096), (4095, 4096), (4097, 4097)] {
            assert_eq!(Quantum::new(asked).get(), got, "asked: {asked}");
        }
    }
}
