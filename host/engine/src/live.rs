//! One instance of a component, ready to be asked.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use wasmtime::Store;

use crate::{bindings, seats::Seat, state::State};

/// An instance and its places. Dropped from top to bottom: the places are
/// free when the memory is.
pub(crate) struct Live {
    pub(crate) store: Store<State>,
    pub(crate) exports: bindings::Capsule,
    /// Calls in a row on processors that have another engine.
    pub(crate) away: u32,
    pub(crate) _places: Places,
}

/// What a live instance occupies: held only to be dropped with it.
#[derive(Debug)]
pub(crate) struct Places {
    /// In the host.
    pub(crate) _host: Seat,
    /// Among the instances of the capsule, where it limits them.
    pub(crate) _capsule: Option<Seat>,
    /// In the count of the capsule's instances.
    pub(crate) _count: Counted,
}

/// One of a number of instances.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

// === impl Live ===

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("state", self.store.data())
            .finish_non_exhaustive()
    }
}

// === impl Counted ===

impl Counted {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
