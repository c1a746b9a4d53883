//! Everything loaded, as one immutable snapshot.

use std::{path::PathBuf, sync::Arc};

use capsule_core::{
    broker::{Broker, ExternalHook, HookName},
    dispatch::Interceptor,
    hook::Hook,
    quarantine::Quarantine,
};
use capsule_engine::Capsule;
use capsule_manifest::Manifest;
use semver::Version;

use super::{CapsuleError, failed::Failed, fingerprint::Fingerprint};

/// Everything loaded at one time.
#[derive(Debug, Default)]
pub struct Generation {
    entries: Vec<Arc<Entry>>,
}

/// One capsule of a generation. One that a reload finds as it was is in both
/// generations.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Where it is.
    pub dir: PathBuf,
    /// What it says of itself; `None` if that could not be read.
    pub manifest: Option<Manifest>,
    /// Whether it answers.
    pub state: State,
    /// What it was made from, if it answers.
    pub(super) made_from: Option<Fingerprint>,
    /// What takes it out while it keeps failing, if anything does.
    pub(super) quarantine: Option<Arc<Quarantine>>,
}

/// Whether a capsule answers.
#[derive(Clone, Debug)]
pub enum State {
    /// Its component does.
    Loaded(Arc<Capsule>),
    /// Whoever subscribes to this hook does.
    External(HookName),
    /// It could not be loaded: its guards deny, its other interceptors fail
    /// and let pass.
    Failed(Arc<CapsuleError>),
}

// === impl Generation ===

impl Generation {
    pub(super) fn of(entries: Vec<Arc<Entry>>) -> Self {
        Self { entries }
    }

    /// Its capsules, ordered by directory.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// What could not be loaded, each with what is wrong.
    pub fn failures(&self) -> impl Iterator<Item = &Arc<CapsuleError>> {
        self.entries.iter().filter_map(|entry| match &entry.state {
            State::Loaded(_) | State::External(_) => None,
            State::Failed(error) => Some(error),
        })
    }

    /// Every interceptor, in order of declaration, bound to what answers it.
    pub(crate) fn interceptors(&self, broker: &Arc<Broker>) -> Vec<Interceptor> {
        self.entries
            .iter()
            .flat_map(|entry| entry.interceptors(broker))
            .collect()
    }
}

// === impl Entry ===

impl Entry {
    /// The capsule's id, or its directory's name if it has none.
    pub fn name(&self) -> String {
        match &self.manifest {
            Some(manifest) => manifest.capsule.name.clone(),
            None => self
                .dir
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        }
    }

    /// Whether its hooks are asked, and not failed at once.
    pub(super) fn answers(&self) -> bool {
        match &self.state {
            State::Loaded(_) | State::External(_) => true,
            State::Failed(_) => false,
        }
    }

    /// The capsule's id, unless another capsule has it.
    pub(super) fn own_name(&self) -> Option<&str> {
        match &self.state {
            State::Failed(error) if matches!(**error, CapsuleError::NameTaken { .. }) => None,
            _ => self.manifest.as_ref().map(|m| m.capsule.name.as_str()),
        }
    }

    /// Its version, where its manifest says one.
    pub(super) fn version(&self) -> Option<Version> {
        self.manifest.as_ref().map(|m| m.capsule.version.clone())
    }

    fn interceptors(&self, broker: &Arc<Broker>) -> impl Iterator<Item = Interceptor> + use<'_> {
        let hook: Arc<dyn Hook> = match &self.state {
            State::Loaded(capsule) => capsule.clone(),
            State::External(hook) => Arc::new(ExternalHook::new(broker.clone(), hook.clone())),
            State::Failed(error) => Arc::new(Failed::new(&error.to_string())),
        };
        self.manifest.iter().flat_map(move |manifest| {
            let capsule: Arc<str> = manifest.capsule.name.as_str().into();
            let order = manifest.runtime.order;
            let (hook, quarantine) = (hook.clone(), self.quarantine.clone());
            manifest
                .interceptors
                .iter()
                .map(move |declared| Interceptor {
                    capsule: capsule.clone(),
                    event: declared.event.clone(),
                    action: declared.action.as_str().into(),
                    priority: declared.priority,
                    on_error: declared.on_error,
                    mode: declared.mode,
                    timeout: declared.timeout(),
                    order,
                    hook: hook.clone(),
                    quarantine: quarantine.clone(),
                })
        })
    }
}
