//! What all capsules of a host share.

use std::{
    hash::{Hash, Hasher},
    io,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use crate::{
    config::{ConfigError, EngineConfig},
    machines::Machines,
    pool::Pool,
    ticker::{self, Ticker},
};

/// Compiles capsules and runs them. Cheap to clone; the clones share all
/// limits.
#[derive(Clone, Debug)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) machines: Machines,
    pub(crate) config: EngineConfig,
    pub(crate) pool: Arc<Pool>,
    /// Compilations under way, also those nobody waits for any more.
    pub(crate) compiling: Arc<AtomicUsize>,
    /// Names the settings that compiled code depends on.
    pub(crate) compatibility: blake3::Hash,
    pub(crate) ticker: Ticker,
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
        Self::resting(config, ticker::REST)
    }

    /// One whose clock rests for so long at a time.
    pub(crate) fn resting(config: EngineConfig, rest: Duration) -> Result<Self, EngineError> {
        config.validate()?;
        let machines = Machines::new(&config)?;
        let first = &machines.first().wasmtime;
        let mut digest = Digest(blake3::Hasher::new());
        first.precompile_compatibility_hash().hash(&mut digest);
        Ok(Self(Arc::new(Inner {
            pool: Arc::new(Pool::new(config.max_instances, config.memory_budget)),
            compiling: Arc::default(),
            compatibility: digest.0.finalize(),
            ticker: Ticker::start(config.tick, rest, machines.ticking())?,
            machines,
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
