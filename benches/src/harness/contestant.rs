//! What is measured.

use std::{fmt, time::Duration};

use crate::{BenchError, machine::Stopwatch};

type Run<'a> = Box<dyn FnMut(u64) -> Result<Duration, BenchError> + 'a>;

/// One way to do something, to be measured beside others.
pub struct Contestant<'a> {
    pub(super) name: String,
    pub(super) run: Run<'a>,
}

// === impl Contestant ===

impl<'a> Contestant<'a> {
    /// Does it as often as `run` is asked to; all of that is timed.
    pub fn new(
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
        run: impl FnMut(u64) -> Result<Duration, BenchError> + 'a,
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
