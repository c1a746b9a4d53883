//! How a capsule publishes and triggers: what its manifest grants, at the rate
//! it grants, for the principal that it is asked for, and only so deep.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use tokio::time::Instant;
use tracing::warn;

use super::{Dispatcher, Gather, Gathered, PublishError};
use crate::{
    hook::{Outlet, OutletError, OutletFuture},
    observe::{Audit, Category, Record},
    sync::Mutex,
    types::{Draft, Event, Kind, Origin, Pattern, Principal, Topic},
};

/// What a manifest grants of the bus.
#[derive(Clone, Debug, Default)]
pub struct OutletGrants {
    /// Where it may publish.
    pub publish: Vec<Pattern>,
    /// What it may trigger.
    pub trigger: Vec<Pattern>,
    /// How often it may do either for one principal, a second.
    pub per_second: u32,
}

/// The door of one capsule to the bus.
#[derive(Debug)]
pub struct CapsuleOutlet {
    dispatcher: Weak<Dispatcher>,
    capsule: Arc<str>,
    grants: OutletGrants,
    rate: Mutex<Rate>,
}

/// How often each principal's calls have published within the second that
/// runs.
#[derive(Debug)]
struct Rate {
    since: Instant,
    used: HashMap<Option<Principal>, u32, RandomState>,
}

/// The span that a rate is counted over.
const SECOND: Duration = Duration::from_secs(1);

// === impl CapsuleOutlet ===

impl CapsuleOutlet {
    /// The door of `capsule` to the bus of `dispatcher`.
    pub fn new(dispatcher: Weak<Dispatcher>, capsule: Arc<str>, grants: OutletGrants) -> Self {
        let rate = Rate {
            since: Instant::now(),
            used: HashMap::default(),
        };
        Self {
            dispatcher,
            capsule,
            grants,
            rate: Mutex::new(rate),
        }
    }

    /// The event that the capsule wants, if it may.
    fn draft(
        &self,
        dispatcher: &Dispatcher,
        from: &Arc<Event>,
        topic: &str,
        payload: Bytes,
        granted: &[Pattern],
    ) -> Result<Draft, OutletError> {
        let topic = Topic::new(topic).map_err(|error| OutletError::BadTopic(error.to_string()))?;
        if topic.is_reserved() || !granted.iter().any(|pattern| pattern.matches(&topic)) {
            return Err(OutletError::NotGranted);
        }
        let max = dispatcher.config().max_hops;
        if from.hops >= max {
            return Err(OutletError::TooManyHops { max });
        }
        let per_second = self.grants.per_second;
        let mut rate = self.rate.lock();
        if !rate.take(from.principal.as_ref(), per_second, Instant::now()) {
            return Err(OutletError::TooOften { per_second });
        }
        let origin = Origin {
            kind: Kind::Capsule,
            hops: from.hops + 1,
            ancestors: Box::default(),
        };
        Ok(Draft::new(topic)
            .with_payload(payload)
            .with_principal(from.principal.clone())
            .with_session(from.session.clone())
            .with_traceparent(from.traceparent.clone())
            .with_source(crate::types::Name::new(&self.capsule).ok())
            .with_origin(origin))
    }

    /// Puts a refusal on paper.
    fn refused(&self, dispatcher: &Dispatcher, from: &Arc<Event>, topic: &str, why: &OutletError) {
        let topic = crate::text::printable(topic, crate::types::MAX_TOPIC_BYTES).into_owned();
        warn!(
            capsule = &*self.capsule,
            event = %from.id,
            topic,
            "a capsule may not publish: {why}"
        );
        dispatcher.tell(Category::Audit, || {
            Record::Audit(Audit::Refused {
                capsule: self.capsule.clone(),
                event: from.clone(),
                topic,
                reason: why.to_string(),
            })
        });
    }
}

impl Outlet for CapsuleOutlet {
    fn publish(&self, from: &Arc<Event>, topic: &str, payload: Bytes) -> Result<(), OutletError> {
        let dispatcher = self.dispatcher.upgrade().ok_or(OutletError::Closed)?;
        let published = self
            .draft(&dispatcher, from, topic, payload, &self.grants.publish)
            .and_then(|draft| Ok(dispatcher.try_publish(draft)?));
        published.inspect_err(|why| self.refused(&dispatcher, from, topic, why))
    }

    fn trigger<'a>(
        &'a self,
        from: &'a Arc<Event>,
        topic: &'a str,
        payload: Bytes,
        gather: Gather,
    ) -> OutletFuture<'a, Gathered> {
        Box::pin(async move {
            let dispatcher = self.dispatcher.upgrade().ok_or(OutletError::Closed)?;
            let draft = self
                .draft(&dispatcher, from, topic, payload, &self.grants.trigger)
                .inspect_err(|why| self.refused(&dispatcher, from, topic, why))?;
            let ancestors = from.ancestors.iter().copied().chain([from.seq]).collect();
            let origin = Origin {
                ancestors,
                ..draft.origin().clone()
            };
            let gathered = dispatcher.trigger(draft.with_origin(origin), gather).await;
            Ok(gathered?)
        })
    }
}

// === impl Rate ===

impl Rate {
    /// Whether `principal` may once more.
    fn take(&mut self, principal: Option<&Principal>, per_second: u32, now: Instant) -> bool {
        if now.duration_since(self.since) >= SECOND {
            self.since = now;
            // Whoever is idle leaves nothing.
            self.used = HashMap::default();
        }
        let used = self.used.entry(principal.cloned()).or_default();
        *used += u32::from(*used < per_second.saturating_add(1));
        *used <= per_second
    }
}

// === impl OutletError ===

impl From<PublishError> for OutletError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Reserved { .. } => Self::NotGranted,
            PublishError::Closed { .. } => Self::Closed,
            PublishError::TooLarge { .. } | PublishError::TooLargeFor { .. } => {
                Self::TooLarge(error.to_string())
            }
            PublishError::Full { full, .. } => Self::Full(full.to_string()),
        }
    }
}
