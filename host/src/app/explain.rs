//! Why an interceptor runs, or does not.

use std::{fmt, sync::Arc};

use capsule_core::{
    dispatch::{Interceptor, Plan},
    types::{Pattern, Topic},
};

/// What an event on one topic meets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The topic.
    pub topic: Topic,
    /// The chain, first to run first.
    pub asked: Vec<Arc<Interceptor>>,
    /// Every other interceptor, in the order in which they would run.
    pub not_asked: Vec<NotAsked>,
}

/// An interceptor that the event does not meet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NotAsked {
    /// Which.
    pub interceptor: Arc<Interceptor>,
    /// Where its pattern and the topic part.
    pub why: Mismatch,
}

/// Where a pattern and a topic part.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// A segment differs.
    Segment {
        /// Which, counted from 1.
        index: usize,
        /// What the topic has.
        found: String,
        /// What the pattern wants.
        wanted: String,
    },
    /// The topic ends before the pattern does.
    TooShort {
        /// Segments of the topic.
        found: usize,
        /// Segments that the pattern wants.
        wanted: usize,
        /// Whether more than that would do as well.
        or_more: bool,
    },
    /// The topic goes on after the pattern's end.
    TooLong {
        /// Segments of the topic.
        found: usize,
        /// Segments that the pattern wants.
        wanted: usize,
    },
}

// === impl Explanation ===

impl Explanation {
    pub(super) fn new(plan: &Plan, topic: &Topic) -> Self {
        let asked = plan.chain(topic).interceptors().cloned().collect();
        let not_asked = plan
            .interceptors()
            .iter()
            .filter_map(|interceptor| {
                Some(NotAsked {
                    why: mismatch(&interceptor.event, topic)?,
                    interceptor: interceptor.clone(),
                })
            })
            .collect();
        Self {
            topic: topic.clone(),
            asked,
            not_asked,
        }
    }
}

/// Where `pattern` and `topic` part; `None` if they match.
fn mismatch(pattern: &Pattern, topic: &Topic) -> Option<Mismatch> {
    let (found, wanted) = (topic.segments().count(), pattern.segments().count());
    let or_more = pattern.segments().last() == Some(">");
    for ((index, wanted), found) in (1..).zip(pattern.segments()).zip(topic.segments()) {
        match wanted {
            ">" => return None,
            "*" => {}
            _ if wanted == found => {}
            _ => {
                return Some(Mismatch::Segment {
                    index,
                    found: found.to_owned(),
                    wanted: wanted.to_owned(),
                });
            }
        }
    }
    if found < wanted {
        return Some(Mismatch::TooShort {
            found,
            wanted,
            or_more,
        });
    }
    (found > wanted).then_some(Mismatch::TooLong { found, wanted })
}

// === impl Mismatch ===

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment {
                index,
                found,
                wanted,
            } => write!(
                f,
                "segment {index} of the topic is `{found}`, not `{wanted}`"
            ),
            Self::TooShort {
                found,
                wanted,
                or_more,
            } => {
                let more = if *or_more { " or more" } else { "" };
                write!(
                    f,
                    "the topic has {found} segments, the pattern wants {wanted}{more}"
                )
            }
            Self::TooLong { found, wanted } => write!(
                f,
                "the topic has {found} segments, the pattern wants exactly {wanted}; `>` at its \
                 end would match the rest"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_is_found_exactly_where_there_is_one() {
        let cases = [
            ("a.b", "a.b", None),
            ("a.*", "a.b", None),
            ("a.>", "a.b.c", None),
            ("a.b", "a.c", Some("segment 2 of the topic is `c`, not `b`")),
            (
                "*.b.>",
                "x.c",
                Some("segment 2 of the topic is `c`, not `b`"),
            ),
            (
                "a.b.c",
                "a.b",
                Some("the topic has 2 segments, the pattern wants 3"),
            ),
            (
                "a.>",
                "a",
                Some("the topic has 1 segments, the pattern wants 2 or more"),
            ),
            (
                "a.*",
                "a.b.c",
                Some(
                    "the topic has 3 segments, the pattern wants exactly 2; `>` at its end would \
                     match the rest",
                ),
            ),
        ];
        for (pattern, topic, want) in cases {
            let (pattern, topic) = (Pattern::new(pattern).unwrap(), Topic::new(topic).unwrap());
            let why = mismatch(&pattern, &topic);
            assert_eq!(
                why.is_none(),
                pattern.matches(&topic),
                "{pattern} and {topic}"
            );
            assert_eq!(
                why.map(|why| why.to_string()).as_deref(),
                want,
                "{pattern} and {topic}"
            );
        }
    }
}
