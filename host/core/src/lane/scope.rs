//! What tells the lanes of one principal apart.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    sync::{AtomicUsize, Ordering},
    types::Name,
};

/// The lanes of one capsule, or of one subscription that publishers wait for,
/// of all principals. That of a capsule is the same for the life of the host,
/// so that the order of its calls holds across a reload.
#[derive(Debug)]
pub struct LaneGroup {
    id: u32,
    name: Arc<str>,
    /// How many lanes are open.
    open: AtomicUsize,
}

/// What, beside the principal, tells the lanes of an event apart.
#[derive(Clone, Debug)]
pub struct LaneScope {
    /// The capsule.
    pub group: Arc<LaneGroup>,
    /// The session, for a capsule with one lane per session.
    pub session: Option<Name>,
}

// === impl LaneGroup ===

impl LaneGroup {
    /// The lanes of number `id`, called `name` in messages.
    pub fn new(id: u32, name: Arc<str>) -> Self {
        Self {
            id,
            name,
            open: AtomicUsize::new(0),
        }
    }

    /// Its number: no other group has it.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The capsule's or the subscription's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many lanes are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Opens one more, unless there are `max`.
    fn try_open(&self, max: usize) -> bool {
        let opened = self.open.fetch_add(1, Ordering::Relaxed) < max;
        if !opened {
            self.close();
        }
        opened
    }

    /// Closes one.
    fn close(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl LaneScope ===

impl LaneScope {
    /// Opens a lane of a principal's own, unless the capsule has `max` already.
    ///
    /// What is counted is principals: how many sessions one has is for its own
    /// bounds, and must not take others' lanes.
    pub(super) fn try_open(&self, max: usize) -> bool {
        self.session.is_some() || self.group.try_open(max)
    }

    /// Closes one.
    pub(super) fn close(&self) {
        if self.session.is_none() {
            self.group.close();
        }
    }

    /// The same without the session: what those share who have no lane of
    /// their own.
    pub(super) fn shared(&self) -> Self {
        Self {
            group: Arc::clone(&self.group),
            session: None,
        }
    }
}

impl PartialEq for LaneScope {
    fn eq(&self, other: &Self) -> bool {
        self.group.id == other.group.id && self.session == other.session
    }
}

impl Eq for LaneScope {}

impl Hash for LaneScope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.group.id.hash(state);
        self.session.hash(state);
    }
}
