//! Everything loaded, as one immutable snapshot.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    path::PathBuf,
    sync::Arc,
};

use capsule_core::{
    broker::{Broker, ExternalHook, HookName},
    dispatch::Interceptor,
    hook::Hook,
    quarantine::{Quarantine, QuarantineConfig},
};
use capsule_engine::Capsule;
use capsule_manifest::Manifest;

use super::{
    CapsuleError,
    failed::Failed,
    load::Loader,
    scan::{Found, Place},
};

/// Everything loaded at one time.
#[derive(Debug, Default)]
pub struct Generation {
    entries: Vec<Entry>,
    quarantine: Option<QuarantineConfig>,
}

/// One capsule of a generation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Where it is.
    pub dir: PathBuf,
    /// What it says of itself; `None` if that could not be read.
    pub manifest: Option<Manifest>,
    /// Whether it answers.
    pub state: State,
}

/// Whether a capsule answers.
#[derive(Debug)]
pub enum State {
    /// Its component does.
    Loaded(Arc<Capsule>),
    /// Whoever subscribes to this hook does.
    External(HookName),
    /// It could not be loaded: its guards deny, its other interceptors fail
    /// and let pass.
    Failed(CapsuleError),
}

// === impl Generation ===

impl Generation {
    /// Loads what was found; what cannot be loaded is in it as failed. Of two
    /// capsules with one name the first has it.
    pub(crate) fn load(loader: &Loader, found: Vec<Found>) -> Self {
        let mut names = HashMap::new();
        let entries = found
            .into_iter()
            .map(|Found { place, manifest }| match manifest {
                Ok(manifest) => {
                    let state = take_name(&mut names, &place, &manifest)
                        .and_then(|()| loader.load(&place, &manifest));
                    Entry {
                        dir: place.dir,
                        manifest: Some(manifest),
                        state: state.unwrap_or_else(State::Failed),
                    }
                }
                Err(error) => Entry {
                    dir: place.dir,
                    manifest: None,
                    state: State::Failed(error),
                },
            })
            .collect();
        Self {
            entries,
            quarantine: loader.quarantine,
        }
    }

    /// The capsules, ordered by directory.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Why capsules failed, in order.
    pub fn failures(&self) -> impl Iterator<Item = &CapsuleError> {
        self.entries.iter().filter_map(|entry| match &entry.state {
            State::Loaded(_) | State::External(_) => None,
            State::Failed(error) => Some(error),
        })
    }

    /// Takes the failures out of it.
    pub(crate) fn into_failures(self) -> Vec<CapsuleError> {
        self.entries
            .into_iter()
            .filter_map(|entry| match entry.state {
                State::Loaded(_) | State::External(_) => None,
                State::Failed(error) => Some(error),
            })
            .collect()
    }

    /// Every interceptor, in order of declaration, bound to what answers it.
    pub(crate) fn interceptors(&self, broker: &Arc<Broker>) -> Vec<Interceptor> {
        self.entries
            .iter()
            .flat_map(|entry| entry.interceptors(self.quarantine, broker))
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

    fn interceptors(
        &self,
        quarantine: Option<QuarantineConfig>,
        broker: &Arc<Broker>,
    ) -> impl Iterator<Item = Interceptor> + use<'_> {
        let quarantine = match &self.state {
            State::Loaded(_) | State::External(_) => quarantine.map(Quarantine::new).map(Arc::new),
            // It fails at once already.
            State::Failed(_) => None,
        };
        let hook: Arc<dyn Hook> = match &self.state {
            State::Loaded(capsule) => capsule.clone(),
            State::External(hook) => Arc::new(ExternalHook::new(broker.clone(), hook.clone())),
            State::Failed(error) => Arc::new(Failed::new(&error.to_string())),
        };
        self.manifest.iter().flat_map(move |manifest| {
            let capsule: Arc<str> = manifest.capsule.name.as_str().into();
            let order = manifest.runtime.order;
            let (hook, quarantine) = (hook.clone(), quarantine.clone());
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

fn take_name(
    names: &mut HashMap<String, PathBuf>,
    place: &Place,
    manifest: &Manifest,
) -> Result<(), CapsuleError> {
    match names.entry(manifest.capsule.name.clone()) {
        Slot::Vacant(free) => {
            free.insert(place.manifest.clone());
            Ok(())
        }
        Slot::Occupied(taken) => Err(CapsuleError::NameTaken {
            name: taken.key().clone(),
            first: taken.get().clone(),
            second: place.at(manifest, "capsule.name"),
        }),
    }
}
