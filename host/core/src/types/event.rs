//! What is published.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Principal, Topic};

/// Most bytes an id, a session, a source or a `traceparent` may have.
pub const MAX_NAME_BYTES: usize = 256;
/// What an event counts against a budget beside its texts and its payload;
/// about what it takes in memory, so that empty ones are not free.
pub const ENVELOPE_BYTES: usize = 256;

/// What a publisher hands in: everything but a topic may be left out.
#[derive(Clone, Debug)]
pub struct Draft {
    topic: Topic,
    payload: Bytes,
    principal: Option<Principal>,
    session: Option<Name>,
    id: Option<Name>,
    source: Option<Name>,
    traceparent: Option<Name>,
    time: Option<SystemTime>,
}

/// An event as the host carries it: immutable, and shared by all who see it.
#[derive(Clone, Debug)]
pub struct Event {
    /// The publisher's id, or one of the host's own.
    pub id: EventId,
    /// Where it is published.
    pub topic: Topic,
    /// The bytes as published; stages of a chain may have replaced them for
    /// those behind.
    pub payload: Bytes,
    /// The tenant it is published for; `None` is the system itself.
    pub principal: Option<Principal>,
    /// The session it belongs to.
    pub session: Option<Name>,
    /// Who published it.
    pub source: Option<Name>,
    /// Its W3C `traceparent`.
    pub traceparent: Option<Name>,
    /// Its place in the order of everything this host took in, from 0.
    pub seq: u64,
    /// When it was published.
    pub time: SystemTime,
    /// How many times a capsule published on the way to it.
    pub hops: u32,
    /// Who made it.
    pub kind: Kind,
}

/// Who made an event; in JSON `application`, `capsule` or `host`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The application around the host.
    #[default]
    Application,
    /// A capsule, while it answered another event.
    Capsule,
    /// The host, about itself; its topic is under `host.`.
    Host,
}

/// The id of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum EventId {
    /// The publisher chose it.
    Given(Name),
    /// The host chose it: a UUID of version 7, so ids sort by time.
    Host(Uuid),
}

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

// === impl Draft ===

impl Draft {
    /// An event on `topic`, with an empty payload, of the system itself.
    pub fn new(topic: Topic) -> Self {
        Self {
            topic,
            payload: Bytes::new(),
            principal: None,
            session: None,
            id: None,
            source: None,
            traceparent: None,
            time: None,
        }
    }

    /// Sets the payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Sets the tenant; `None` is the system itself.
    #[must_use]
    pub fn with_principal(mut self, principal: impl Into<Option<Principal>>) -> Self {
        self.principal = principal.into();
        self
    }

    /// Sets the session.
    #[must_use]
    pub fn with_session(mut self, session: impl Into<Option<Name>>) -> Self {
        self.session = session.into();
        self
    }

    /// Sets the id, instead of one that the host makes.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Option<Name>>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets who publishes.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Option<Name>>) -> Self {
        self.source = source.into();
        self
    }

    /// Sets the W3C `traceparent`.
    #[must_use]
    pub fn with_traceparent(mut self, traceparent: impl Into<Option<Name>>) -> Self {
        self.traceparent = traceparent.into();
        self
    }

    /// Sets when it happened, instead of when the host takes it in.
    #[must_use]
    pub fn with_time(mut self, time: impl Into<Option<SystemTime>>) -> Self {
        self.time = time.into();
        self
    }

    /// The topic.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The tenant.
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// The session.
    pub fn session(&self) -> Option<&Name> {
        self.session.as_ref()
    }

    /// Makes it the event number `seq` of the host.
    #[must_use]
    pub fn into_event(self, seq: u64) -> Event {
        Event {
            id: self
                .id
                .map_or_else(|| EventId::Host(Uuid::now_v7()), EventId::Given),
            topic: self.topic,
            payload: self.payload,
            principal: self.principal,
            session: self.session,
            source: self.source,
            traceparent: self.traceparent,
            seq,
            time: self.time.unwrap_or_else(SystemTime::now),
            hops: 0,
            kind: Kind::Application,
        }
    }
}

// === impl Event ===

impl Event {
    /// What it counts against a budget of bytes when it carries `payload`:
    /// that, its texts, and a flat [`ENVELOPE_BYTES`] for the rest.
    pub fn size(&self, payload: &Bytes) -> usize {
        let names = [&self.session, &self.source, &self.traceparent];
        let names: usize = names.into_iter().flatten().map(|n| n.as_str().len()).sum();
        ENVELOPE_BYTES + self.topic.as_str().len() + names + payload.len()
    }

    /// When it was published, in milliseconds since the Unix epoch; 0 for
    /// times before it.
    pub fn time_ms(&self) -> u64 {
        let since = self
            .time
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

// === impl EventId ===

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(id) => fmt::Display::fmt(id, f),
            Self::Host(id) => fmt::Display::fmt(id, f),
        }
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
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

    #[test]
    fn host_made_ids_sort_by_time() {
        let topic = Topic::new("a").unwrap();
        let ids: Vec<_> = (0..100)
            .map(|seq| Draft::new(topic.clone()).into_event(seq).id.to_string())
            .collect();
        assert!(ids.is_sorted(), "{ids:?}");
    }
}
