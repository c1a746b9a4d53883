//! Where scenarios run: on all cores, or on one with a clock of its own.

use std::time::Duration;

use capsule_core::dispatch::Dispatcher;
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};

use crate::StressError;

/// Far longer than any scenario waits for the host to fall idle.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Runs `scenario` on as many threads as the machine has cores.
pub(crate) fn on_all_cores<T>(
    scenario: impl Future<Output = Result<T, StressError>>,
) -> Result<T, StressError> {
    Builder::new_multi_thread()
        .enable_time()
        .build()
        .map_err(StressError::io("no runtime"))?
        .block_on(scenario)
}

/// Runs `scenario` on one thread, in a time that stands still while anybody
/// has something to do and then jumps to whatever is due next, in steps of a
/// millisecond. What is timed is the same in every run.
pub(crate) fn in_virtual_time<T>(
    scenario: impl Future<Output = Result<T, StressError>>,
) -> Result<T, StressError> {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(StressError::io("no runtime"))?
        .block_on(scenario)
}

/// Waits until nothing is under way, without ending the host's intake.
pub(crate) async fn idle(dispatcher: &Dispatcher) -> Result<(), StressError> {
    let idle = async {
        while dispatcher.in_flight().events > 0 || dispatcher.principals() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, idle)
        .await
        .map_err(|_elapsed| StressError::Endless {
            what: "what is under way",
        })
}
