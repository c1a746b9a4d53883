//! What is published.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use super::{Name, Principal, Topic};

/// What an event counts against a budget beside its texts and its payload;
/// about what it takes in memory, so that empty ones are not free. No setting:
/// it says what a byte of the budgets is, not how many there are.
pub const ENVELOPE_BYTES: usize = 256;

/// What a publisher hands in: everything but a topic may be left out.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The event to be, built where it stays; what only the host gives it is
    /// not yet right.
    event: Arc<Event>,
    /// Its time is the publisher's.
    is_timed: bool,
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
    /// The id that the source itself has for the session. It means something
    /// only together with `source`.
    pub native_session: Option<Name>,
    /// Who published it.
    pub source: Option<Name>,
    /// Its W3C `traceparent`.
    pub traceparent: Option<Name>,
    /// Its number in this host, which no other published event has: more than
    /// those of all earlier ones of its principal.
    pub seq: u64,
    /// When it was published.
    pub time: SystemTime,
    /// How many times a capsule published on the way to it.
    pub hops: u32,
    /// Who made it.
    pub kind: Kind,
    /// The `seq` of each event whose hook waits for this one, outermost first.
    pub ancestors: Box<[u64]>,
}

/// What filters look at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where it is published.
    pub topic: &'a Topic,
    /// The tenant it is published for.
    pub principal: Option<&'a Principal>,
    /// The session it belongs to.
    pub session: Option<&'a Name>,
    /// Who published it.
    pub source: Option<&'a Name>,
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

// === impl Draft ===

impl Draft {
    /// An event on `topic`, with an empty payload, of the system itself.
    pub fn new(topic: Topic) -> Self {
        Self::of(None, topic, Bytes::new())
    }

    /// An event of `principal` on `topic`: what most have, at once, since each
    /// change after this takes a look at who else has the draft.
    pub fn of(
        principal: impl Into<Option<Principal>>,
        topic: Topic,
        payload: impl Into<Bytes>,
    ) -> Self {
        let event = Event {
            id: EventId::Host(Uuid::nil()),
            topic,
            payload: payload.into(),
            principal: principal.into(),
            session: None,
            native_session: None,
            source: None,
            traceparent: None,
            seq: 0,
            time: UNIX_EPOCH,
            hops: 0,
            kind: Kind::default(),
            ancestors: Box::default(),
        };
        Self {
            event: Arc::new(event),
            is_timed: false,
        }
    }

    fn event(&mut self) -> &mut Event {
        Arc::make_mut(&mut self.event)
    }

    /// Sets the payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.event().payload = payload.into();
        self
    }

    /// Sets the tenant; `None` is the system itself.
    #[must_use]
    pub fn with_principal(mut self, principal: impl Into<Option<Principal>>) -> Self {
        self.event().principal = principal.into();
        self
    }

    /// Sets the session.
    #[must_use]
    pub fn with_session(mut self, session: impl Into<Option<Name>>) -> Self {
        self.event().session = session.into();
        self
    }

    /// Sets the id that the source itself has for the session.
    #[must_use]
    pub fn with_native_session(mut self, native: impl Into<Option<Name>>) -> Self {
        self.event().native_session = native.into();
        self
    }

    /// Sets the id, instead of one that the host makes.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Option<Name>>) -> Self {
        self.event().id = id.into().map_or(EventId::Host(Uuid::nil()), EventId::Given);
        self
    }

    /// Sets who publishes.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Option<Name>>) -> Self {
        self.event().source = source.into();
        self
    }

    /// Sets the W3C `traceparent`.
    #[must_use]
    pub fn with_traceparent(mut self, traceparent: impl Into<Option<Name>>) -> Self {
        self.event().traceparent = traceparent.into();
        self
    }

    /// Sets when it happened, instead of when the host takes it in.
    #[must_use]
    pub fn with_time(mut self, time: impl Into<Option<SystemTime>>) -> Self {
        let time = time.into();
        self.is_timed = time.is_some();
        self.event().time = time.unwrap_or(UNIX_EPOCH);
        self
    }

    /// The topic.
    pub fn topic(&self) -> &Topic {
        &self.event.topic
    }

    /// The tenant.
    pub fn principal(&self) -> Option<&Principal> {
        self.event.principal.as_ref()
    }

    /// The tenant; `None` is the system itself.
    pub(crate) fn whose(&self) -> &Option<Principal> {
        &self.event.principal
    }

    /// The session.
    pub fn session(&self) -> Option<&Name> {
        self.event.session.as_ref()
    }

    /// The id that the source itself has for the session.
    pub fn native_session(&self) -> Option<&Name> {
        self.event.native_session.as_ref()
    }

    /// Who publishes.
    pub fn source(&self) -> Option<&Name> {
        self.event.source.as_ref()
    }

    pub(crate) fn set_session(&mut self, session: Name) {
        self.event().session = Some(session);
    }

    /// What filters look at.
    pub fn facts(&self) -> Facts<'_> {
        self.event.facts()
    }

    /// What it counts against a budget of bytes, as [`Event::size`].
    pub fn size(&self) -> usize {
        self.event.size(&self.event.payload)
    }

    /// Sets who made it, where that is not the application, and how many
    /// times a capsule published on the way to it.
    #[must_use]
    pub(crate) fn made_by(mut self, kind: Kind, hops: u32) -> Self {
        let event = self.event();
        (event.kind, event.hops) = (kind, hops);
        self
    }

    /// Sets the `seq` of each event whose hook waits for this one.
    #[must_use]
    pub(crate) fn awaited_by(mut self, ancestors: Box<[u64]>) -> Self {
        self.event().ancestors = ancestors;
        self
    }

    /// Who made it.
    pub(crate) fn kind(&self) -> Kind {
        self.event.kind
    }

    /// The `seq` of each event whose hook waits for this one.
    pub(crate) fn ancestors(&self) -> &[u64] {
        &self.event.ancestors
    }

    /// Makes it the event number `seq` of the host.
    #[must_use]
    pub fn into_event(mut self, seq: u64) -> Arc<Event> {
        let (now, is_timed) = (SystemTime::now(), self.is_timed);
        let event = self.event();
        event.seq = seq;
        if !is_timed {
            event.time = now;
        }
        if matches!(event.id, EventId::Host(_)) {
            event.id = EventId::Host(new_id(now, seq));
        }
        self.event
    }
}

