//! What the host keeps for one instance, and answers its imports with.

use std::{collections::BTreeMap, fmt, sync::Arc};

use capsule_core::{hook::Outlet, types::Event};
use parking_lot::Mutex;
use tokio::time::Instant;
use wasmtime::ResourceLimiter;
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
#[derive(Clone, Debug)]
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
    /// Times the call has asked the host for something.
    host_calls: u32,
    /// Made when the guest first logs.
    log: Option<Arc<Mutex<GuestLog>>>,
    /// Made when the guest first calls WASI.
    wasi: Option<Box<Wasi>>,
}

// === impl State ===

impl State {
    /// State for an instance that is to be made until `deadline`.
    pub(crate) fn new(shared: &Arc<Shared>, pool: &Arc<Pool>, deadline: Instant) -> Self {
        let limits = &shared.spec.limits;
        Self {
            shared: Arc::clone(shared),
            event: None,
            deadline,
            meter: Meter::new(limits.memory_bytes, pool),
            host_calls: 0,
            log: None,
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
    ///
    /// # Errors
    ///
    /// [`TooManyHostCalls`] if it is one more than the guest may make; it must
    /// not be answered then.
    pub(crate) fn count_host_call(&mut self) -> Result<(), TooManyHostCalls> {
        self.host_calls = self.host_calls.saturating_add(1);
        self.check_host_calls()
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

    /// Counts growth that a running hook asked for; what comes with an instance
    /// is no call of the guest's.
    fn count_growth(&mut self) -> Result<(), TooManyHostCalls> {
        match self.event {
            Some(_) => self.count_host_call(),
            None => Ok(()),
        }
    }

    /// Ends the call; nothing of its event is kept.
    pub(crate) fn end(&mut self) {
        self.event = None;
        if let Some(log) = &self.log {
            log.lock().end_call();
        }
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

    fn log(&mut self) -> &Arc<Mutex<GuestLog>> {
        let spec = &self.shared.spec;
        self.log.get_or_insert_with(|| {
            Arc::new(Mutex::new(GuestLog::new(
                Arc::clone(&spec.id),
                spec.limits.log_lines,
                spec.limits.log_line_bytes,
            )))
        })
    }

    /// Answers a call of the guest's with what `read` finds in its event; with
    /// nothing where no hook runs.
    fn event<T: Default>(&mut self, read: impl FnOnce(&Event) -> T) -> wasmtime::Result<T> {
        self.count_host_call()?;
        Ok(self.event.as_deref().map(read).unwrap_or_default())
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
    fn topic(&mut self) -> wasmtime::Result<String> {
        self.event(|event| event.topic.to_string())
    }

    fn principal(&mut self) -> wasmtime::Result<Option<String>> {
        self.event(|event| event.principal.as_ref().map(ToString::to_string))
    }

    fn session(&mut self) -> wasmtime::Result<Option<String>> {
        self.event(|event| event.session.as_ref().map(ToString::to_string))
    }

    fn event_id(&mut self) -> wasmtime::Result<String> {
        self.event(|event| event.id.to_string())
    }

    fn source(&mut self) -> wasmtime::Result<String> {
        let source = self.event(|event| event.source.as_ref().map(ToString::to_string))?;
        Ok(source.unwrap_or_default())
    }

    fn time_ms(&mut self) -> wasmtime::Result<u64> {
        self.event(Event::time_ms)
    }

    fn hops(&mut self) -> wasmtime::Result<u32> {
        self.event(|event| event.hops)
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u64> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.event(|_| u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn traceparent(&mut self) -> wasmtime::Result<Option<String>> {
        self.event(|event| event.traceparent.as_ref().map(ToString::to_string))
    }
}

impl config::Host for State {
    fn all(&mut self) -> wasmtime::Result<String> {
        self.count_host_call()?;
        Ok(self.shared.spec.config_json.to_string())
    }

    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.count_host_call()?;
        Ok(self.shared.config.get(&key).cloned())
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        self.log().lock().line(level, &message);
        Ok(())
    }
}

impl WasiView for State {
    /// Called once in each call of WASI's functions, which is how they are
    /// counted. It cannot refuse: the store's hook ends the call behind it.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.host_calls = self.host_calls.saturating_add(1);
        let (grants, log) = (self.grants(), Arc::clone(self.log()));
        self.wasi
            .get_or_insert_with(|| Box::new(Wasi::new(grants, log)))
            .view()
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.count_growth()?;
        self.meter.memory_growing(current, desired, maximum)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.count_growth()?;
        self.meter.table_growing(current, desired, maximum)
    }
}
