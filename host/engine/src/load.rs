//! From bytes to a capsule that can be called.

use std::{collections::BTreeMap, io, time::Duration};

use wasmtime::component::Component;

use crate::{
    actions,
    cache::ModuleCache,
    call::{Capsule, Parts},
    compile,
    engine::Engine,
    home::Home,
    imports,
    machines::{MAX_MEMORIES, MAX_TABLES, TABLES_PER_PLACE},
    memory::TABLE_ELEMENTS,
    seats::Seats,
    spec::{CapsuleSpec, Limits},
    state::Shared,
};

/// Bytes of a page of linear memory.
const PAGE: u64 = 64 << 10;

/// Why a module is not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is larger than the host reads.
    #[error("the module has {bytes} bytes; the host reads at most {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The engine's `max_module_bytes`.
        limit: usize,
    },
    /// WebAssembly, but not a component.
    #[error("this is a core module; make it a component with `capsule build`")]
    CoreModule,
    /// Something else altogether.
    #[error("this is not a WebAssembly component: its first bytes say so")]
    NotWasm,
    /// It does not validate, or needs what the engine does not have.
    #[error("the component is not valid: {reason}")]
    Invalid {
        /// What the compiler says.
        reason: String,
    },
    /// Compiling took too long. It goes on in the background, for nothing.
    #[error(
        "compiling took longer than {limit:?}; raise `compile_timeout_ms` under [engine] in \
         host.toml, or make the module smaller"
    )]
    CompileTimeout {
        /// The engine's `compile_timeout`.
        limit: Duration,
    },
    /// Too many other compilations have not ended.
    #[error("too many modules are being compiled at once; try again later")]
    Busy,
    /// A defect of the compiler.
    #[error("the compiler panicked on this component")]
    CompilerPanicked,
    /// No thread to compile on.
    #[error("no thread to compile on: {0}")]
    Thread(io::Error),
    /// The component imports what no host offers.
    #[error(
        "the component imports `{import}`, which the host does not have; it offers \
         `capsule:host/` bus, config, context and log `@0.1.0`, and WASI 0.2 without http"
    )]
    UnknownImport {
        /// The import.
        import: String,
    },
    /// The component imports what its manifest does not grant.
    #[error("the component imports `{import}`, which its manifest does not grant: `{remedy}`")]
    NotGranted {
        /// The import.
        import: String,
        /// What would grant it.
        remedy: &'static str,
    },
    /// The component was made for another version of the contract.
    #[error("the component has `{found}`, and this host speaks `{wanted}`; rebuild it for that")]
    WrongVersion {
        /// What the component says.
        found: String,
        /// What it must say.
        wanted: String,
    },
    /// The component has no hook.
    #[error("the component does not export `{wanted}`; it exports {}", list(found))]
    MissingExport {
        /// The export that makes a component a capsule.
        wanted: String,
        /// Some of its exports.
        found: Vec<String>,
    },
    /// The hook is something else than the contract says.
    #[error(
        "the component's `hook` does not fit \
         `func(action: string, payload: list<u8>) -> result<verdict, string>`: {reason}"
    )]
    WrongHook {
        /// What differs.
        reason: String,
    },
    /// An import has the right name and not the right functions.
    #[error("the component's imports do not fit the host's: {reason}")]
    Link {
        /// What differs.
        reason: String,
    },
    /// What its memory begins with cannot be kept ready: it takes a file.
    #[error("the component's data cannot be laid ready: {reason}; see `ulimit -n`")]
    Image {
        /// What the system says.
        reason: String,
    },
    /// It needs more than it may have before it has done anything.
    #[error("the component needs {needed} {what}; it may have {limit}{remedy}")]
    Resources {
        /// Of what.
        what: &'static str,
        /// How much it needs.
        needed: u64,
        /// How much it may have.
        limit: u64,
        /// How to let it have more, or nothing.
        remedy: &'static str,
    },
    /// The capsule's limits do not fit the engine's.
    #[error("the limit `{key}` is {found}; this host allows {wanted}")]
    Limits {
        /// The limit.
        key: &'static str,
        /// Its value.
        found: u64,
        /// What it may be.
        wanted: String,
    },
    /// The configuration is not a JSON object.
    #[error("the capsule's configuration is not a JSON object: {0}")]
    Config(serde_json::Error),
    /// The list of actions cannot be read.
    #[error("the component's section `capsule-actions` cannot be read: {reason}")]
    Actions {
        /// Why not.
        reason: String,
    },
}

