//! What is measured.

use std::{fmt, time::Duration};

use crate::{
    BenchError,
    machine::{Stopwatch, ThreadWatch},
};

type Run<'a> = Box<dyn FnMut(u64) -> Result<Took, BenchError> + 'a>;

/// One way to do something, to be measured beside others.
pub struct Contestant<'a> {
    pub(super) name: String,
    pub(super) run: Run<'a>,
}

/// How long something took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    /// By the clock that counts.
    pub(super) time: Duration,
    /// By the clock on the wall.
    pub(super) wall: Duration,
}

// === impl Contestant ===

impl<'a> Contestant<'a> {
    /// Does it as often as `run` is asked to, all of it on this thread and
    /// without waiting for anybody: what counts is the time that the thread
    /// has had of a processor, so that others who are busy do not count.
    ///
    /// The time on the wall is measured as well; where the two are far apart
    /// on an idle machine, it waits after all.
    pub fn on_thread(
        name: impl Into<String>,
        mut run: impl FnMut(u64) -> Result<(), BenchError> + 'a,
    ) -> Self {
        Self::measured(name, move |times| {
            let (wall, own) = (Stopwatch::start(), ThreadWatch::start());
            run(times)?;
            Ok(Took {
                time: own.elapsed(),
                wall: wall.elapsed(),
            })
        })
    }

    /// Does it as often as `run` is asked to; what counts is the time on the
    /// wall.
    pub fn on_wall(
        name: impl Into<String>,
        mut run: impl FnMut(u64) -> Result<(), BenchError> + 'a,
    ) -> Self {
        Self::timed(name, move |times| {
            let watch = Stopwatch::start();
            run(times)?;
            Ok(watch.elapsed())
        })
    }

    /// Does it as often as `run` is asked to, and says how long that took:
    /// for what has to be made ready each time.
    pub fn timed(
        name: impl Into<String>,
        mut run: impl FnMut(u64) -> Result<Duration, BenchError> + 'a,
    ) -> Self {
        Self::measured(name, move |times| {
            let time = run(times)?;
            Ok(Took { time, wall: time })
        })
    }

    fn measured(
        name: impl Into<String>,
        run: impl FnMut(u64) -> Result<Took, BenchError> + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

impl fmt::Debug for Contestant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contestant")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
