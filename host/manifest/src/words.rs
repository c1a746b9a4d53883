//! The words a manifest chooses from.

use std::fmt;

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
    /// Which deliveries to a capsule wait for one another.
    Order {
        /// Those of one principal come one after the other, as published.
        #[default]
        Principal = "principal": "delivers one principal's events one by one",
        /// Those of one session come one after the other.
        Session = "session": "does so per session",
        /// None waits for another.
        None = "none": "keeps no order",
    }
}

words! {
    /// What becomes of an event whose interceptor failed.
    OnError {
        /// The event goes on: a broken capsule does not block the pipeline.
        #[default]
        Continue = "continue": "lets the event go on when the capsule fails",
        /// The event is refused: a guard lets nothing pass by failing.
        Deny = "deny": "refuses it",
    }
}

words! {
    /// Whether an interceptor's verdict counts.
    Mode {
        /// It does.
        #[default]
        Enforce = "enforce": "applies the verdict",
        /// It is recorded and never applied.
        Monitor = "monitor": "only records it",
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
