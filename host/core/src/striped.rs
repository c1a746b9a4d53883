//! Counts that many threads add to without meeting.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use thread_local::ThreadLocal;

/// A set of counts for each thread, each on cache lines of its own: two
/// threads that count the same thing at once would otherwise wait for each
/// other's line longer than everything else they do takes. Read, they are
/// added up. A thread that begins goes on with what one that has ended left.
#[derive(Debug)]
pub(crate) struct Striped<T: Send>(ThreadLocal<CachePadded<T>>);

/// A count that only one thread adds to at a time, and all may read: adding
/// takes no locked operation.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

// === impl Striped ===

impl<T: Send + Default> Striped<T> {
    /// Those of this thread.
    pub(crate) fn mine(&self) -> &T {
        self.0.get_or_default()
    }
}

impl<T: Send + Sync> Striped<T> {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &**stripe)
    }
}

impl<T: Send> Default for Striped<T> {
    fn default() -> Self {
        Self(ThreadLocal::new())
    }
}

// === impl Count ===

impl Count {
    /// Adds to a count that is [this thread's](Striped::mine).
    pub(crate) fn add(&self, more: u64) {
        let now = self.0.load(Ordering::Relaxed).wrapping_add(more);
        self.0.store(now, Ordering::Relaxed);
    }

    /// What it is now, for any thread.
    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_all_threads_count_is_there_once() {
        let counts = Striped::<Count>::default();
        // Later threads take over the counts of earlier ones.
        for _ in 0..10 {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..100 {
                            counts.mine().add(1);
                        }
                    });
                }
            });
        }
        let sum: u64 = counts.iter().map(Count::read).sum();
        assert_eq!(sum, 4000);
        assert!(counts.iter().count() < 40);
    }

    /// What an event counts when it is dropped must not depend on when that is:
    /// a runtime that a thread keeps for itself ends with the thread.
    #[test]
    fn a_thread_can_count_to_its_very_end() {
        use std::{
            cell::RefCell,
            panic::{AssertUnwindSafe, catch_unwind},
            sync::{Arc, mpsc},
        };

        struct AtEnd(Arc<Striped<Count>>, mpsc::Sender<bool>);

        impl Drop for AtEnd {
            fn drop(&mut self) {
                let counts = AssertUnwindSafe(|| self.0.mine().add(1));
                self.1.send(catch_unwind(counts).is_ok()).unwrap();
            }
        }

        thread_local! {
            static KEPT: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
        }

        let counts = Arc::new(Striped::<Count>::default());
        let (said, heard) = mpsc::channel();
        let of_thread = counts.clone();
        thread::spawn(move || {
            KEPT.with_borrow_mut(|kept| *kept = Some(AtEnd(of_thread.clone(), said)));
            // After the first: what comes last goes first.
            of_thread.mine().add(1);
        })
        .join()
        .unwrap();
        assert!(heard.recv().unwrap(), "it panicked");
        assert_eq!(counts.iter().map(Count::read).sum::<u64>(), 2);
    }
}
