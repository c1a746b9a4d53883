//! How much memory an instance has, over all its memories and tables.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::pool::Pool;

/// Most elements one table may have; each takes a pointer. No setting: the pool
/// sets so much aside for each, and compiled code depends on it.
pub(crate) const TABLE_ELEMENTS: usize = 1 << 16;

/// Counts an instance's memory against its capsule's limit and the host's
/// budget, and gives it back when it is dropped.
///
/// What was granted and could then not be had from the operating system stays
/// counted until the instance goes: the way in which wasmtime reports such a
/// failure does not tell it from growth that was never counted.
#[derive(Debug)]
pub(crate) struct Meter {
    used: usize,
    limit: usize,
    /// The pool owns idle instances, which own meters, until their capsule
    /// goes and takes them along.
    pool: Arc<Pool>,
    refused: Option<Refused>,
}

/// Whose limit a growth would have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The capsule's own.
    Capsule,
    /// The host's.
    Host,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(limit: usize, pool: &Arc<Pool>) -> Self {
        Self {
            used: 0,
            limit,
            pool: Arc::clone(pool),
            refused: None,
        }
    }

    /// Whether the guest was refused memory since the last
    /// [`forget`](Self::forget).
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Forgets a refusal that the guest has lived with.
    pub(crate) fn forget(&mut self) {
        self.refused = None;
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let fits = self
            .used
            .checked_add(bytes)
            .is_some_and(|sum| sum <= self.limit);
        self.refused = if !fits {
            Some(Refused::Capsule)
        } else if !self.pool.reserve(bytes) {
            Some(Refused::Host)
        } else {
            self.used += bytes;
            return true;
        };
        false
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|most| desired > most) {
            self.refused = Some(Refused::Capsule);
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > maximum.unwrap_or(TABLE_ELEMENTS).min(TABLE_ELEMENTS) {
            self.refused = Some(Refused::Capsule);
            return Ok(false);
        }
        let elements = desired.saturating_sub(current);
        Ok(self.grow(elements.saturating_mul(size_of::<usize>())))
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.pool.release(self.used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: usize = 1000;

    #[test]
    fn memories_and_tables_count_together() {
        let pool = Arc::new(Pool::new(1, BUDGET));
        let mut meter = Meter::new(500, &pool);
        assert!(meter.memory_growing(0, 300, None).unwrap());
        assert!(meter.table_growing(0, 20, None).unwrap());
        assert_eq!(pool.memory_used(), 300 + 20 * size_of::<usize>());
        assert!(!meter.memory_growing(300, 400, None).unwrap());
        assert_eq!(meter.refused(), Some(Refused::Capsule));
        assert!(meter.table_growing(20, 25, None).unwrap());
    }

    #[test]
    fn the_budget_is_shared_and_given_back() {
        let pool = Arc::new(Pool::new(1, BUDGET));
        let mut first = Meter::new(800, &pool);
        let mut second = Meter::new(800, &pool);
        assert!(first.memory_growing(0, 700, None).unwrap());
        assert!(!second.memory_growing(0, 400, None).unwrap());
        assert_eq!(second.refused(), Some(Refused::Host));
        drop(first);
        assert!(second.memory_growing(0, 400, None).unwrap());
        drop(second);
        assert_eq!(pool.memory_used(), 0);
    }

    #[test]
    fn growth_past_a_declared_maximum_costs_nothing() {
        let pool = Arc::new(Pool::new(1, BUDGET));
        let mut meter = Meter::new(800, &pool);
        assert!(!meter.memory_growing(0, 200, Some(100)).unwrap());
        assert!(!meter.table_growing(0, 20, Some(10)).unwrap());
        assert!(!meter.table_growing(0, TABLE_ELEMENTS + 1, None).unwrap());
        assert_eq!(pool.memory_used(), 0);
    }
}
