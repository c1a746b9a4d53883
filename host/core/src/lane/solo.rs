//! An event that is the only one of its principal in any lane.

use std::sync::Arc;

use super::{LaneScope, ticket::Ticket};

/// Most lanes of an event that needs none of its own yet.
const MAX_LANES: usize = u64::BITS as usize;

/// What an event holds that found none of its principal's lanes in use. Most
/// principals have one event under way at a time, and lanes are made for it
/// only when another one comes.
#[derive(Debug)]
pub(super) enum Solo {
    /// It is alone: its lanes are marks.
    Alone(Alone),
    /// Another one has come: it has a ticket in each lane that it still held.
    Joined(Vec<Option<Ticket>>),
}

/// The lanes of an event that is alone. They are nobody's: they do not count
/// among those that a capsule may have.
#[derive(Debug)]
pub(super) struct Alone {
    pub(super) event: u64,
    scopes: Arc<[LaneScope]>,
    /// A bit for each that it holds.
    held: u64,
}

// === impl Alone ===

impl Alone {
    /// Marks all lanes of `scopes` as held, if there are enough marks.
    pub(super) fn new(event: u64, scopes: &Arc<[LaneScope]>) -> Option<Self> {
        let unused = MAX_LANES.checked_sub(scopes.len())?;
        Some(Self {
            event,
            scopes: scopes.clone(),
            held: u64::MAX.checked_shr(unused as u32).unwrap_or(0),
        })
    }

    /// How many lanes it holds.
    pub(super) fn count(&self) -> usize {
        self.held.count_ones() as usize
    }

    /// Each of its lanes, if it holds it still, by index.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Option<&LaneScope>> {
        let held = |index: usize| self.held & (1 << index) != 0;
        let all = self.scopes.iter().enumerate();
        all.map(move |(index, scope)| held(index).then_some(scope))
    }

    /// Gives one back, if it holds it still.
    pub(super) fn release(&mut self, index: usize) {
        self.held &= !1_u64.checked_shl(index as u32).unwrap_or(0);
    }
}
