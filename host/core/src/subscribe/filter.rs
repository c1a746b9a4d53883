//! Which events a subscription wants.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::types::{Event, Kind, Name, Pattern, Principal};

/// Conditions on an event: any of some, all of some, none of some.
///
/// In JSON `{"any":[{"pattern":"tool.>"}],"none":[{"principal":"bob"}]}`. A
/// list that is left out is empty, and a key that is not one of the three is
/// an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    any: Vec<Condition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all: Vec<Condition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    none: Vec<Condition>,
}

/// What one event may be; in JSON an object of one key, as
/// `{"pattern":"tool.>"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Condition {
    /// Its topic matches.
    Pattern(Pattern),
    /// It is of this tenant; `None`, `null` in JSON, is the system itself.
    Principal(Option<Principal>),
    /// It belongs to this session.
    Session(Name),
    /// It was published by this source.
    Source(Name),
    /// It was made by such a one.
    Kind(Kind),
}

// === impl Filter ===

impl Filter {
    /// Matches every event.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Adds conditions of which one must hold; without any, none need to.
    #[must_use]
    pub fn any(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.any.extend(conditions);
        self
    }

    /// Adds conditions that must all hold.
    #[must_use]
    pub fn all(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.all.extend(conditions);
        self
    }

    /// Adds conditions of which none may hold.
    #[must_use]
    pub fn none(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.none.extend(conditions);
        self
    }

    /// Whether `event` is wanted.
    pub fn matches(&self, event: &Event) -> bool {
        let holds = |condition: &Condition| condition.holds(event);
        (self.any.is_empty() || self.any.iter().any(holds))
            && self.all.iter().all(holds)
            && !self.none.iter().any(holds)
    }

    /// Patterns, each once, of which at least one matches the topic of every
    /// event that the filter matches: what to look it up by. They say nothing
    /// of the other conditions, so [`Self::matches`] has the last word.
    ///
    /// They are the patterns of `any` if there is nothing else in it;
    /// otherwise one of `all`, with the most segments spelled out; otherwise
    /// `>`.
    pub fn index(&self) -> impl Iterator<Item = Pattern> + use<> {
        let any: Option<Vec<_>> = self.any.iter().map(Condition::pattern).collect();
        let mut index = any.unwrap_or_default();
        index.sort_unstable();
        index.dedup();
        if index.is_empty() {
            let all = self.all.iter().filter_map(Condition::pattern);
            let narrowest = all.max_by_key(literalness);
            index.push(narrowest.unwrap_or_else(Pattern::everything));
        }
        index.into_iter()
    }
}

// === impl Condition ===

impl Condition {
    /// Whether `event` is so.
    pub fn holds(&self, event: &Event) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.matches(&event.topic),
            Self::Principal(principal) => *principal == event.principal,
            Self::Session(session) => event.session.as_ref() == Some(session),
            Self::Source(source) => event.source.as_ref() == Some(source),
            Self::Kind(kind) => *kind == event.kind,
        }
    }

    fn pattern(&self) -> Option<Pattern> {
        match self {
            Self::Pattern(pattern) => Some(pattern.clone()),
            _ => None,
        }
    }
}

/// The greater, the fewer topics `pattern` is likely to match.
fn literalness(pattern: &Pattern) -> (usize, Reverse<bool>) {
    let wild = |segment: &&str| matches!(*segment, "*" | ">");
    let literals = pattern.segments().filter(|segment| !wild(segment)).count();
    (literals, Reverse(pattern.as_str().ends_with('>')))
}
