//! Things of which each processor has its own, so that its threads do not meet
//! others'.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
    thread::available_parallelism,
};

use crossbeam_utils::CachePadded;

/// Most copies of one thing: beyond, processors begin to share.
const MOST: usize = 16;

/// The next thread's number.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of this thread, from 0 in the order of first use.
    static THREAD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
}

/// One thing for each processor, each on cache lines of its own. Which one a
/// thread uses is the same for its life; threads beyond share.
#[derive(Debug)]
pub(crate) struct PerProcessor<T> {
    /// A power of two of them.
    stripes: Box<[CachePadded<T>]>,
}

// === impl PerProcessor ===

impl<T> PerProcessor<T> {
    /// What `make` makes, called with 0, 1 and so on.
    pub(crate) fn new(make: impl FnMut(usize) -> T) -> Self {
        Self {
            stripes: (0..count()).map(make).map(CachePadded::new).collect(),
        }
    }

    /// Those of this thread; others may use them too.
    pub(crate) fn mine(&self) -> &T {
        let index = THREAD.get() & (self.stripes.len() - 1);
        #[expect(clippy::indexing_slicing, reason = "the index is a remainder")]
        &self.stripes[index]
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.stripes.iter().map(|stripe| &**stripe)
    }
}

impl<T: Default> Default for PerProcessor<T> {
    fn default() -> Self {
        Self::new(|_| T::default())
    }
}

/// How many processors there are for this: a power of two of at most [`MOST`].
pub(crate) fn count() -> usize {
    let processors = available_parallelism().map_or(1, usize::from);
    processors.min(MOST).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicU64, thread};

    use super::*;

    #[test]
    fn what_all_threads_add_is_there_once() {
        let counts = PerProcessor::<AtomicU64>::default();
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
    fn what_each_processor_has_is_made_for_it() {
        let made = PerProcessor::new(|nth| nth);
        assert!(made.iter().copied().eq(0..count()));
    }
}
