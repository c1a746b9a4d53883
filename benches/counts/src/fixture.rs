//! What the paths have in common: a hook that does nothing, and one event.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use capsule_core::{
    dispatch::{Interceptor, Mode, OnError, Order},
    hook::{Call, Hook, HookFuture, Verdict},
    types::{Draft, Pattern, Principal, Topic},
};

use crate::PathError;

/// How many patterns there are where a look-up is counted.
pub(crate) const MANY_PATTERNS: usize = 10_000;

/// Bytes of a payload.
const PAYLOAD: usize = 64;

/// Lets every event go on, at once.
#[derive(Debug)]
struct NoOp;

/// Publishes the same event again and again.
#[derive(Debug)]
pub(crate) struct Publisher {
    topic: Topic,
    principal: Principal,
    payload: Bytes,
}

/// An interceptor of `capsule` on `event` whose hook does nothing.
pub(crate) fn interceptor(capsule: &str, event: &str) -> Result<Interceptor, PathError> {
    Ok(Interceptor {
        capsule: capsule.into(),
        event: Pattern::new(event)?,
        action: "count".into(),
        priority: 100,
        on_error: OnError::Continue,
        mode: Mode::Enforce,
        timeout: Duration::from_secs(1),
        order: Order::Principal,
        hook: Arc::new(NoOp),
        quarantine: None,
    })
}

/// The pattern number `index` of [`MANY_PATTERNS`]: of each family of a hundred
/// one takes in all the others.
pub(crate) fn pattern(index: usize) -> String {
    match (index / 100, index % 100) {
        (family, 0) => format!("family{family}.>"),
        (family, member) => format!("family{family}.member{member}.*"),
    }
}

/// Topics of which each matches two of the patterns. What a look-up costs
/// depends on the hashes of a topic, which differ from run to run: over many of
/// them it evens out.
pub(crate) fn topics() -> Result<Vec<Topic>, PathError> {
    let members = (0..MANY_PATTERNS).filter(|index| !index.is_multiple_of(100));
    let name = |index| format!("family{}.member{}.run", index / 100, index % 100);
    members
        .step_by(7)
        .map(|index| Ok(Topic::new(&name(index))?))
        .collect()
}

// === impl NoOp ===

impl Hook for NoOp {
    fn call<'a>(&'a self, _call: Call<'a>) -> HookFuture<'a> {
        HookFuture::ready(Ok(Verdict::Continue(None)))
    }
}

// === impl Publisher ===

impl Publisher {
    pub(crate) fn new() -> Result<Self, PathError> {
        Ok(Self {
            topic: Topic::new("tool.execute.shell")?,
            principal: Principal::new("alice")?,
            payload: Bytes::from(vec![b'x'; PAYLOAD]),
        })
    }

    pub(crate) fn draft(&self) -> Draft {
        let (principal, topic) = (self.principal.clone(), self.topic.clone());
        Draft::of(principal, topic, self.payload.clone())
    }
}
