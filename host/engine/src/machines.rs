//! The wasmtime engines that instances live in.
//!
//! Threads that make or call instances of one wasmtime engine change the same
//! counts and take the same locks, so processors have engines of their own, as
//! far as the address space goes. All have the same settings, so that code that
//! was compiled for one fits all, and each has room for all instances: how many
//! there may be is the pool's to say, whichever engine they are in.

use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
    component::{HasSelf, Linker},
};

use crate::{
    bindings, config::EngineConfig, engine::EngineError, memory::TABLE_ELEMENTS, processors,
    state::State,
};

// No settings: they shape the pool, compiled code depends on them, and the
// cache with it. What may be tuned is in `EngineConfig`.

/// Linear memories one component may have, over all its modules.
pub(crate) const MAX_MEMORIES: u32 = 8;
/// Tables one component may have, over all its modules.
pub(crate) const MAX_TABLES: u32 = 32;
/// Tables that come with one place for an instance: a module's own, that of
/// its adapter, and two to spare.
pub(crate) const TABLES_PER_PLACE: u32 = 4;
/// Modules one component may instantiate. Languages that link dynamically need
/// dozens.
const MAX_CORE_INSTANCES: u32 = 128;
/// Places of an engine that are never given out: one that was given up is free
/// for the next only when its pages are, which another thread may see to.
const SPARE: u32 = 64;
/// What the host keeps per instance for functions, globals and the like, in
/// bytes: an interpreter's tables of functions take some hundred KiB.
const MAX_INSTANCE_DATA: usize = 4 << 20;
/// Stack that host functions have beyond the guest's, in bytes.
const HOST_STACK: usize = 1 << 20;
/// Address space of one memory, in bytes: with all that 32 bits can name set
/// aside, no access needs a check of its own.
const RESERVATION: u64 = 4 << 30;
/// Table bytes that stay resident after an instance is gone.
const TABLE_KEEP_RESIDENT: usize = 64 << 10;

/// Most engines: of hosts with many processors some share one, so that what a
/// capsule's code takes, and opens, stays small.
const MOST: usize = 4;
/// Address space that all engines together may reserve, in bytes: a quarter of
/// what a process has. More could not be used: a place that was once taken keeps
/// some six of the 65,530 mappings that Linux lets a process have.
const ROOM: u64 = 32 << 40;

/// The wasmtime engines of a host: one at least.
pub(crate) struct Machines {
    first: Arc<Machine>,
    others: Vec<Arc<Machine>>,
}

/// A wasmtime engine, and what it offers to instances.
pub(crate) struct Machine {
    pub(crate) wasmtime: Engine,
    pub(crate) linker: Linker<State>,
}

// === impl Machines ===

impl Machines {
    /// One for each processor, as far as there is room.
    ///
    /// # Errors
    ///
    /// Not even one can be made.
    pub(crate) fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let address_space = getrlimit(Resource::As).current;
        let count = count(processors::count(), places(config), address_space);
        // Each keeps pages of all places that were ever used in it.
        let config = &EngineConfig {
            keep_resident: config.keep_resident / count,
            ..config.clone()
        };
        let machines = Self::at_most(count, || Machine::new(config))?;
        tracing::debug!(engines = machines.all().count(), "the engine has started");
        Ok(machines)
    }

    /// So many, or as many as can be made: to do without others costs speed
    /// alone.
    fn at_most(
        count: usize,
        make: impl Fn() -> Result<Machine, EngineError>,
    ) -> Result<Self, EngineError> {
        let first = Arc::new(make()?);
        let others = (1..count).map_while(|_| make().ok());
        Ok(Self {
            first,
            others: others.map(Arc::new).collect(),
        })
    }

    /// The one that components are compiled for and checked with.
    pub(crate) fn first(&self) -> &Arc<Machine> {
        &self.first
    }

    /// What advances the epochs of all.
    pub(crate) fn ticking(&self) -> impl FnMut() + Send + use<> {
        let engines: Vec<_> = self.all().map(|on| on.wasmtime.clone()).collect();
        move || engines.iter().for_each(Engine::increment_epoch)
    }

    /// All of them, the first to begin with.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Machine>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

// === impl Machine ===

