//! What each thread has of its own, so that threads do not meet.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use thread_local::ThreadLocal;

thread_local! {
    /// Gone before what `thread_local` itself keeps of a thread, since it is
    /// made after that: it panics where a thread ends without it.
    static LIVES: Lives = Lives::new();
}

/// That a thread has not begun to end.
struct Lives;

/// A value for each thread, made for the first that asks. One that begins goes
/// on with what one that has ended left.
#[derive(Debug)]
pub(crate) struct PerThread<T: Send>(ThreadLocal<T>);

/// A set of counts for each thread, each on cache lines of its own: two threads
/// that count the same thing at once would otherwise wait for each other's line
/// longer than everything else they do takes. Read, they are added up.
#[derive(Debug)]
pub(crate) struct Striped<T: Send> {
    own: PerThread<CachePadded<T>>,
    /// Those of threads that end, one after the other.
    late: Mutex<()>,
    of_late: CachePadded<T>,
}

/// A count that only one thread adds to at a time, and all may read: adding
/// takes no locked operation.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

// === impl Lives ===

impl Lives {
    fn new() -> Self {
        ThreadLocal::<AtomicBool>::new().get_or_default();
        Self
    }
}

impl Drop for Lives {
    /// Has the thread remember that it ends.
    fn drop(&mut self) {}
}

// === impl PerThread ===

impl<T: Send> PerThread<T> {
    /// That of this thread; `None` if it has begun to end.
    pub(crate) fn get_or(&self, make: impl FnOnce() -> T) -> Option<&T> {
        LIVES.try_with(|_| ()).ok()?;
        if let Some(own) = self.0.get() {
            return Some(own);
        }
        let own = self.0.get_or(make);
        // Whatever this thread reads after, it is seen by those who have
        // written it before they look at all, or it sees what they wrote.
        fence(Ordering::SeqCst);
        Some(own)
    }

    /// Those of all threads.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T>
    where
        T: Sync,
    {
        fence(Ordering::SeqCst);
        self.0.iter()
    }
}

impl<T: Send> Default for PerThread<T> {
    fn default() -> Self {
        Self(ThreadLocal::new())
    }
}

// === impl Striped ===

impl<T: Send + Default> Striped<T> {
    /// Counts in those that nobody else adds to now.
    pub(crate) fn count(&self, count: impl FnOnce(&T)) {
        match self.own.get_or(CachePadded::default) {
            Some(own) => count(own),
            None => {
                let _alone = self.late.lock();
                count(&self.of_late);
            }
        }
    }
}

impl<T: Send + Sync> Striped<T> {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let own = self.own.iter().map(|own| &**own);
        own.chain([&*self.of_late])
    }
}

impl<T: Send + Default> Default for Striped<T> {
    fn default() -> Self {
        Self {
            own: PerThread::default(),
            late: Mutex::new(()),
            of_late: CachePadded::default(),
        }
    }
}

// === impl Count ===

impl Count {
    /// Adds to a count that nobody else adds to now.
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
                            counts.count(|count| count.add(1));
                        }
                    });
                }
            });
        }
        let sum: u64 = counts.iter().map(Count::read).sum();
        assert_eq!(sum, 4000);
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
                let counts = AssertUnwindSafe(|| self.0.count(|count| count.add(1)));
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
            of_thread.count(|count| count.add(1));
        })
        .join()
        .unwrap();
        assert!(heard.recv().unwrap(), "it panicked");
        assert_eq!(counts.iter().map(Count::read).sum::<u64>(), 2);
    }
}
