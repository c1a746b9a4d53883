//! The clock that makes guests give the thread back.

use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{Builder, JoinHandle},
    time::Duration,
};

/// Advances the epochs of all wasmtime engines of a host, until it is dropped.
///
/// An OS thread: were it a task, a runtime whose workers all run guests could
/// not tick, and no guest would ever give its worker back.
#[derive(Debug)]
pub(crate) struct Ticker {
    /// Dropping it wakes and ends the thread. `None` only while dropping.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Ticker ===

impl Ticker {
    /// The thread's name, as the operating system shows it.
    pub(crate) const THREAD: &str = "capsule-tick";

    pub(crate) fn start(
        engines: impl Iterator<Item = wasmtime::Engine>,
        tick: Duration,
    ) -> io::Result<Self> {
        let engines: Vec<_> = engines.collect();
        let (stop, stopped) = mpsc::channel();
        let thread = Builder::new().name(Self::THREAD.into()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(tick) {
                for engine in &engines {
                    engine.increment_epoch();
                }
            }
        })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}