// === impl Engine ===

impl Engine {
    /// Compiles a component, or takes it from the cache, and checks all that
    /// can be checked before it runs.
    ///
    /// Blocks for as long as compiling takes, up to the engine's
    /// `compile_timeout`: call it where that does no harm.
    ///
    /// # Errors
    ///
    /// [`LoadError`] says what is wrong with the component or its limits.
    pub fn load(
        &self,
        wasm: &[u8],
        spec: CapsuleSpec,
        cache: Option<&ModuleCache>,
    ) -> Result<Capsule, LoadError> {
        self.check_limits(&spec.limits)?;
        let config: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&spec.config_json).map_err(LoadError::Config)?;
        let engine = &*self.0;
        let component = compile::component(engine, wasm, cache)?;
        let ty = component.component_type();
        let first = engine.machines.first();
        imports::check_exports(&first.wasmtime, &ty)?;
        imports::check_imports(&first.wasmtime, &ty, &spec)?;
        let places = self.places(&component, &spec.limits)?;
        let link = |e: wasmtime::Error| LoadError::Link {
            reason: format!("{e:#}"),
        };
        let config = config.into_iter();
        let shared = Shared {
            config: config
                .map(|(key, value)| (key, value.to_string()))
                .collect(),
            spec,
        };
        let linked = first.linker.instantiate_pre(&component).map_err(link)?;
        // Now and not with the first instance: copies for other engines, which
        // may fail, then leave it what it takes.
        let image = component.initialize_copy_on_write_image();
        image.map_err(|e| LoadError::Image {
            reason: format!("{e:#}"),
        })?;
        let homes = Home::all(&engine.machines, linked, &shared);
        Ok(Capsule::new(Parts {
            engine: self.clone(),
            number: engine.pool.register(),
            homes: homes.map_err(link)?,
            places,
            wasi: imports::wants_wasi(&first.wasmtime, &ty),
            seats: shared.spec.limits.max_instances.map(Seats::new),
            actions: actions::read(wasm)?,
            spec: shared.spec,
        }))
    }

    fn check_limits(&self, limits: &Limits) -> Result<(), LoadError> {
        let config = &self.0.config;
        if !(1..=config.max_memory_per_instance).contains(&limits.memory_bytes) {
            return Err(LoadError::Limits {
                key: "memory in bytes",
                found: limits.memory_bytes as u64,
                wanted: format!("1 to {}", config.max_memory_per_instance),
            });
        }
        match limits.max_instances {
            Some(0) => Err(LoadError::Limits {
                key: "max_instances",
                found: 0,
                wanted: "at least 1".into(),
            }),
            _ => Ok(()),
        }
    }

    /// How many places one instance takes: the pool has one memory and a few
    /// tables for each, so that an instance with its places never lacks them.
    fn places(&self, component: &Component, limits: &Limits) -> Result<u32, LoadError> {
        let check = |what, needed: u64, limit: u64, remedy| {
            if needed <= limit {
                return Ok(());
            }
            Err(LoadError::Resources {
                what,
                needed,
                limit,
                remedy,
            })
        };
        // Unknown only for components that import modules, which are refused.
        let Some(needs) = component.resources_required() else {
            return Ok(1);
        };
        let (memories, tables) = (needs.num_memories, needs.num_tables);
        check("memories", memories.into(), MAX_MEMORIES.into(), "")?;
        check("tables", tables.into(), MAX_TABLES.into(), "")?;
        let elements = needs.max_initial_table_size.unwrap_or(0);
        check("elements in one table", elements, TABLE_ELEMENTS as u64, "")?;
        let pages = needs.max_initial_memory_size.unwrap_or(0);
        check(
            "bytes of memory to start with",
            pages.saturating_mul(PAGE),
            limits.memory_bytes as u64,
            "; raise `memory_mib` under [runtime]",
        )?;
        let places = memories.max(tables.div_ceil(TABLES_PER_PLACE)).max(1);
        let all = self.0.config.max_instances;
        check("places for instances", places.into(), all.into(), "")?;
        Ok(places)
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    format!("`{}`", names.join("`, `"))
}
