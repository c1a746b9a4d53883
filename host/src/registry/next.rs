//! From what runs and what a directory holds to the next generation.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use capsule_core::quarantine::Quarantine;
use capsule_manifest::Manifest;

use super::{
    CapsuleError, Change, Entry, Generation, Reload, Reloaded, State,
    fingerprint::Fingerprint,
    load::Loader,
    scan::{Declared, Found, Place},
};

/// The capsules of the generation before that have a name.
struct Before<'a> {
    by_name: HashMap<&'a str, &'a Arc<Entry>>,
    by_dir: HashMap<&'a Path, &'a Arc<Entry>>,
}

/// What a directory holds that can be loaded.
enum Fresh<'a> {
    /// What runs already.
    Same(&'a Arc<Entry>),
    /// Something else.
    New(State, Fingerprint),
}

/// The manifest that has each name.
type Names = HashMap<String, PathBuf>;

// === impl Generation ===

impl Generation {
    /// Loads what was found. A capsule that is what it was is taken over with
    /// its instances; one that cannot be loaded stays what it was, or is
    /// failed if it was nothing. A name stays with the directory that has it;
    /// of others that want it the first gets it.
    pub(crate) fn next(&self, loader: &Loader, found: Vec<Found>) -> (Self, Reload) {
        let before = Before::of(self);
        let names = before.names(&found);
        let mut capsules = Vec::new();
        let mut entries = Vec::new();
        for found in found {
            let (entry, change) = before.next(loader, &names, found);
            capsules.push(Reloaded {
                capsule: entry.name(),
                dir: entry.dir.clone(),
                change,
            });
            entries.push(entry);
        }
        for entry in self.entries() {
            if let Some(name) = entry.own_name()
                && !names.contains_key(name)
                && let Some(version) = entry.version()
            {
                capsules.push(Reloaded {
                    capsule: name.to_owned(),
                    dir: entry.dir.clone(),
                    change: Change::Removed { version },
                });
            }
        }
        (Self::of(entries), Reload { capsules })
    }
}

// === impl Before ===

impl<'a> Before<'a> {
    fn of(generation: &'a Generation) -> Self {
        let named = || {
            let entries = generation.entries().iter();
            entries.filter_map(|entry| Some((entry.own_name()?, entry)))
        };
        Self {
            by_name: named().collect(),
            by_dir: named().map(|(_, entry)| (&*entry.dir, entry)).collect(),
        }
    }

    /// Who has which name. One whose manifest cannot be read still has that
    /// which it had.
    fn names(&self, found: &[Found]) -> Names {
        let claims = found.iter().filter_map(|found| {
            let name = match &found.declared {
                Ok(declared) => declared.manifest.capsule.name.as_str(),
                Err(_) => self.by_dir.get(&*found.place.dir)?.own_name()?,
            };
            Some((name, &found.place))
        });
        let (holders, others): (Vec<_>, Vec<_>) = claims.partition(|(name, place)| {
            let holder = self.by_name.get(name);
            holder.is_some_and(|entry| entry.dir == place.dir)
        });
        let mut names = Names::new();
        for (name, place) in holders.into_iter().chain(others) {
            names
                .entry(name.to_owned())
                .or_insert_with(|| place.manifest.clone());
        }
        names
    }

    fn next(&self, loader: &Loader, names: &Names, found: Found) -> (Arc<Entry>, Change) {
        let Found { place, declared } = found;
        let declared = match declared {
            Ok(declared) => declared,
            Err(error) => {
                return match self.by_dir.get(&*place.dir) {
                    // Also one that had failed: its guards go on denying.
                    Some(old) => kept(old, &place, None, error),
                    None => failed(place, None, error),
                };
            }
        };
        if let Err(error) = has_its_name(names, &place, &declared.manifest) {
            return failed(place, Some(declared.manifest), error);
        }
        let old = self.by_name.get(declared.manifest.capsule.name.as_str());
        let old = old.copied().filter(|old| old.answers());
        match (Fresh::load(loader, &place, &declared, old), old) {
            (Ok(Fresh::Same(old)), _) => {
                let version = declared.manifest.capsule.version;
                (at(old, &place), Change::Unchanged { version })
            }
            (Ok(Fresh::New(state, made_from)), old) => {
                let to = declared.manifest.capsule.version.clone();
                let change = match old.and_then(|old| old.version()) {
                    Some(from) => Change::Updated { from, to },
                    None => Change::Loaded { version: to },
                };
                let entry = Entry {
                    dir: place.dir,
                    manifest: Some(declared.manifest),
                    state,
                    made_from: Some(made_from),
                    quarantine: loader.quarantine.map(Quarantine::new).map(Arc::new),
                };
                (Arc::new(entry), change)
            }
            (Err(error), Some(old)) => kept(old, &place, Some(&declared.manifest), error),
            (Err(error), None) => failed(place, Some(declared.manifest), error),
        }
    }
}

// === impl Fresh ===

impl<'a> Fresh<'a> {
    fn load(
        loader: &Loader,
        place: &Place,
        declared: &Declared,
        old: Option<&'a Arc<Entry>>,
    ) -> Result<Self, CapsuleError> {
        let Declared { manifest, text } = declared;
        let source = loader.read(place, manifest, *text)?;
        if let Some(old) = old
            && old.made_from == Some(source.fingerprint)
        {
            return Ok(Self::Same(old));
        }
        let state = loader.load(place, manifest, &source)?;
        Ok(Self::New(state, source.fingerprint))
    }
}

/// The old one goes on instead of what cannot be loaded.
fn kept(
    old: &Arc<Entry>,
    place: &Place,
    manifest: Option<&Manifest>,
    error: CapsuleError,
) -> (Arc<Entry>, Change) {
    let change = Change::Failed {
        version: manifest.map(|manifest| manifest.capsule.version.clone()),
        kept: old.version().filter(|_| old.answers()),
        error: Arc::new(error),
    };
    (at(old, place), change)
}

/// There is nothing that could go on.
fn failed(place: Place, manifest: Option<Manifest>, error: CapsuleError) -> (Arc<Entry>, Change) {
    let error = Arc::new(error);
    let entry = Entry {
        dir: place.dir,
        manifest,
        state: State::Failed(error.clone()),
        made_from: None,
        // It fails at once already.
        quarantine: None,
    };
    let change = Change::Failed {
        version: entry.version(),
        kept: None,
        error,
    };
    (Arc::new(entry), change)
}

/// The old one, perhaps in another directory.
fn at(old: &Arc<Entry>, place: &Place) -> Arc<Entry> {
    if old.dir == place.dir {
        return old.clone();
    }
    Arc::new(Entry {
        dir: place.dir.clone(),
        ..Entry::clone(old)
    })
}

fn has_its_name(names: &Names, place: &Place, manifest: &Manifest) -> Result<(), CapsuleError> {
    let name = &manifest.capsule.name;
    match names.get(name) {
        Some(first) if *first != place.manifest => Err(CapsuleError::NameTaken {
            name: name.clone(),
            first: first.clone(),
            second: place.at(manifest, "capsule.name"),
        }),
        _ => Ok(()),
    }
}