// === impl Event ===

impl Event {
    /// What filters look at.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            topic: &self.topic,
            principal: self.principal.as_ref(),
            session: self.session.as_ref(),
            source: self.source.as_ref(),
            kind: self.kind,
        }
    }

    /// What it counts against a budget of bytes when it carries `payload`:
    /// that, its texts, and a flat [`ENVELOPE_BYTES`] for the rest.
    pub fn size(&self, payload: &Bytes) -> usize {
        let names = [
            &self.session,
            &self.native_session,
            &self.source,
            &self.traceparent,
        ];
        let names = names.into_iter().flatten().map(|name| name.as_str().len());
        ENVELOPE_BYTES + self.topic.as_str().len() + names.sum::<usize>() + payload.len()
    }

    /// When it was published, in milliseconds since the Unix epoch; 0 for
    /// times before it.
    pub fn time_ms(&self) -> u64 {
        unix_ms(self.time)
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An id that sorts by time, and within a millisecond by `seq`.
///
/// RFC 9562 leaves 74 bits of a UUID of version 7 to the host: here a counter
/// of 26, which is `seq`, and 48 random ones, so that hosts do not meet. Asking
/// the system for them each time would take longer than the rest of an event.
fn new_id(now: SystemTime, seq: u64) -> Uuid {
    let random = fastrand::u64(..1 << 48);
    let bits = u128::from(seq % (1 << 26)) << 48 | u128::from(random);
    let mut bytes = [0; 10];
    // The first 4 bits, and 2 after the next 12, are the version's.
    let (high, low) = ((bits >> 62) as u16, bits as u64 & (u64::MAX >> 2));
    bytes[..2].copy_from_slice(&high.to_be_bytes());
    bytes[2..].copy_from_slice(&low.to_be_bytes());
    Builder::from_unix_timestamp_millis(unix_ms(now), &bytes).into_uuid()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_made_ids_sort_by_time() {
        let topic = Topic::new("a").unwrap();
        let ids: Vec<_> = (0..100)
            .map(|seq| Draft::new(topic.clone()).into_event(seq).id.to_string())
            .collect();
        assert!(ids.is_sorted(), "{ids:?}");
    }

    #[test]
    fn every_text_of_an_event_counts_against_a_budget() {
        let draft = || Draft::new(Topic::new("a").unwrap());
        let bare = draft().into_event(0);
        let name = || Name::new("1234").unwrap();
        for (what, draft) in [
            ("session", draft().with_session(name())),
            ("native session", draft().with_native_session(name())),
            ("source", draft().with_source(name())),
            ("traceparent", draft().with_traceparent(name())),
            ("payload", draft().with_payload("1234")),
        ] {
            let event = draft.into_event(0);
            let more = event.size(&event.payload) - bare.size(&bare.payload);
            assert_eq!(more, 4, "{what}");
        }
    }

    #[test]
    fn what_is_unset_is_the_hosts_to_give() {
        let topic = Topic::new("a").unwrap();
        let long_ago = UNIX_EPOCH + Duration::from_secs(1);
        let given = Draft::new(topic)
            .with_id(Name::new("x").unwrap())
            .with_time(long_ago);
        let event = given.clone().into_event(1);
        assert_eq!((event.id.to_string(), event.time), ("x".into(), long_ago));
        let event = given.with_id(None).with_time(None).into_event(2);
        assert!(matches!(event.id, EventId::Host(id) if !id.is_nil()));
        assert!(event.time > long_ago);
    }

    /// A draft is the event to be: its copy is another event.
    #[test]
    fn a_copy_of_a_draft_is_an_event_of_its_own() {
        let draft = Draft::new(Topic::new("a").unwrap()).with_payload("x");
        let (first, second) = (draft.clone().into_event(1), draft.clone().into_event(2));
        let third = draft.with_payload("y").into_event(3);
        assert_eq!([first.seq, second.seq, third.seq], [1, 2, 3]);
        assert_ne!(first.id, second.id);
        assert_eq!(
            (&first.payload[..], &third.payload[..]),
            (&b"x"[..], &b"y"[..])
        );
    }
}
