//! Making a host.

use std::{
    env, fmt,
    path::PathBuf,
    sync::{Arc, Weak},
};

use capsule_core::{
    broker::Broker,
    dispatch::{DispatchConfig, Dispatcher, Subscription},
    subscribe::SubscribeOptions,
};
use capsule_engine::{CacheError, Engine, EngineError, ModuleCache};
use tracing::debug;

use super::{
    Host,
    capsules::{Capsules, warn_if_empty},
};
use crate::{
    config::HostConfig,
    registry::{CapsuleError, Generation, Loader, ScanError, scan},
    telemetry::Metrics,
};

/// Makes a [`Host`].
#[derive(Debug)]
#[must_use]
pub struct HostBuilder {
    config: HostConfig,
    dispatcher: Arc<Dispatcher>,
    broker: Arc<Broker>,
}

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Nobody said where the capsules are.
    #[error("no capsules directory; name one with `--capsules DIR` or `capsules` in host.toml")]
    NoDirectory,
    /// The capsules directory cannot be used.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no place for the cache.
    #[error(
        "no place to keep compiled modules: neither XDG_CACHE_HOME nor HOME is set; name one with \
         `--cache-dir DIR`, or do without with `--no-cache`"
    )]
    NoCacheDirectory,
    /// The cache's directory cannot be used.
    #[error("{error}; name another with `--cache-dir DIR`, or do without with `--no-cache`")]
    Cache {
        /// Why not.
        error: CacheError,
    },
    /// Capsules cannot be loaded.
    #[error("{}", Failures(.failures))]
    Capsules {
        /// Why not, each.
        failures: Vec<Arc<CapsuleError>>,
    },
}

struct Failures<'a>(&'a [Arc<CapsuleError>]);

// === impl HostBuilder ===

impl HostBuilder {
    /// Starts from `config`.
    pub fn new(config: HostConfig) -> Self {
        Self {
            dispatcher: Arc::new(Dispatcher::new(DispatchConfig {
                queue: config.queue.to_queue(),
                ..config.dispatch.to_dispatch()
            })),
            broker: Arc::new(Broker::new(config.hooks.to_broker())),
            config,
        }
    }

    /// Subscribes before the host starts, and so sees the start itself: which
    /// capsules are loaded and which are not.
    pub fn subscribe(&self, options: SubscribeOptions) -> Subscription {
        self.dispatcher.subscribe(options)
    }

    /// Sets the directory that holds one directory for each capsule.
    pub fn capsules(mut self, dir: impl Into<PathBuf>) -> Self {
        self.config.capsules = Some(dir.into());
        self
    }

    /// Sets where compiled modules are kept.
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.config.cache_dir = Some(dir.into());
        self
    }

    /// Keeps no compiled modules: each start compiles anew.
    pub fn no_cache(mut self) -> Self {
        self.config.no_cache = true;
        self
    }

    /// Starts without the capsules that cannot be loaded. Their guards deny
    /// every event they match, where their manifest can be read.
    pub fn keep_going(mut self) -> Self {
        self.config.keep_going = true;
        self
    }

    /// Starts the host: reads every manifest, compiles every module that is
    /// not in the cache. Blocks while it does; in an async program call it
    /// before the first event, or where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`StartError`]; one that names every capsule that cannot be loaded,
    /// unless [`keep_going`](Self::keep_going) is set.
    pub fn start(self) -> Result<Host, StartError> {
        let config = self.config;
        let root = config.capsules.as_ref().ok_or(StartError::NoDirectory)?;
        let found = scan(root)?;
        let loader = loader(&config, Arc::downgrade(&self.dispatcher))?;
        let (generation, loaded) = Generation::default().next(&loader, found);
        if !config.keep_going && generation.failures().next().is_some() {
            return Err(StartError::Capsules {
                failures: generation.failures().cloned().collect(),
            });
        }
        let metrics = Metrics {
            dispatcher: self.dispatcher.clone(),
            broker: self.broker.clone(),
            engine: loader.engine.clone(),
        };
        let capsules = Capsules::new(root.clone(), loader, self.dispatcher, self.broker);
        capsules.install(generation, &loaded);
        Ok(Host::new(metrics, capsules))
    }

    /// Reads and loads every capsule and reports on each, failed or not;
    /// nothing is started.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the directory, the cache or the engine cannot be
    /// used; what is wrong with one capsule is in its entry.
    pub fn check(self) -> Result<Generation, StartError> {
        let config = self.config;
        let root = config.capsules.as_deref().ok_or(StartError::NoDirectory)?;
        let found = scan(root)?;
        let loader = loader(&config, Weak::new())?;
        let (generation, _) = Generation::default().next(&loader, found);
        warn_if_empty(root, &generation);
        Ok(generation)
    }
}

impl Default for HostBuilder {
    fn default() -> Self {
        Self::new(HostConfig::default())
    }
}

fn loader(config: &HostConfig, dispatcher: Weak<Dispatcher>) -> Result<Loader, StartError> {
    let engine_config = config.engine.to_engine();
    let max_module_bytes = engine_config.max_module_bytes as u64;
    Ok(Loader {
        engine: Engine::new(engine_config)?,
        cache: open_cache(config)?,
        max_module_bytes,
        quarantine: config.quarantine.to_quarantine(),
        dispatcher,
    })
}

fn open_cache(config: &HostConfig) -> Result<Option<ModuleCache>, StartError> {
    if config.no_cache {
        return Ok(None);
    }
    let dir = match &config.cache_dir {
        Some(dir) => dir.clone(),
        None => user_cache().ok_or(StartError::NoCacheDirectory)?,
    };
    debug!("compiled modules are kept in {}", dir.display());
    match ModuleCache::open(&dir) {
        Ok(cache) => Ok(Some(cache)),
        Err(error) => Err(StartError::Cache { error }),
    }
}

/// `$XDG_CACHE_HOME/capsule/modules`, or the same under `~/.cache`, as the XDG
/// base directory specification has it.
fn user_cache() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .map(|cache| cache.join("capsule").join("modules"))
}

// === impl Failures ===

impl fmt::Display for Failures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [_] => f.write_str("a capsule cannot be loaded")?,
            many => write!(f, "{} capsules cannot be loaded", many.len())?,
        }
        f.write_str(" (`--keep-going` starts without it, and its guards deny):")?;
        self.0
            .iter()
            .try_for_each(|failure| write!(f, "\n{failure}"))
    }
}
