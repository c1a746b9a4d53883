//! From a manifest to a capsule that answers.

use std::{
    fmt::Write,
    fs, io,
    sync::{Arc, Weak},
};

use capsule_core::{
    dispatch::{CapsuleOutlet, Dispatcher, OutletGrants},
    hook::Outlet,
    quarantine::QuarantineConfig,
};
use capsule_engine::{Capsule, CapsuleSpec, Engine, Grants, InstanceMode, Limits, ModuleCache};
use capsule_manifest::{AnsweredBy, Capabilities, Instance, Manifest, Module};

use super::{
    CapsuleError,
    fingerprint::{Digest, Fingerprint, digest},
    generation::State,
    scan::{Place, read_file},
};

/// Loads capsules into one engine.
#[derive(Debug)]
pub(crate) struct Loader {
    /// Where they run.
    pub(crate) engine: Engine,
    /// Where compiled modules are kept.
    pub(crate) cache: Option<ModuleCache>,
    /// The largest module that is read, in bytes.
    pub(crate) max_module_bytes: u64,
    /// When a capsule that keeps failing is taken out, if ever.
    pub(crate) quarantine: Option<QuarantineConfig>,
    /// Where they publish. Not kept alive by them: it keeps them alive. Without
    /// one, what they publish is refused.
    pub(crate) dispatcher: Weak<Dispatcher>,
}

/// What a capsule is made from.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its module; empty where a hook answers.
    wasm: Vec<u8>,
    /// Differs from that of any other.
    pub(crate) fingerprint: Fingerprint,
}

// === impl Loader ===

impl Loader {
    /// Reads what the capsule is made from.
    ///
    /// # Errors
    ///
    /// [`CapsuleError`] says what is wrong and where.
    pub(crate) fn read(
        &self,
        place: &Place,
        manifest: &Manifest,
        text: Digest,
    ) -> Result<Source, CapsuleError> {
        let AnsweredBy::Module(module) = &manifest.capsule.answered_by else {
            return Ok(Source {
                wasm: Vec::new(),
                fingerprint: Fingerprint::new(text, None),
            });
        };
        if let Some(key) = not_offered(&manifest.capabilities) {
            return Err(CapsuleError::NotOffered {
                at: place.at(manifest, &format!("capabilities.{key}")),
                key,
            });
        }
        let wasm = self.read_module(place, manifest, module)?;
        let found = digest(&wasm);
        check_digest(place, manifest, module, &found)?;
        Ok(Source {
            wasm,
            fingerprint: Fingerprint::new(text, Some(found)),
        })
    }

    /// Makes what answers: a capsule of the module, or nothing for a hook.
    ///
    /// # Errors
    ///
    /// [`CapsuleError`] says what is wrong and where.
    pub(crate) fn load(
        &self,
        place: &Place,
        manifest: &Manifest,
        source: &Source,
    ) -> Result<State, CapsuleError> {
        let module = match &manifest.capsule.answered_by {
            AnsweredBy::Hook { hook } => return Ok(State::External(hook.clone())),
            AnsweredBy::Module(module) => module,
        };
        let capsule = self
            .engine
            .load(&source.wasm, self.spec(manifest), self.cache.as_ref())
            .map_err(|error| CapsuleError::Load {
                at: place.at(manifest, "capsule.module"),
                module: module.path.clone(),
                error,
            })?;
        check_actions(place, manifest, module, &capsule)?;
        Ok(State::Loaded(Arc::new(capsule)))
    }

