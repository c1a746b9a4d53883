//! What the host keeps for one instance, and answers its imports with.

use std::{collections::BTreeMap, fmt, sync::Arc};

use capsule_core::{hook::Outlet, types::Event};
use parking_lot::Mutex;
use tokio::time::Instant;
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::{
    bindings::capsule::host::{config, context, log, types},
    log::GuestLog,
    memory::Meter,
    pool::Pool,
    spec::{CapsuleSpec, Grants, Limits},
    wasi::Wasi,
};

/// What all instances of a capsule read.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spec: CapsuleSpec,
    /// Each key of the configuration, as JSON.
    pub(crate) config: BTreeMap<String, String>,
}

/// The guest has called the host more often than a call may.
#[derive(Debug, thiserror::Error)]
#[error("it called the host more than {limit} times (`max_host_calls` under [runtime])")]
pub(crate) struct TooManyHostCalls {
    limit: u32,
}

/// The data of one wasmtime store.
pub(crate) struct State {
    shared: Arc<Shared>,
    /// The event the running hook is asked about.
    event: Option<Arc<Event>>,
    deadline: Instant,
    pub(crate) meter: Meter,
    /// Times the call has left the guest.
    host_calls: u32,
    log: Arc<Mutex<GuestLog>>,
    /// Made when the guest first calls WASI.
    wasi: Option<Box<Wasi>>,
}

// === impl State ===

impl State {
    /// State for an instance that is to be made until `deadline`.
    pub(crate) fn new(shared: &Arc<Shared>, pool: &Arc<Pool>, deadline: Instant) -> Self {
        let limits = &shared.spec.limits;
        let log = GuestLog::new(
            Arc::clone(&shared.spec.id),
            limits.log_lines,
            limits.log_line_bytes,
        );
        Self {
            shared: Arc::clone(shared),
            event: None,
            deadline,
            meter: Meter::new(limits.memory_bytes, pool),
            host_calls: 0,
            log: Arc::new(Mutex::new(log)),
            wasi: None,
        }
    }

    /// Begins a call about `event` that ends at `deadline`.
    pub(crate) fn begin(&mut self, event: &Arc<Event>, deadline: Instant) {
        self.event = Some(Arc::clone(event));
        self.deadline = deadline;
        self.meter.forget();
        self.host_calls = 0;
    }

    /// Counts one call of the host.
    pub(crate) fn count_host_call(&mut self) {
        self.host_calls = self.host_calls.saturating_add(1);
    }

    /// Takes back the count of a call that was the engine's, not the guest's.
    pub(crate) fn uncount_host_call(&mut self) {
        self.host_calls = self.host_calls.saturating_sub(1);
    }

    /// # Errors
    ///
    /// [`TooManyHostCalls`] if the guest has called more often than it may.
    pub(crate) fn check_host_calls(&self) -> Result<(), TooManyHostCalls> {
        let limit = self.shared.spec.limits.host_calls;
        if self.host_calls > limit {
            return Err(TooManyHostCalls { limit });
        }
        Ok(())
    }

    /// Ends the call; nothing of its event is kept.
    pub(crate) fn end(&mut self) {
        self.event = None;
        self.log.lock().end_call();
    }

    /// Whether the time of the call is up.
    pub(crate) fn overdue(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// When the time of the call is up.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The door to the bus, and the event on whose behalf it is used; `None`
    /// where there is none, or no hook runs.
    pub(crate) fn outlet(&self) -> Option<(&dyn Outlet, &Arc<Event>)> {
        Some((self.shared.spec.outlet.as_deref()?, self.event.as_ref()?))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.spec.limits
    }

    fn grants(&self) -> Grants {
        self.shared.spec.grants
    }

    fn event<T: Default>(&self, read: impl FnOnce(&Event) -> T) -> T {
        self.event.as_deref().map(read).unwrap_or_default()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("capsule", &self.shared.spec.id)
            .field("event", &self.event)
            .field("meter", &self.meter)
            .finish_non_exhaustive()
    }
}

impl types::Host for State {}

impl context::Host for State {
    fn topic(&mut self) -> String {
        self.event(|event| event.topic.to_string())
    }

    fn principal(&mut self) -> Option<String> {
        self.event(|event| event.principal.as_ref().map(ToString::to_string))
    }

    fn session(&mut self) -> Option<String> {
        self.event(|event| event.session.as_ref().map(ToString::to_string))
    }

    fn event_id(&mut self) -> String {
        self.event(|event| event.id.to_string())
    }

    fn source(&mut self) -> String {
        self.event(|event| event.source.as_ref().map(ToString::to_string))
            .unwrap_or_default()
    }

    fn time_ms(&mut self) -> u64 {
        self.event(Event::time_ms)
    }

    fn hops(&mut self) -> u32 {
        self.event(|event| event.hops)
    }

    fn remaining_ms(&mut self) -> u64 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.event(|_| u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn traceparent(&mut self) -> Option<String> {
        self.event(|event| event.traceparent.as_ref().map(ToString::to_string))
    }
}

impl config::Host for State {
    fn all(&mut self) -> String {
        self.shared.spec.config_json.to_string()
    }

    fn get(&mut self, key: String) -> Option<String> {
        self.shared.config.get(&key).cloned()
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) {
        self.log.lock().line(level, &message);
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let grants = self.grants();
        self.wasi
            .get_or_insert_with(|| Box::new(Wasi::new(grants, &self.log)))
            .view()
    }
}
