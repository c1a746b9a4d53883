//! A loaded capsule, and how it answers.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

use capsule_core::hook::{Call, ErrorKind, Hook, HookError, HookFuture, Verdict};
use tokio::time::{Instant, timeout_at};
use wasmtime::{CallHook, Store, UpdateDeadline};

use crate::{
    bindings::capsule::host::types,
    engine::Engine,
    error::{self, Phase, classify},
    home::Home,
    live::{Counted, Live, Places},
    processors::PerProcessor,
    seats::Seats,
    spec::{CapsuleSpec, InstanceMode},
    state::State,
};

/// Handles of the component model that one instance may hold at once. No
/// setting: the contract has no resources, so any number is more than enough.
const MAX_HANDLES: usize = 10_000;
/// Ticks that a guest may compute before it first gives the thread back; how
/// long one is, is the setting.
pub(crate) const FIRST_SLICE: u32 = 10;
/// Calls in a row away from its engine after which an instance is given up, so
/// that the next one is made where it is used. Making one takes as long as some
/// ten calls: next to nothing for each of so many.
const MOST_AWAY: u32 = 1000;

/// A component that is compiled and checked, and its instances.
///
/// Dropping it drops its idle instances.
pub struct Capsule(Parts);

/// What a capsule consists of.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    /// Its number in the pool.
    pub(crate) number: u64,
    pub(crate) spec: CapsuleSpec,
    pub(crate) homes: PerProcessor<Home>,
    /// Whether it imports anything of WASI.
    pub(crate) wasi: bool,
    /// How many of the host's places one instance takes.
    pub(crate) places: u32,
    /// The capsule's own places, where its manifest limits them.
    pub(crate) seats: Option<Seats>,
    pub(crate) actions: Option<Vec<String>>,
}

// === impl Capsule ===

impl Capsule {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(parts)
    }

    /// The capsule's id.
    pub fn id(&self) -> &Arc<str> {
        &self.0.spec.id
    }

    /// How many instances are alive, busy or idle.
    pub fn instances(&self) -> usize {
        let homes = self.0.homes.iter();
        homes.map(|home| home.live.load(Ordering::Relaxed)).sum()
    }

    /// The actions that the component says it handles, in its order; `None` if
    /// it does not say.
    pub fn actions(&self) -> Option<&[String]> {
        self.0.actions.as_deref()
    }

    fn mode(&self) -> InstanceMode {
        self.0.spec.instance
    }

    /// How many ticks a guest may compute before it first gives the thread
    /// back; from then on it does so at every tick.
    ///
    /// Most hooks end within the first slice, and so never wait behind others
    /// while their own time runs. It does not go beyond the deadline.
    fn first_slice(&self, now: Instant, deadline: Instant) -> u64 {
        let tick = self.0.engine.0.config.tick;
        let left = deadline.saturating_duration_since(now);
        if left >= tick.saturating_mul(FIRST_SLICE) {
            return FIRST_SLICE.into();
        }
        let ticks = left.as_nanos().div_ceil(tick.as_nanos().max(1));
        u64::try_from(ticks).map_or(FIRST_SLICE.into(), |ticks| ticks.max(1))
    }

    /// Whether an instance that was called here is to be kept: not one that is
    /// used where another engine is at home, again and again. Threads that use
    /// instances of one engine wait for each other in it.
    fn keeps(&self, live: &mut Live) -> bool {
        let is_home = wasmtime::Engine::same(live.store.engine(), self.0.homes.mine().engine());
        live.away = if is_home { 0 } else { live.away + 1 };
        live.away < MOST_AWAY
    }

    /// Polls `guest`, each time after a mark, so that the clock does not rest
    /// while it runs.
    fn marked<T>(&self, mut guest: Pin<&mut impl Future<Output = T>>) -> impl Future<Output = T> {
        let pulse = self.0.engine.0.ticker.pulse();
        poll_fn(move |cx| {
            pulse.mark();
            guest.as_mut().poll(cx)
        })
    }

    async fn make(&self, call: &Call<'_>) -> Result<Box<Live>, HookError> {
        let deadline = call.deadline;
        let Parts {
            engine,
            homes,
            spec,
            ..
        } = &self.0;
        let home = homes.mine();
        let places = self.places_until(deadline, home).await.ok_or_else(|| {
            HookError::new(ErrorKind::Unavailable, "no instance became free in time")
        })?;
        let state = State::new(&home.shared, &engine.0.pool, deadline);
        let code = home.code();
        let mut store = Store::new(code.engine(), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(spec.limits.result_bytes);
        store.set_max_component_handles(MAX_HANDLES);
        store.set_epoch_deadline(self.first_slice(Instant::now(), deadline));
        if self.0.wasi {
            // WASI's functions are wasmtime's own, and this the one place that
            // can end a call behind them. Others do without: it takes longer
            // than all else that the host does for a call.
            store.call_hook(|cx, transition| match transition {
                CallHook::ReturningFromHost => Ok(cx.data().check_host_calls()?),
                _ => Ok(()),
            });
        }
        store.epoch_deadline_callback(|cx| {
            // The caller drops the future at the deadline; this is for one
            // that is late to do so.
            Ok(if cx.data().overdue() {
                UpdateDeadline::Interrupt
            } else {
                UpdateDeadline::Yield(1)
            })
        });
        let made = self.marked(pin!(code.instantiate_async(&mut store))).await;
        match made {
            Ok(exports) => Ok(Box::new(Live {
                store,
                exports,
                away: 0,
                _places: places,
            })),
            Err(e) => Err(classify(&e, &store.data().meter, Phase::Instantiate)),
        }
    }

    /// A timer is made only where there is none at once.
    async fn places_until(&self, deadline: Instant, home: &Home) -> Option<Places> {
        let mut places = pin!(self.take_places(home));
        match poll_fn(|cx| Poll::Ready(places.as_mut().poll(cx))).await {
            Poll::Ready(places) => places,
            Poll::Pending => timeout_at(deadline, places).await.ok().flatten(),
        }
    }

    /// The capsule's own place first: a capsule at its limit takes none of the
    /// host's while it waits.
    async fn take_places(&self, home: &Home) -> Option<Places> {
        let pool = &self.0.engine.0.pool;
        let capsule = match &self.0.seats {
            Some(seats) => Some(seats.take(1, || pool.evict_of(self.0.number)).await?),
            None => None,
        };
        Some(Places {
            _host: pool.seats.take(self.0.places, || pool.evict()).await?,
            _capsule: capsule,
            _count: Counted::new(&home.live),
        })
    }
}

