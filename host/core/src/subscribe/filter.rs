//! Which events a subscription wants.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::types::{Facts, Kind, Name, Pattern, Principal, Topic};

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

/// What an event has at most one of, so that it can be looked up by it; the
/// narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Session,
    Principal,
    Source,
    Kind,
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
    pub fn matches(&self, event: &Facts<'_>) -> bool {
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

    /// Conditions of one class, each once, of which every event that the
    /// filter matches fulfils exactly one: what to look it up by, beside its
    /// topic. `None` if there are no such. [`Self::matches`] has the last word.
    pub(crate) fn keys(&self) -> Option<Vec<Condition>> {
        let narrowest = self.all.iter().filter(|c| c.class().is_some());
        if let Some(key) = narrowest.min_by_key(|c| c.class()) {
            return Some(vec![key.clone()]);
        }
        let class = self.any.first()?.class()?;
        let mut keys = Vec::new();
        for key in &self.any {
            if key.class() != Some(class) {
                return None;
            }
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        Some(keys)
    }

    /// Whether it matches the events on `topic`; `None` where that depends on
    /// the event.
    pub(crate) fn given(&self, topic: &Topic) -> Option<bool> {
        let holds = |condition: &Condition| match condition {
            Condition::Pattern(pattern) => Some(pattern.matches(topic)),
            _ => None,
        };
        let fails = |condition: &Condition| holds(condition).map(|holds| !holds);
        let some = match self.any.is_empty() {
            true => Some(true),
            false => any_of(&self.any, holds),
        };
        let out = [any_of(&self.all, fails), any_of(&self.none, holds)];
        if some == Some(false) || out.contains(&Some(true)) {
            return Some(false);
        }
        (some.is_some() && !out.contains(&None)).then_some(true)
    }
}

/// Whether one of them is so, as far as it is known.
fn any_of(all: &[Condition], is_so: impl Fn(&Condition) -> Option<bool>) -> Option<bool> {
    let known: Option<Vec<_>> = all.iter().map(&is_so).collect();
    match all.iter().any(|condition| is_so(condition) == Some(true)) {
        true => Some(true),
        false => known.map(|_| false),
    }
}

// === impl Condition ===

impl Condition {
    /// What it is a condition on, unless that is the topic.
    pub(crate) fn class(&self) -> Option<Class> {
        match self {
            Self::Pattern(_) => None,
            Self::Principal(_) => Some(Class::Principal),
            Self::Session(_) => Some(Class::Session),
            Self::Source(_) => Some(Class::Source),
            Self::Kind(_) => Some(Class::Kind),
        }
    }

    /// Whether `event` is so.
    pub fn holds(&self, event: &Facts<'_>) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.matches(event.topic),
            Self::Principal(principal) => principal.as_ref() == event.principal,
            Self::Session(session) => event.session == Some(session),
            Self::Source(source) => event.source == Some(source),
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

// === impl Class ===

impl Class {
    /// The condition of this class that `event` fulfils.
    pub(crate) fn of(self, event: &Facts<'_>) -> Option<Condition> {
        Some(match self {
            Self::Session => Condition::Session(event.session?.clone()),
            Self::Principal => Condition::Principal(event.principal.cloned()),
            Self::Source => Condition::Source(event.source?.clone()),
            Self::Kind => Condition::Kind(event.kind),
        })
    }
}

/// The greater, the fewer topics `pattern` is likely to match.
fn literalness(pattern: &Pattern) -> (usize, Reverse<bool>) {
    let wild = |segment: &&str| matches!(*segment, "*" | ">");
    let literals = pattern.segments().filter(|segment| !wild(segment)).count();
    (literals, Reverse(pattern.as_str().ends_with('>')))
}
