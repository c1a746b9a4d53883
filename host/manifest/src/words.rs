//! The words a manifest chooses from.

use std::fmt;

use capsule_core::dispatch::{Mode, OnError, Order};
use serde::Serialize;

/// A choice between a few words.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// Every choice with what it means, as a clause that begins with a verb.
    const CHOICES: &'static [(Self, &'static str)];

    /// How it is written in the manifest.
    fn word(self) -> &'static str;
}

/// Declares an enum of words: the type, how each is written, and what each
/// means, in one place.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident {
            $( $(#[$variant_doc:meta])* $variant:ident = $word:literal: $meaning:literal, )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )+
        }

        impl $name {
            /// How it is written in the manifest.
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Word for $name {
            const CHOICES: &'static [(Self, &'static str)] = &[
                $( (Self::$variant, $meaning), )+
            ];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    };
}

words! {
    /// Which calls of a capsule may meet the same instance of it.
    Instance {
        /// One instance per principal, kept while it is used: no tenant sees
        /// another.
        #[default]
        Principal = "principal": "keeps one instance per principal",
        /// A new instance per call: nothing stays.
        Fresh = "fresh": "makes a new one per call",
        /// A pool that serves all principals, for capsules that hold no
        /// tenant's data.
        Shared = "shared": "serves all principals from one pool",
    }
}

words! {
    /// What a capsule may do in a directory.
    Access {
        /// List and read.
        #[default]
        Read = "read": "lists and reads",
        /// Create, change and remove as well.
        Write = "write": "changes as well",
    }
}

// === impl Order ===

impl Word for Order {
    const CHOICES: &'static [(Self, &'static str)] = &[
        (
            Self::Principal,
            "delivers one principal's events one by one",
        ),
        (Self::Session, "does so per session"),
        (Self::None, "keeps no order"),
    ];

    fn word(self) -> &'static str {
        self.as_str()
    }
}

// === impl OnError ===

impl Word for OnError {
    const CHOICES: &'static [(Self, &'static str)] = &[
        (
            Self::Continue,
            "lets the event go on when the capsule fails",
        ),
        (Self::Deny, "refuses it"),
    ];

    fn word(self) -> &'static str {
        self.as_str()
    }
}

// === impl Mode ===

impl Word for Mode {
    const CHOICES: &'static [(Self, &'static str)] = &[
        (Self::Enforce, "applies the verdict"),
        (Self::Monitor, "only records it"),
    ];

    fn word(self) -> &'static str {
        self.as_str()
    }
}