impl Hook for Capsule {
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a> {
        // Not an async function: its future, which is moved into a box, would
        // hold the call twice.
        HookFuture::new(async move {
            let Parts { engine, number, .. } = &self.0;
            let pool = &engine.0.pool;
            let take = |owner| pool.take(*number, owner, call.started);
            let (lease, kept) = match self.mode() {
                InstanceMode::Fresh => None,
                InstanceMode::Principal => Some(take(&call.event.principal)),
                InstanceMode::Shared => Some(take(&None)),
            }
            .unzip();
            // Owned by this future until the guest has answered: whatever ends the
            // future earlier drops the instance and frees its slot.
            let (mut live, now) = match kept.flatten() {
                Some(live) => (live, call.started),
                None => (Box::pin(self.make(&call)).await?, Instant::now()),
            };
            live.store.data_mut().begin(call.event, call.deadline);
            live.store
                .set_epoch_deadline(self.first_slice(now, call.deadline));
            let hook = live.exports.capsule_host_interceptor();
            let answer = hook.call_hook(&mut live.store, call.action, call.payload);
            let answer = self.marked(pin!(answer)).await;
            let answer = answer.map_err(|e| classify(&e, &live.store.data().meter, Phase::Call))?;
            live.store.data_mut().end();
            if let Some(lease) = lease
                && self.keeps(&mut live)
            {
                lease.park(live, now);
                if self.0.seats.as_ref().is_some_and(Seats::wanted) {
                    pool.evict_of(*number);
                }
            }
            match answer {
                Ok(verdict) => Ok(verdict.into()),
                // The guest is as well as it was: it has only said no.
                Err(message) => Err(error::guest(&message)),
            }
        })
    }
}

impl Drop for Capsule {
    fn drop(&mut self) {
        self.0.engine.0.pool.purge(self.0.number);
    }
}

impl fmt::Debug for Capsule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capsule")
            .field("spec", &self.0.spec)
            .field("instances", &self.instances())
            .finish_non_exhaustive()
    }
}

impl From<types::Verdict> for Verdict {
    fn from(verdict: types::Verdict) -> Self {
        match verdict {
            types::Verdict::Continue(payload) => Self::Continue(payload.map(Into::into)),
            types::Verdict::Final(response) => Self::Final(response.into()),
            types::Verdict::Deny(reason) => Self::Deny(reason),
            types::Verdict::Skip => Self::Skip,
        }
    }
}
