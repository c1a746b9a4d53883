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
/// one registers is never seen in the events of another. All share one limit;
/// beyond it, the binding that was used least recently is forgotten,
/// registering and finding it being uses.
#[derive(Debug)]
pub struct Sessions {
    config: SessionConfig,
    /// How many there are: none, in many hosts, and then nothing is locked.
    count: AtomicUsize,
    /// Least recently used first.
    bound: Mutex<LinkedHashMap<Key, Name, RandomState>>,
    evicted: AtomicU64,
}

/// The limits of [`Sessions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// How many bindings are remembered, each with a principal and three names
    /// of at most 256 bytes. Default 100,000.
    pub max_bound: NonZeroUsize,
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

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    principal: Option<Principal>,
    source: Name,
    native: Name,
}

// === impl SessionConfig ===

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            max_bound: const { NonZeroUsize::new(100_000).unwrap() },
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
        let key = Key::new(principal, source, native);
        let mut bound = self.bound.lock();
        let previous = bound.insert(key, session.clone());
        if bound.len() > self.config.max_bound.get() {
            bound.pop_front();
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        self.count.store(bound.len(), Ordering::Relaxed);
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
        let key = Key::new(principal, source, native);
        self.bound.lock().to_back(&key).cloned()
    }

    /// Fills in the session of an event that has none but says what its source
    /// calls it. An event taken in before the registration stays as it is.
    #[must_use]
    pub fn bind(&self, draft: Draft) -> Draft {
        if self.is_empty() || draft.session().is_some() {
            return draft;
        }
        let (Some(source), Some(native)) = (draft.source(), draft.native_session()) else {
            return draft;
        };
        match self.resolve(draft.principal(), source, native) {
            Some(session) => draft.with_session(session),
            None => draft,
        }
    }

    /// Forgets a binding and returns the session it led to.
    pub fn remove(
        &self,
        principal: Option<&Principal>,
        source: &Name,
        native: &Name,
    ) -> Option<Name> {
        let key = Key::new(principal, source, native);
        let mut bound = self.bound.lock();
        let session = bound.remove(&key);
        self.count.store(bound.len(), Ordering::Relaxed);
        session
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

// === impl Key ===

impl Key {
    fn new(principal: Option<&Principal>, source: &Name, native: &Name) -> Self {
        Self {
            principal: principal.cloned(),
            source: source.clone(),
            native: native.clone(),
        }
    }
}
