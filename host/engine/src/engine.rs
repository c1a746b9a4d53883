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
    fn resting(config: EngineConfig, rest: Duration) -> Result<Self, EngineError> {
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use capsule_core::{
        hook::{Call, ErrorKind, Hook as _, HookError, Verdict},
        types::{Draft, Topic},
    };
    use tokio::{runtime, time::Instant};

    use super::*;
    use crate::{Capsule, CapsuleSpec, InstanceMode, guests};

    /// Longer than any test waits.
    const FOR_EVER: Duration = Duration::from_secs(3600);
    const TICK: Duration = Duration::from_micros(50);
    /// Many times as long as it takes the clock to rest.
    const TIME: Duration = Duration::from_millis(200);
    const PATIENCE: Duration = Duration::from_secs(120);

    /// Answers once, and then never.
    const LATER: &str = r#"
        (global $asked (mut i32) (i32.const 0))
        (func (export "hook") (param i32 i32 i32 i32) (result i32)
          (loop $again (br_if $again (global.get $asked)))
          (global.set $asked (i32.const 1))
          (i32.const 0))"#;

    fn spec(instance: InstanceMode) -> CapsuleSpec {
        CapsuleSpec {
            id: "endless".into(),
            instance,
            limits: Default::default(),
            grants: Default::default(),
            config_json: "{}".into(),
            outlet: None,
        }
    }

    async fn ask(capsule: &Capsule) -> Result<Verdict, HookError> {
        let call = Call {
            action: "check",
            event: &Draft::new(Topic::new("test.event").unwrap()).into_event(0),
            payload: &Default::default(),
            started: Instant::now(),
            deadline: Instant::now() + TIME,
        };
        capsule.call(call).await
    }

    /// Rule: limits for each capsule: wall time.
    #[test]
    fn the_clock_wakes_for_a_guest_and_does_not_rest_while_one_computes() {
        for (wasm, answers) in [
            (guests::wasm("loop"), 0),
            (guests::wasm("loop-start"), 0),
            (guests::bytes(&guests::shell("", LATER)), 1),
        ] {
            let config = EngineConfig {
                max_instances: 1,
                tick: TICK,
                ..EngineConfig::default()
            };
            let engine = Engine::resting(config, FOR_EVER).unwrap();
            let capsule = engine.load(&wasm, spec(InstanceMode::Shared), None);
            let capsule = capsule.unwrap();
            let (done, kinds) = mpsc::channel();
            // Not joined: one that is not stopped would never end.
            thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_time().build();
                let runtime = runtime.unwrap();
                for _ in 0..=answers {
                    engine.0.ticker.pulse().until_it_rests();
                    let answer = runtime.block_on(ask(&capsule));
                    done.send(answer.err().map(|e| e.kind)).unwrap();
                }
            });
            let kinds = (0..=answers).map(|_| kinds.recv_timeout(PATIENCE).unwrap());
            let kinds: Vec<_> = kinds.collect();
            assert_eq!(kinds.last(), Some(&Some(ErrorKind::Timeout)), "{kinds:?}");
            assert_eq!(kinds.iter().filter(|kind| kind.is_none()).count(), answers);
        }
    }
}
