//! The clock that makes guests give the thread back.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Builder, JoinHandle, Thread},
    time::Duration,
};

use crossbeam_utils::CachePadded;

use crate::{call::FIRST_SLICE, processors::PerProcessor};

/// Ticks without a mark after which the clock rests. By then the slice of every
/// guest that computes is over, and the next one begins with a mark.
const QUIET: u32 = 10 * FIRST_SLICE;
/// How long it waits for the next tick when it rests. Not for ever: where the
/// system stops a thread between its mark and the poll, until the clock rests,
/// the guest then runs without another mark.
pub(crate) const REST: Duration = Duration::from_millis(100);

/// Ticks while guests run, until it is dropped.
///
/// An OS thread: were it a task, a runtime whose workers all run guests could
/// not tick, and no guest would ever give its worker back.
#[derive(Debug)]
pub(crate) struct Ticker {
    pulse: Arc<Pulse>,
    /// `None` only while dropping.
    thread: Option<JoinHandle<()>>,
}

/// What tells the clock that guests run: a thousand ticks a second that nobody
/// needs take more than two percent of a processor.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Whether a guest was let run since the last tick.
    marks: PerProcessor<AtomicBool>,
    rests: CachePadded<AtomicBool>,
    stopped: AtomicBool,
    /// Set by the thread itself, before it rests for the first time.
    thread: OnceLock<Thread>,
}

// === impl Ticker ===

impl Ticker {
    /// The thread's name, as the operating system shows it.
    pub(crate) const THREAD: &str = "capsule-tick";

    /// Calls `tick` again and again, at most `length` apart, or `rest` if that is
    /// longer and no guest runs.
    pub(crate) fn start(
        length: Duration,
        rest: Duration,
        mut tick: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let pulse = Arc::new(Pulse::default());
        let clock = Arc::clone(&pulse);
        let thread = Builder::new().name(Self::THREAD.into()).spawn(move || {
            clock.thread.get_or_init(thread::current);
            let mut quiet = 0_u32;
            while !clock.stopped.load(Ordering::SeqCst) {
                if quiet < QUIET {
                    thread::park_timeout(length);
                } else {
                    clock.rest(length.max(rest));
                }
                tick();
                quiet = match clock.take_marks() {
                    true => 0,
                    false => quiet.saturating_add(1),
                };
            }
        })?;
        Ok(Self {
            pulse,
            thread: Some(thread),
        })
    }

    pub(crate) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.pulse.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

// === impl Pulse ===

impl Pulse {
    /// Says that a guest is let run from now on.
    pub(crate) fn mark(&self) {
        let mark = self.marks.mine();
        // Mostly there is one, and nothing is written that others read. Whoever
        // has left it may not have come to wake the clock yet.
        if !mark.load(Ordering::SeqCst) || self.rests.load(Ordering::SeqCst) {
            self.wake(mark);
        }
    }

    fn wake(&self, mark: &AtomicBool) {
        // In this order, and `rest` in the other: one of the two sees what the
        // other has written.
        mark.store(true, Ordering::SeqCst);
        if self.rests.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Waits so long, or until there is a mark.
    fn rest(&self, length: Duration) {
        self.rests.store(true, Ordering::SeqCst);
        if !self.marks.iter().any(|mark| mark.load(Ordering::SeqCst)) {
            thread::park_timeout(length);
        }
        self.rests.store(false, Ordering::SeqCst);
    }

    /// Whether there was a mark; there is none then.
    fn take_marks(&self) -> bool {
        let mut marked = false;
        for mark in self.marks.iter() {
            if mark.load(Ordering::SeqCst) {
                mark.store(false, Ordering::SeqCst);
                marked = true;
            }
        }
        marked
    }
}

#[cfg(test)]
mod tests;
