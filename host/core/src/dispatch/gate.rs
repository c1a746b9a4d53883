//! Whether events are taken in, and when all that were are done.

use std::pin::pin;

use tokio::sync::Notify;

use crate::{
    striped::Striped,
    sync::{AtomicBool, AtomicU64, Ordering},
};

/// Counts those inside, so that threads which come and go do not meet.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    entered: Striped<AtomicU64>,
    left: Striped<AtomicU64>,
    /// Somebody has left a closed gate.
    leaving: Notify,
}

// === impl Gate ===

impl Gate {
    /// Goes in, if it is not closed; until [`leave`](Self::leave).
    #[must_use]
    pub(super) fn enter(&self) -> bool {
        // Counted before it is asked whether the gate is closed: whoever waits
        // for all to leave waits for this one then.
        self.stay();
        let is_open = !self.closed.load(Ordering::SeqCst);
        if !is_open {
            self.leave();
        }
        is_open
    }

    /// One more is inside, where another is.
    pub(super) fn stay(&self) {
        count(&self.entered);
    }

    /// Leaves.
    pub(super) fn leave(&self) {
        count(&self.left);
        if self.closed.load(Ordering::SeqCst) {
            self.leaving.notify_waiters();
        }
    }

    /// Lets nobody in any more, and waits until all have left.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        loop {
            let mut leaving = pin!(self.leaving.notified());
            leaving.as_mut().enable();
            if self.is_empty() {
                return;
            }
            leaving.await;
        }
    }

    /// Whether all have left, where nobody enters any more. Who has left is
    /// counted first: that sum is never more than who had entered then.
    fn is_empty(&self) -> bool {
        let sum = |counts: &Striped<AtomicU64>| -> u64 {
            counts.iter().map(|c| c.load(Ordering::SeqCst)).sum()
        };
        let left = sum(&self.left);
        left == sum(&self.entered)
    }
}

fn count(counts: &Striped<AtomicU64>) {
    counts.count(|count| {
        count.fetch_add(1, Ordering::SeqCst);
    });
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::{sync::Arc, thread};

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_closed_gate_lets_nobody_in_and_waits_for_all() {
        let gate = Gate::default();
        assert!(gate.enter());
        gate.stay();
        let mut closing = pin!(gate.close());
        assert!(closing.as_mut().now_or_never().is_none());
        assert!(!gate.enter());
        gate.leave();
        assert!(closing.as_mut().now_or_never().is_none());
        gate.leave();
        closing.await;
    }

    #[test]
    fn nobody_is_inside_when_closing_ends() {
        for _ in 0..50 {
            let gate = Arc::new(Gate::default());
            let inside = Arc::new(AtomicU64::new(0));
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let (gate, inside) = (gate.clone(), inside.clone());
                    thread::spawn(move || {
                        while gate.enter() {
                            inside.fetch_add(1, Ordering::SeqCst);
                            thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                            gate.leave();
                        }
                    })
                })
                .collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(gate.close());
            assert_eq!(inside.load(Ordering::SeqCst), 0);
            for thread in threads {
                thread.join().unwrap();
            }
        }
    }
}

#[cfg(all(test, shuttle))]
mod schedules {
    use std::sync::Arc;

    use shuttle::{future::block_on, thread};

    use super::*;
    use crate::sync::schedules;

    /// Rule: a shutdown waits for all that was taken in, and for nothing else:
    /// it ends neither before nor never.
    #[test]
    fn no_schedule_closes_the_gate_behind_somebody_inside() {
        // Who closes must be held up by one while another stays.
        shuttle::check_random(
            || {
                let gate = Arc::new(Gate::default());
                let inside = Arc::new(AtomicU64::new(0));
                let threads: Vec<_> = (0..2)
                    .map(|_| {
                        let (gate, inside) = (gate.clone(), inside.clone());
                        thread::spawn(move || {
                            if gate.enter() {
                                inside.fetch_add(1, Ordering::SeqCst);
                                // Stays for a while.
                                for _ in 0..10 {
                                    assert!(inside.load(Ordering::SeqCst) > 0);
                                }
                                inside.fetch_sub(1, Ordering::SeqCst);
                                gate.leave();
                            }
                        })
                    })
                    .collect();
                block_on(gate.close());
                assert_eq!(inside.load(Ordering::SeqCst), 0);
                for thread in threads {
                    thread.join().unwrap();
                }
            },
            schedules() * 4,
        );
    }
}
