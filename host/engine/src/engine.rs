//! What all capsules of a host share.

use std::{
    hash::{Hash, Hasher},
    io,
    sync::{Arc, atomic::AtomicUsize},
};

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
    component::{HasSelf, Linker},
};

use crate::{
    bindings,
    config::{ConfigError, EngineConfig},
    memory::TABLE_ELEMENTS,
    pool::Pool,
    state::State,
    ticker::Ticker,
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
/// Places of the pool that are never given out: one that was given up is free
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

/// Compiles capsules and runs them. Cheap to clone; the clones share all
/// limits.
#[derive(Clone, Debug)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) config: EngineConfig,
    pub(crate) pool: Arc<Pool>,
    /// Compilations under way, also those nobody waits for any more.
    pub(crate) compiling: Arc<AtomicUsize>,
    /// Names the settings that compiled code depends on.
    pub(crate) compatibility: blake3::Hash,
    _ticker: Ticker,
}

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A setting is out of its range.
    #[error("in the engine's configuration: {0}")]
    Config(#[from] ConfigError),
    /// The address space could not be reserved, or this machine cannot run
    /// compiled code.
    #[error(
        "the WebAssembly engine does not start: {reason}; \
         it reserves about {tebibytes:.1} TiB of address space for {max_instances} instances: \
         lower `max_instances` where that is limited (`ulimit -v`)"
    )]
    Start {
        /// What wasmtime says.
        reason: String,
        /// The instances asked for.
        max_instances: u32,
        /// What they reserve.
        tebibytes: f64,
    },
    /// The host's functions do not fit the contract that is compiled in.
    #[error("the host's functions cannot be linked: {reason}")]
    Link {
        /// What wasmtime says.
        reason: String,
    },
    /// The thread that ticks could not be started.
    #[error("the engine's clock does not start: {0}")]
    Clock(#[from] io::Error),
}

/// Feeds a hash of wasmtime's to blake3, whose digest is long enough to be a
/// name.
struct Digest(blake3::Hasher);

// === impl Engine ===

impl Engine {
    /// An engine that uses at most what `config` says, with a thread of its
    /// own that ends with the last clone and the last capsule.
    ///
    /// Takes some milliseconds.
    ///
    /// # Errors
    ///
    /// [`EngineError`] says what to change.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        config.validate()?;
        let start = |e: wasmtime::Error| EngineError::Start {
            reason: format!("{e:#}"),
            max_instances: config.max_instances,
            tebibytes: f64::from(config.max_instances) * RESERVATION as f64 / (1_u64 << 40) as f64,
        };
        let wasmtime = wasmtime::Engine::new(&settings(&config)).map_err(start)?;
        let linker = linker(&wasmtime).map_err(|e| EngineError::Link {
            reason: format!("{e:#}"),
        })?;
        let mut digest = Digest(blake3::Hasher::new());
        wasmtime.precompile_compatibility_hash().hash(&mut digest);
        Ok(Self(Arc::new(Inner {
            linker,
            pool: Arc::new(Pool::new(config.max_instances, config.memory_budget)),
            compiling: Arc::default(),
            compatibility: digest.0.finalize(),
            _ticker: Ticker::start(wasmtime.clone(), config.tick)?,
            wasmtime,
            config,
        })))
    }

    /// How many idle instances were given up so that others could be made.
    pub fn evicted(&self) -> u64 {
        self.0.pool.evicted()
    }

    /// Bytes in use by the memories and tables of all live instances.
    pub fn memory_used(&self) -> usize {
        self.0.pool.memory_used()
    }
}

// === impl Inner ===

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("config", &self.config)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

fn settings(config: &EngineConfig) -> Config {
    let places = config.max_instances.saturating_add(SPARE);
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

/// All that the host can offer. What a capsule gets of it is checked when it
/// is loaded.
fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    bindings::Capsule::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

// === impl Digest ===

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Required by the trait; the name is the whole digest.
    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.0.finalize().as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}
