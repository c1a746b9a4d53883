//! Counts that many threads add to without meeting, and other things of which
//! each processor has its own.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
    thread::available_parallelism,
};

use crossbeam_utils::CachePadded;

/// Most copies of one set of counts: beyond, threads begin to share.
const MOST: usize = 16;

/// The next thread's number.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of this thread, from 0 in the order of first use.
    static THREAD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
}

/// A set of counts for each processor, each on cache lines of its own: two
/// threads that count the same thing at once would otherwise wait for each
/// other's line longer than everything else they do takes. Read, they are
/// added up.
#[derive(Debug)]
pub struct Striped<T> {
    /// A power of two of them.
    stripes: Box<[CachePadded<T>]>,
}

// === impl Striped ===

impl<T> Striped<T> {
    /// What `make` makes, called with 0, 1 and so on.
    ///
    /// # Errors
    ///
    /// The first of `make`.
    pub fn try_new<E>(make: impl FnMut(usize) -> Result<T, E>) -> Result<Self, E> {
        let stripes = (0..count())
            .map(make)
            .map(|made| made.map(CachePadded::new));
        Ok(Self {
            stripes: stripes.collect::<Result<_, E>>()?,
        })
    }

    /// Those of this thread; others may use them too.
    pub fn mine(&self) -> &T {
        let index = THREAD.get() & (self.stripes.len() - 1);
        #[expect(clippy::indexing_slicing, reason = "the index is a remainder")]
        &self.stripes[index]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.stripes.iter().map(|stripe| &**stripe)
    }
}

impl<T: Default> Default for Striped<T> {
    fn default() -> Self {
        Self {
            stripes: (0..count()).map(|_| CachePadded::default()).collect(),
        }
    }
}

/// One for each processor.
fn count() -> usize {
    let processors = available_parallelism().map_or(1, usize::from);
    processors.min(MOST).next_power_of_two()
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::{sync::atomic::AtomicU64, thread};

    use super::*;

    #[test]
    fn what_all_threads_count_is_there_once() {
        let counts = Striped::<AtomicU64>::default();
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        counts.mine().fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let sum: u64 = counts.iter().map(|c| c.load(Ordering::Relaxed)).sum();
        assert_eq!(sum, 4000);
    }

    #[test]
    fn what_each_processor_has_is_made_for_it_or_not_at_all() {
        let made = Striped::try_new(Ok::<_, ()>).unwrap();
        assert!(made.iter().copied().eq(0..count()));
        assert_eq!(Striped::<usize>::try_new(Err).unwrap_err(), 0);
    }
}
