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
    text::printable,
    types::{Draft, Event, Kind, MAX_TOPIC_BYTES, Name, Pattern, Principal, Topic},
};

/// What a manifest grants of the bus.
#[derive(Clone, Debug, Default)]
pub struct OutletGrants {
    /// Where it may publish.
    pub publish: Vec<Pattern>,
    /// What it may trigger.
    pub trigger: Vec<Pattern>,
    /// How often it may try either for one principal, a second. What is refused
    /// counts, too.
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

/// How often each principal's calls have tried to publish within the second
/// that runs.
#[derive(Debug)]
struct Rate {
    since: Instant,
    tries: HashMap<Option<Principal>, u32, RandomState>,
}

/// What a capsule wants to publish.
struct Try<'a> {
    outlet: &'a CapsuleOutlet,
    dispatcher: Arc<Dispatcher>,
    from: &'a Arc<Event>,
    topic: &'a str,
    /// Its number within the second, from 1.
    number: u32,
}

/// The span that a rate is counted over.
const SECOND: Duration = Duration::from_secs(1);

// === impl CapsuleOutlet ===

impl CapsuleOutlet {
    /// The door of `capsule` to the bus of `dispatcher`.
    pub fn new(dispatcher: Weak<Dispatcher>, capsule: Arc<str>, grants: OutletGrants) -> Self {
        let rate = Rate {
            since: Instant::now(),
            tries: HashMap::default(),
        };
        Self {
            dispatcher,
            capsule,
            grants,
            rate: Mutex::new(rate),
        }
    }

    /// Counts a try, whatever becomes of it.
    fn attempt<'a>(&'a self, from: &'a Arc<Event>, topic: &'a str) -> Result<Try<'a>, OutletError> {
        let dispatcher = self.dispatcher.upgrade().ok_or(OutletError::Closed)?;
        let mut rate = self.rate.lock();
        Ok(Try {
            outlet: self,
            dispatcher,
            from,
            topic,
            number: rate.count(from.principal.as_ref(), Instant::now()),
        })
    }
}

impl Outlet for CapsuleOutlet {
    fn publish(&self, from: &Arc<Event>, topic: &str, payload: Bytes) -> Result<(), OutletError> {
        let attempt = self.attempt(from, topic)?;
        attempt
            .draft(payload, &self.grants.publish)
            .and_then(|draft| Ok(attempt.dispatcher.try_publish(draft)?))
            .inspect_err(|why| attempt.refused(why))
    }

    fn trigger<'a>(
        &'a self,
        from: &'a Arc<Event>,
        topic: &'a str,
        payload: Bytes,
        gather: Gather,
    ) -> OutletFuture<'a, Gathered> {
        Box::pin(async move {
            let attempt = self.attempt(from, topic)?;
            let gathered = async {
                let draft = attempt.draft(payload, &self.grants.trigger)?;
                let ancestors = from.ancestors.iter().copied().chain([from.seq]).collect();
                let draft = draft.awaited_by(ancestors);
                Ok(attempt.dispatcher.trigger(draft, gather).await?)
            };
            gathered.await.inspect_err(|why| attempt.refused(why))
        })
    }
}

// === impl Rate ===

impl Rate {
    /// Counts a try for `principal`, and says how many there have been.
    fn count(&mut self, principal: Option<&Principal>, now: Instant) -> u32 {
        if now.duration_since(self.since) >= SECOND {
            self.since = now;
            // What is left of the second before goes with the first try of the next.
            self.tries = HashMap::default();
        }
        let tries = self.tries.entry(principal.cloned()).or_default();
        *tries = tries.saturating_add(1);
        *tries
    }
}

// === impl Try ===

impl Try<'_> {
    /// The event that the capsule wants, if it may.
    fn draft(&self, payload: Bytes, granted: &[Pattern]) -> Result<Draft, OutletError> {
        let per_second = self.outlet.grants.per_second;
        if self.number > per_second {
            return Err(OutletError::TooOften { per_second });
        }
        let topic =
            Topic::new(self.topic).map_err(|error| OutletError::BadTopic(error.to_string()))?;
        if topic.is_reserved() || !granted.iter().any(|pattern| pattern.matches(&topic)) {
            return Err(OutletError::NotGranted);
        }
        let from = self.from;
        let max = self.dispatcher.config().max_hops;
        if from.hops >= max {
            return Err(OutletError::TooManyHops { max });
        }
        Ok(Draft::of(from.principal.clone(), topic, payload)
            .with_session(from.session.clone())
            .with_traceparent(from.traceparent.clone())
            .with_source(Name::new(&self.outlet.capsule).ok())
            .made_by(Kind::Capsule, from.hops + 1))
    }

    /// Puts a refusal on paper: of those beyond the rate only the first of a
    /// second, since what is written and kept must not grow with what a guest
    /// tries.
    fn refused(&self, why: &OutletError) {
        if self.number > self.outlet.grants.per_second.saturating_add(1) {
            return;
        }
        let (capsule, event) = (&self.outlet.capsule, self.from);
        let topic = printable(self.topic, MAX_TOPIC_BYTES).into_owned();
        warn!(
            capsule = &**capsule,
            event = %event.id,
            topic,
            "a capsule may not publish: {why}"
        );
        self.dispatcher.tell(Category::Audit, || {
            Record::Audit(Audit::Refused {
                capsule: capsule.clone(),
                event: event.clone(),
                topic,
                reason: why.to_string(),
            })
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dispatch::DispatchConfig, mailbox::MailboxConfig};

    fn event(principal: &str) -> Arc<Event> {
        let topic = Topic::new("a").unwrap();
        let principal = Principal::new(principal).unwrap();
        Draft::new(topic).with_principal(principal).into_event(0)
    }

    /// Rule: a guest publishes at a granted rate, and its refusals are audited;
    /// they are within a bound, whatever it tries.
    #[tokio::test(start_paused = true)]
    async fn refused_tries_count_and_fill_no_log() {
        let dispatcher = Arc::new(Dispatcher::new(DispatchConfig::default()));
        let grants = OutletGrants {
            publish: vec![Pattern::new("granted").unwrap()],
            per_second: 10,
            ..OutletGrants::default()
        };
        let outlet = CapsuleOutlet::new(Arc::downgrade(&dispatcher), "a".into(), grants);
        let mut audit = dispatcher.observers().observe(
            "audit",
            Category::Audit.into(),
            MailboxConfig::default(),
        );
        let alice = event("alice");
        let publish = |from: &Arc<Event>, topic| outlet.publish(from, topic, Bytes::new());

        for second in 1..=2 {
            for number in 1..=1000 {
                let want = match number {
                    1..=5 => OutletError::NotGranted,
                    6..=10 => OutletError::BadTopic("it is empty".into()),
                    _ => OutletError::TooOften { per_second: 10 },
                };
                let topic = if number > 5 { "" } else { "other" };
                assert_eq!(publish(&alice, topic), Err(want), "try {number}");
            }
            assert_eq!(publish(&event("bob"), "granted"), Ok(()));
            assert_eq!(audit.status().queued, 11, "ten, and that it goes on");
            while audit.try_recv().is_ok() {}
            assert_eq!(dispatcher.counters().published, second);
            tokio::time::advance(SECOND).await;
        }
        assert_eq!(publish(&alice, "granted"), Ok(()), "the next second");
    }
}
