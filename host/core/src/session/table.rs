//! Which of a source's own sessions is which session of the host.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use foldhash::fast::RandomState;
use hashlink::LinkedHashMap;

use crate::{
    sync::Mutex,
    types::{Draft, Name, Principal},
};

/// Binds the sessions of sources to sessions of the host.
///
/// Each principal has bindings of its own, and so has the system itself: what
/// one registers is never seen in the events of another. Where it has as many
/// as one may, its own that was used least recently is forgotten; where all
/// together have as many as there may be, that of the principal which has used
/// none of its own for longest. Registering and finding one are uses.
#[derive(Debug)]
pub struct Sessions {
    config: SessionConfig,
    /// How many there are: none, in many hosts, and then nothing is locked.
    count: AtomicUsize,
    bound: Mutex<Bound>,
    evicted: AtomicU64,
}

/// The limits of [`Sessions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// How many bindings are remembered, each with a principal and three names
    /// of at most 256 bytes. Default 100,000.
    pub max_bound: NonZeroUsize,
    /// How many of them one principal has at most, so that none forgets those
    /// of the others by registering without end. Default 10,000.
    pub max_bound_per_principal: NonZeroUsize,
}

/// What registering a session came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The source's session was not bound.
    New,
    /// It was bound to another session, which counts no more.
    Changed {
        /// The other session.
        previous: Name,
    },
    /// It was bound to this session already.
    Same,
}

/// The bindings of each principal, those that used theirs least recently first.
#[derive(Debug, Default)]
struct Bound {
    of: LinkedHashMap<Option<Principal>, Own, RandomState>,
    count: usize,
}

/// The bindings of one principal by source and native session, least recently
/// used first.
type Own = LinkedHashMap<(Name, Name), Name, RandomState>;

// === impl SessionConfig ===

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            max_bound: const { NonZeroUsize::new(100_000).unwrap() },
            max_bound_per_principal: const { NonZeroUsize::new(10_000).unwrap() },
        }
    }
}

// === impl Sessions ===

impl Sessions {
    /// No bindings yet.
    pub fn new(config: SessionConfig) -> Self {
        Self {
            config,
            count: AtomicUsize::new(0),
            bound: Mutex::default(),
            evicted: AtomicU64::new(0),
        }
    }

    /// Binds what `source` calls `native`, in events of `principal`, to
    /// `session`, from now on.
    pub fn register(
        &self,
        principal: Option<&Principal>,
        source: &Name,
        native: &Name,
        session: Name,
    ) -> Registered {
        let mut bound = self.bound.lock();
        let own = bound.own(principal);
        let previous = own.insert((source.clone(), native.clone()), session.clone());
        let has_too_many = own.len() > self.config.max_bound_per_principal.get();
        if has_too_many {
            own.pop_front();
        }
        bound.count += usize::from(previous.is_none() && !has_too_many);
        let is_full = bound.count > self.config.max_bound.get();
        if is_full {
            bound.forget_one();
        }
        if has_too_many || is_full {
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        self.count.store(bound.count, Ordering::Relaxed);
        match previous {
            None => Registered::New,
            Some(previous) if previous == session => Registered::Same,
            Some(previous) => Registered::Changed { previous },
        }
    }

    /// The session that `native` of `source` is bound to, if it is. With
    /// nothing bound at all, this costs one atomic load.
    pub fn resolve(
        &self,
        principal: Option<&Principal>,
        source: &Name,
        native: &Name,
    ) -> Option<Name> {
        if self.is_empty() {
            return None;
        }
        let mut bound = self.bound.lock();
        let principal = principal.cloned();
        let key = (source.clone(), native.clone());
        let session = bound.of.get_mut(&principal)?.to_back(&key).cloned()?;
        bound.of.to_back(&principal);
        Some(session)
    }

    /// Fills in the session of an event that has none but says what its source
    /// calls it. An event taken in before the registration stays as it is.
    pub fn bind(&self, draft: &mut Draft) {
        if self.is_empty() || draft.session().is_some() {
            return;
        }
        let (Some(source), Some(native)) = (draft.source(), draft.native_session()) else {
            return;
        };
        if let Some(session) = self.resolve(draft.principal(), source, native) {
            draft.set_session(session);
        }
    }

    /// Forgets a binding and returns the session it led to.
    pub fn remove(
        &self,
        principal: Option<&Principal>,
        source: &Name,
        native: &Name,
    ) -> Option<Name> {
        let mut bound = self.bound.lock();
        let principal = principal.cloned();
        let own = bound.of.get_mut(&principal)?;
        let session = own.remove(&(source.clone(), native.clone()))?;
        if own.is_empty() {
            bound.of.remove(&principal);
        }
        bound.count -= 1;
        self.count.store(bound.count, Ordering::Relaxed);
        Some(session)
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether nothing is bound.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bindings were forgotten to make room, since the start.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

// === impl Bound ===

impl Bound {
    /// The bindings of a principal, which uses them now.
    fn own(&mut self, principal: Option<&Principal>) -> &mut Own {
        let principal = principal.cloned();
        self.of.to_back(&principal);
        self.of.entry(principal).or_insert_with(Own::default)
    }

    /// Forgets the oldest binding of the principal that has used none of its
    /// own for longest.
    fn forget_one(&mut self) {
        let Some((principal, mut own)) = self.of.pop_front() else {
            return;
        };
        own.pop_front();
        self.count -= 1;
        if !own.is_empty() {
            self.of.insert(principal.clone(), own);
            self.of.to_front(&principal);
        }
    }
}
