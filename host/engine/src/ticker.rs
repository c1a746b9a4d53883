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

/// Ticks without a guest that was let run, after which the clock rests. By then
/// the slice of each guest that is still in a call is over, and it says that it
/// runs before it goes on.
const QUIET: u32 = 10 * FIRST_SLICE;
/// How long it waits for the next tick when it rests. Not for ever: a thread
/// that stood still for all that time between saying that a guest runs and
/// giving it its slice has nobody else to end that.
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
/// needs take some two percent of a processor.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Whether a guest was let run since the last tick.
    ran: PerProcessor<AtomicBool>,
    rests: CachePadded<AtomicBool>,
    stopped: AtomicBool,
    /// Set by the thread itself, before it rests for the first time.
    thread: OnceLock<Thread>,
}

// === impl Ticker ===

impl Ticker {
    /// The thread's name, as the operating system shows it.
    pub(crate) const THREAD: &str = "capsule-tick";

    /// Calls `tick` again and again, `length` apart, or `rest` if that is longer
    /// and no guest runs.
    pub(crate) fn start(
        length: Duration,
        rest: Duration,
        mut tick: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let pulse = Arc::new(Pulse::default());
        let its = Arc::clone(&pulse);
        let thread = Builder::new().name(Self::THREAD.into()).spawn(move || {
            its.thread.get_or_init(thread::current);
            let mut quiet = 0;
            while !its.stopped.load(Ordering::SeqCst) {
                if quiet < QUIET {
                    thread::park_timeout(length);
                } else {
                    its.rest(length.max(rest));
                }
                tick();
                quiet = if its.has_run() { 0 } else { quiet + 1 };
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
    /// A guest is let run from now on.
    pub(crate) fn guest_runs(&self) {
        let ran = self.ran.mine();
        // Mostly so, and then nothing is written that others read.
        if !ran.load(Ordering::Relaxed) {
            self.wake(ran);
        }
    }

    fn wake(&self, ran: &AtomicBool) {
        // In this order, and `rest` in the other: one of the two sees what the
        // other has written.
        ran.store(true, Ordering::SeqCst);
        if self.rests.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Waits so long, or until a guest is let run.
    fn rest(&self, length: Duration) {
        self.rests.store(true, Ordering::SeqCst);
        if !self.runs() {
            thread::park_timeout(length);
        }
        self.rests.store(false, Ordering::SeqCst);
    }

    #[cfg(test)]
    pub(crate) fn until_it_rests(&self) {
        while !self.rests.load(Ordering::SeqCst) {
            thread::yield_now();
        }
    }

    fn runs(&self) -> bool {
        self.ran.iter().any(|ran| ran.load(Ordering::SeqCst))
    }

    /// Whether a guest was let run since this was asked last.
    fn has_run(&self) -> bool {
        let mut has_run = false;
        for ran in self.ran.iter() {
            if ran.load(Ordering::SeqCst) {
                ran.store(false, Ordering::SeqCst);
                has_run = true;
            }
        }
        has_run
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LENGTH: Duration = Duration::from_micros(1);
    /// Longer than any test waits.
    const FOR_EVER: Duration = Duration::from_secs(3600);
    const PATIENCE: Duration = Duration::from_secs(120);

    #[test]
    fn it_rests_while_no_guest_runs_and_none_is_missed() {
        let (ticks, ticked) = mpsc::channel();
        let tick = move || ticks.send(()).unwrap();
        let ticker = Ticker::start(LENGTH, FOR_EVER, tick).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..100 {
                        // In the middle of falling asleep as well.
                        if round % 2 == 0 {
                            ticker.pulse.until_it_rests();
                        }
                        ticker.pulse.guest_runs();
                    }
                });
            }
        });
        ticker.pulse.until_it_rests();
        ticked.try_iter().for_each(drop);
        ticker.pulse.guest_runs();
        for _ in 0..QUIET {
            ticked.recv_timeout(PATIENCE).unwrap();
        }
    }

    #[test]
    fn at_rest_it_still_ticks_now_and_then() {
        let (ticks, ticked) = mpsc::channel();
        let ticker = Ticker::start(LENGTH, LENGTH, move || ticks.send(()).unwrap()).unwrap();
        ticker.pulse.until_it_rests();
        ticked.try_iter().for_each(drop);
        for _ in 0..3 {
            ticked.recv_timeout(PATIENCE).unwrap();
        }
    }

    #[test]
    fn it_ends_when_it_is_dropped_at_rest_or_not() {
        for rests in [true, false] {
            let (ticks, ticked) = mpsc::channel::<()>();
            let tick = move || ticks.send(()).unwrap();
            let ticker = Ticker::start(LENGTH, FOR_EVER, tick).unwrap();
            if rests {
                ticker.pulse.until_it_rests();
            }
            drop(ticker);
            ticked.try_iter().for_each(drop);
            assert_eq!(ticked.recv(), Err(mpsc::RecvError), "the thread is gone");
        }
    }
}
