//! Topics and the patterns that match them: one grammar for interceptors,
//! subscriptions and permissions.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Most segments a topic or pattern may have. Part of what a topic is, in every
/// host, and so no setting.
pub const MAX_SEGMENTS: usize = 16;
/// Most bytes a topic or pattern may have.
pub const MAX_TOPIC_BYTES: usize = 256;

/// Where an event is published: 1 to 16 segments joined by `.`, each one or
/// more of `A-Z a-z 0-9 _ -`, 256 bytes in all.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Topic(SmolStr);

/// A set of topics: a topic in which a whole segment may be `*` (exactly one
/// segment, anywhere) and the last may be `>` (one or more segments).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Arc<str>);

/// Why a string is not a topic or not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// No characters at all.
    #[error("it is empty")]
    Empty,
    /// More bytes than [`MAX_TOPIC_BYTES`].
    #[error("it has {bytes} bytes; at most {MAX_TOPIC_BYTES} are allowed")]
    TooLong {
        /// The length found.
        bytes: usize,
    },
    /// More segments than [`MAX_SEGMENTS`].
    #[error("it has {segments} segments; at most {MAX_SEGMENTS} are allowed")]
    TooManySegments {
        /// The number found.
        segments: usize,
    },
    /// Two dots in a row, or one at an end.
    #[error("segment {index} is empty (two dots in a row, or one at an end)")]
    EmptySegment {
        /// Which segment, counted from 1.
        index: usize,
    },
    /// A character that no segment may have.
    #[error("segment `{}` has {found:?}; allowed are A-Z a-z 0-9 _ -", .segment.escape_debug())]
    BadCharacter {
        /// The segment it was found in.
        segment: String,
        /// The character.
        found: char,
    },
    /// A wildcard where a topic is wanted.
    #[error("it has the wildcard `{found}`; an event's topic names each segment")]
    Wildcard {
        /// The wildcard.
        found: char,
    },
    /// A `*` or `>` that is not a whole segment.
    #[error(
        "segment `{}` mixes a wildcard with text; a wildcard is a whole segment",
        .segment.escape_debug()
    )]
    PartialWildcard {
        /// The segment it was found in.
        segment: String,
    },
    /// A `>` that is not the last segment.
    #[error("`>` stands in segment {index}; it may only be the last one")]
    TailNotLast {
        /// Which segment, counted from 1.
        index: usize,
    },
}

// === impl Topic ===

impl Topic {
    /// Checks `text` and makes it a topic.
    ///
    /// # Errors
    ///
    /// [`TopicError`] says what is wrong and where.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        check(text, false)?;
        Ok(Self(text.into()))
    }

    /// The topic as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// Whether the topic is one that only the host may publish (`host.…`).
    pub fn is_reserved(&self) -> bool {
        let rest = self.0.strip_prefix("host");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for Topic {
    type Error = TopicError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

// === impl Pattern ===

impl Pattern {
    /// Checks `text` and makes it a pattern.
    ///
    /// # Errors
    ///
    /// [`TopicError`] says what is wrong and where.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        check(text, true)?;
        Ok(Self(text.into()))
    }

    /// `>`, which matches every topic.
    pub fn everything() -> Self {
        Self(">".into())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, in order; `*` and `>` stand for themselves.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// Whether `topic` is in the set.
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut segments = topic.segments();
        for wanted in self.segments() {
            let Some(segment) = segments.next() else {
                return false;
            };
            match wanted {
                ">" => return true,
                "*" => {}
                _ if wanted == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Pattern {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = TopicError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

fn check(text: &str, wildcards: bool) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > MAX_TOPIC_BYTES {
        return Err(TopicError::TooLong { bytes: text.len() });
    }
    let segments = text.split('.').count();
    if segments > MAX_SEGMENTS {
        return Err(TopicError::TooManySegments { segments });
    }
    for (index, segment) in (1..).zip(text.split('.')) {
        match segment {
            "" => return Err(TopicError::EmptySegment { index }),
            "*" if wildcards => continue,
            ">" if wildcards && index == segments => continue,
            ">" if wildcards => return Err(TopicError::TailNotLast { index }),
            _ => {}
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match segment.chars().find(|c| !allowed(*c)) {
            None => {}
            Some(found @ ('*' | '>')) if !wildcards => return Err(TopicError::Wildcard { found }),
            Some('*' | '>') => {
                return Err(TopicError::PartialWildcard {
                    segment: segment.to_owned(),
                });
            }
            Some(found) => {
                return Err(TopicError::BadCharacter {
                    segment: segment.to_owned(),
                    found,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_checked() {
        let sixteen = ["a"; 16].join(".");
        let seventeen = ["a"; 17].join(".");
        let long = "a".repeat(MAX_TOPIC_BYTES);
        let too_long = "a".repeat(MAX_TOPIC_BYTES + 1);
        let cases: &[(&str, Result<(), TopicError>)] = &[
            ("a", Ok(())),
            ("tool.execute.shell_2-x", Ok(())),
            (&sixteen, Ok(())),
            (&long, Ok(())),
            ("", Err(TopicError::Empty)),
            (&too_long, Err(TopicError::TooLong { bytes: 257 })),
            (
                &seventeen,
                Err(TopicError::TooManySegments { segments: 17 }),
            ),
            (".a", Err(TopicError::EmptySegment { index: 1 })),
            ("a.", Err(TopicError::EmptySegment { index: 2 })),
            ("a..b", Err(TopicError::EmptySegment { index: 2 })),
            ("a.*", Err(TopicError::Wildcard { found: '*' })),
            ("a.>", Err(TopicError::Wildcard { found: '>' })),
            (
                "a.b c",
                Err(TopicError::BadCharacter {
                    segment: "b c".into(),
                    found: ' ',
                }),
            ),
            (
                "a.ü",
                Err(TopicError::BadCharacter {
                    segment: "ü".into(),
                    found: 'ü',
                }),
            ),
        ];
        for (text, want) in cases {
            assert_eq!(&Topic::new(text).map(drop), want, "topic: {text}");
        }
    }

    #[test]
    fn patterns_are_checked() {
        let cases: &[(&str, Result<(), TopicError>)] = &[
            ("a.b", Ok(())),
            ("*", Ok(())),
            (">", Ok(())),
            ("*.a.*.>", Ok(())),
            (">.a", Err(TopicError::TailNotLast { index: 1 })),
            (
                "a.b*",
                Err(TopicError::PartialWildcard {
                    segment: "b*".into(),
                }),
            ),
            (
                "a.**",
                Err(TopicError::PartialWildcard {
                    segment: "**".into(),
                }),
            ),
            ("", Err(TopicError::Empty)),
        ];
        for (text, want) in cases {
            assert_eq!(&Pattern::new(text).map(drop), want, "pattern: {text}");
        }
    }

    #[test]
    fn an_error_gives_a_terminal_nothing_to_obey() {
        let error = Topic::new("a.\u{1b}[2J").unwrap_err().to_string();
        assert_eq!(
            error,
            r"segment `\u{1b}[2J` has '\u{1b}'; allowed are A-Z a-z 0-9 _ -"
        );
    }

    #[test]
    fn patterns_match_whole_topics() {
        let cases = [
            ("a.b", "a.b", true),
            ("a.b", "a", false),
            ("a.b", "a.b.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            (">", "a.b.c", true),
            ("*.>", "a", false),
        ];
        for (pattern, topic, want) in cases {
            let matches = Pattern::new(pattern)
                .unwrap()
                .matches(&Topic::new(topic).unwrap());
            assert_eq!(matches, want, "{pattern} and {topic}");
        }
    }
}