impl Machine {
    fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let engine = Engine::new(&settings(config)).map_err(|e| EngineError::Start {
            reason: format!("{e:#}"),
            max_instances: config.max_instances,
            tebibytes: f64::from(config.max_instances) * RESERVATION as f64 / (1_u64 << 40) as f64,
        })?;
        Self::of(engine).map_err(|e| EngineError::Link {
            reason: format!("{e:#}"),
        })
    }

    /// With all that the host can offer. What a capsule gets of it is checked
    /// when it is loaded.
    pub(crate) fn of(wasmtime: Engine) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&wasmtime);
        bindings::Capsule::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        Ok(Self { wasmtime, linker })
    }
}

/// How many engines of so many `places` each there are for so many
/// `processors`, in a process that may have so many bytes of `address_space`.
fn count(processors: usize, places: u32, address_space: Option<u64>) -> usize {
    // The other half is for everything else.
    let room = address_space.map_or(ROOM, |all| ROOM.min(all / 2));
    let most = room / (u64::from(places) * RESERVATION);
    let most = usize::try_from(most).unwrap_or(MOST);
    processors.min(MOST).min(most).max(1)
}

/// How many places each engine has.
fn places(config: &EngineConfig) -> u32 {
    config.max_instances.saturating_add(SPARE)
}

pub(crate) fn settings(config: &EngineConfig) -> Config {
    let places = places(config);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_core_instances(places.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(places)
        .total_tables(places.saturating_mul(TABLES_PER_PLACE))
        .total_stacks(places)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(MAX_TABLES)
        .max_component_instance_size(MAX_INSTANCE_DATA)
        .max_core_instance_size(MAX_INSTANCE_DATA)
        .max_memory_size(config.max_memory_per_instance)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(config.keep_resident)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    let mut settings = Config::new();
    settings
        // Component-model async costs a CPU-bound hook a microsecond a call.
        .concurrency_support(false)
        .epoch_interruption(true)
        .memory_reservation(RESERVATION)
        .max_wasm_stack(config.max_wasm_stack)
        .async_stack_size(config.max_wasm_stack + HOST_STACK)
        // Never read what the guest says about its own source files.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    settings
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, io};

    use wasmtime::component::Component;

    use super::*;
    use crate::cache;

    const TIB: u64 = 1 << 40;

    #[test]
    fn there_are_as_many_engines_as_processors_and_room() {
        let default = places(&EngineConfig::default());
        let cases = [
            ("one processor", 1, default, None, 1),
            ("two", 2, default, None, 2),
            ("many", 16, default, None, MOST),
            ("a large host", 16, 3_000, None, 2),
            ("the largest", 16, 16_384 + SPARE, None, 1),
            ("room for four", 16, default, Some(34 * TIB), 4),
            ("room for two", 16, default, Some(17 * TIB), 2),
            ("room for one", 16, default, Some(5 * TIB), 1),
            ("no room", 16, default, Some(0), 1),
            ("the smallest", 16, 1, Some(u64::MAX), MOST),
        ];
        for (name, processors, places, address_space, want) in cases {
            assert_eq!(count(processors, places, address_space), want, "{name}");
        }
    }

    fn small() -> EngineConfig {
        EngineConfig {
            max_instances: 1,
            ..EngineConfig::default()
        }
    }

    #[test]
    fn one_engine_is_enough_and_none_is_not() {
        for (made, want) in [(0_u32, None), (1, Some(1)), (3, Some(3)), (9, Some(4))] {
            let left = Cell::new(made);
            let make = || match left.replace(left.get().saturating_sub(1)) {
                0 => Err(EngineError::Clock(io::ErrorKind::OutOfMemory.into())),
                _ => Machine::new(&small()),
            };
            let machines = Machines::at_most(4, make).ok();
            assert_eq!(machines.map(|m| m.all().count()), want, "of {made}");
        }
    }

    #[test]
    fn engines_share_nothing_and_code_for_one_fits_all() {
        let machines = Machines::at_most(MOST, || Machine::new(&small())).unwrap();
        let first = machines.first();
        let wasm = wat::parse_str("(component (core module))").unwrap();
        let component = Component::new(&first.wasmtime, wasm).unwrap();
        for machine in machines.all().skip(1) {
            assert!(!Engine::same(&machine.wasmtime, &first.wasmtime));
            let copy = cache::copy(&machine.wasmtime, &component).unwrap();
            assert!(Engine::same(copy.engine(), &machine.wasmtime));
        }
    }
}