    /// Reads the module, wherever links lead, as long as that is inside of
    /// the capsule's directory; one byte more than allowed at most, which the
    /// engine then refuses.
    fn read_module(
        &self,
        place: &Place,
        manifest: &Manifest,
        module: &Module,
    ) -> Result<Vec<u8>, CapsuleError> {
        let module = &module.path;
        let at = place.at(manifest, "capsule.module");
        let path = place.dir.join(module);
        let read = |error: io::Error| CapsuleError::ReadModule {
            at: at.clone(),
            path: path.clone(),
            remedy: match error.kind() {
                io::ErrorKind::NotFound => "; build it with `capsule build`",
                _ => "",
            },
            error,
        };
        let target = fs::canonicalize(&path).map_err(read)?;
        let dir = fs::canonicalize(&place.dir).map_err(read)?;
        if !target.starts_with(&dir) {
            return Err(CapsuleError::ModuleOutside {
                at,
                module: module.clone(),
                target,
            });
        }
        read_file(&target, self.max_module_bytes).map_err(read)
    }

    fn spec(&self, manifest: &Manifest) -> CapsuleSpec {
        let runtime = &manifest.runtime;
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        CapsuleSpec {
            id: manifest.capsule.name.as_str().into(),
            instance: match runtime.instance {
                Instance::Principal => InstanceMode::Principal,
                Instance::Fresh => InstanceMode::Fresh,
                Instance::Shared => InstanceMode::Shared,
            },
            limits: Limits {
                memory_bytes: size(runtime.memory_bytes()),
                max_instances: runtime.max_instances,
                result_bytes: size(runtime.max_result_bytes()),
                host_calls: runtime.max_host_calls,
                log_lines: runtime.max_log_lines,
                log_line_bytes: size(runtime.max_log_line_bytes.into()),
            },
            grants: Grants {
                log: manifest.capabilities.log,
                clock: manifest.capabilities.clock,
            },
            config_json: manifest.config_json().into(),
            outlet: self.outlet(manifest),
        }
    }

    /// The capsule's door to the bus, where it is granted one.
    fn outlet(&self, manifest: &Manifest) -> Option<Arc<dyn Outlet>> {
        let granted = &manifest.capabilities;
        if granted.publish.is_empty() && granted.trigger.is_empty() {
            return None;
        }
        let grants = OutletGrants {
            publish: granted.publish.clone(),
            trigger: granted.trigger.clone(),
            per_second: granted.publish_per_second,
        };
        Some(Arc::new(CapsuleOutlet::new(
            self.dispatcher.clone(),
            manifest.capsule.name.as_str().into(),
            grants,
        )))
    }
}

/// The first capability that is asked for and does not exist here.
fn not_offered(capabilities: &Capabilities) -> Option<&'static str> {
    let Capabilities {
        log: _,
        clock: _,
        publish: _,
        trigger: _,
        publish_per_second: _,
        kv,
        env,
        dirs,
        allowed_hosts,
        ..
    } = capabilities;
    [
        ("kv", *kv),
        ("env", !env.is_empty()),
        ("dirs", !dirs.is_empty()),
        ("allowed_hosts", !allowed_hosts.is_empty()),
    ]
    .into_iter()
    .find_map(|(key, asked)| asked.then_some(key))
}

fn check_digest(
    place: &Place,
    manifest: &Manifest,
    module: &Module,
    found: &Digest,
) -> Result<(), CapsuleError> {
    let wanted = match &module.sha256 {
        Some(wanted) if wanted != found => wanted,
        _ => return Ok(()),
    };
    Err(CapsuleError::Digest {
        at: place.at(manifest, "capsule.sha256"),
        module: module.path.clone(),
        found: hex(found),
        wanted: hex(wanted),
    })
}

fn check_actions(
    place: &Place,
    manifest: &Manifest,
    module: &Module,
    capsule: &Capsule,
) -> Result<(), CapsuleError> {
    let Some(handlers) = capsule.actions() else {
        return Ok(());
    };
    let missing = manifest
        .interceptors
        .iter()
        .enumerate()
        .find(|(_, interceptor)| !handlers.contains(&interceptor.action));
    match missing {
        None => Ok(()),
        Some((index, interceptor)) => Err(CapsuleError::NoHandler {
            at: place.at(manifest, &format!("interceptor[{index}].action")),
            module: module.path.clone(),
            action: interceptor.action.clone(),
            handlers: handlers.to_vec(),
        }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
