//! Builds one capsule: from its directory to the component and manifest that
//! the host loads.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use capsule_core::broker::HookName;
use capsule_manifest::{AnsweredBy, Manifest, ManifestError, Module};
use sha2::{Digest as _, Sha256};

use crate::{
    actions,
    compile::{self, CompileError},
    component::{self, ComponentError},
    output::write_if_changed,
    progress::Progress,
    stack,
    toolchain::Toolchain,
};

/// The name of a capsule's manifest in its directory.
const MANIFEST: &str = "Capsule.toml";

/// How a capsule is built.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Where the capsule goes: to `<out>/<name>/`, manifest and module. The
    /// module is put beside the crate's own manifest if `None`.
    pub out: Option<PathBuf>,
    /// Where cargo keeps what it compiles, best shared by all capsules;
    /// cargo's own choice if `None`.
    pub target_dir: Option<PathBuf>,
    /// Downloads nothing.
    pub offline: bool,
    /// The compiler's messages are coloured.
    pub colour: bool,
}

/// A capsule that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The capsule's name.
    pub name: String,
    /// Where its component is.
    pub module: PathBuf,
    /// Where its manifest is.
    pub manifest: PathBuf,
    /// The component's size, in bytes.
    pub size: u64,
    /// The component's SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// Everything was there already: nothing compiled, nothing written.
    pub fresh: bool,
}

/// Why a capsule was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A file of the capsule cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why the system refused.
        error: io::Error,
    },

    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),

    /// A process outside of the host answers, so there is nothing to build.
    #[error(
        "{}: capsule.hook: the hook `{hook}` is answered by a process outside of the host, so \
         there is no module to build; copy the manifest to where the capsules are",
        manifest.display()
    )]
    NoModule {
        /// The capsule's manifest.
        manifest: PathBuf,
        /// The hook.
        hook: HookName,
    },

    /// Cargo made no module.
    #[error("capsule `{name}` {error}")]
    Compile {
        /// The capsule's name.
        name: String,
        /// What happened.
        error: CompileError,
    },

    /// The module is not a capsule's.
    #[error("capsule `{name}` does not fit the contract: {error}")]
    Component {
        /// The capsule's name.
        name: String,
        /// What happened.
        error: ComponentError,
    },

    /// The manifest names actions that the code does not handle.
    #[error(
        "{}: no handler for {}; the code handles {}",
        manifest.display(), quoted(unhandled), quoted(handlers)
    )]
    Actions {
        /// The capsule's manifest.
        manifest: PathBuf,
        /// The actions without a handler.
        unhandled: Vec<String>,
        /// The handlers there are.
        handlers: Vec<String>,
    },

    /// The manifest pins another module than this one.
    #[error(
        "{}: capsule.sha256 is {pinned}, but the module that was built is {built}; \
         if that is what you want, write sha256 = \"{built}\"",
        manifest.display()
    )]
    Digest {
        /// The capsule's manifest.
        manifest: PathBuf,
        /// What it says, in hexadecimal.
        pinned: String,
        /// What it would have to say.
        built: String,
    },

    /// The capsule cannot be put where it should go.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why the system refused.
        error: io::Error,
    },
}

/// Builds the capsule in `dir`, which holds `Cargo.toml` and `Capsule.toml`.
///
/// Cargo decides what must be compiled. The component is written whole, and
/// only if it changed; so is the copy of the manifest where there is one. A
/// handler that no interceptor names is a warning to `progress`, since a
/// manifest may well use less than the code offers.
///
/// # Errors
///
/// [`BuildError`]: the manifest is wrong, the crate does not compile, the
/// module does not fit the contract or its manifest, or the output cannot be
/// written. Nothing is written then.
pub fn build(
    dir: &Path,
    toolchain: &Toolchain,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Built, BuildError> {
    let path = dir.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(read(&path))?;
    let manifest = Manifest::parse(&text, &path.to_string_lossy())?;
    let name = &manifest.capsule.name;
    let module = match &manifest.capsule.answered_by {
        AnsweredBy::Module(module) => module,
        AnsweredBy::Hook { hook } => {
            return Err(BuildError::NoModule {
                manifest: path,
                hook: hook.clone(),
            });
        }
    };

    let cargo_toml = dir.join("Cargo.toml");
    // Cargo names packages by their real path.
    let cargo_toml = fs::canonicalize(&cargo_toml).map_err(read(&cargo_toml))?;
    let artifact =
        compile::compile(&cargo_toml, toolchain, options, progress).map_err(|error| {
            BuildError::Compile {
                name: name.clone(),
                error,
            }
        })?;
    let mut core = fs::read(&artifact.path).map_err(read(&artifact.path))?;
    let unfit = |error| BuildError::Component {
        name: name.clone(),
        error,
    };
    stack::settle(&mut core).map_err(|error| unfit(error.into()))?;
    let component = component::encode(&core).map_err(unfit)?;
    check_actions(&core, &manifest, &path, progress)?;
    let sha256 = check_digest(&component, module, &path)?;

    let home = options
        .out
        .as_ref()
        .map_or_else(|| dir.to_owned(), |out| out.join(name));
    let module = home.join(&module.path);
    let mut changed = write_if_changed(&module, &component).map_err(write(&module))?;
    let beside = home.join(MANIFEST);
    if options.out.is_some() {
        // The manifest goes last: a directory without one is no capsule yet.
        changed |= write_if_changed(&beside, text.as_bytes()).map_err(write(&beside))?;
    }
    Ok(Built {
        name: name.clone(),
        module,
        manifest: beside,
        size: component.len() as u64,
        sha256,
        fresh: artifact.fresh && !changed,
    })
}

fn check_actions(
    core: &[u8],
    manifest: &Manifest,
    path: &Path,
    progress: &dyn Progress,
) -> Result<(), BuildError> {
    // The encoder has read the module by now: an error here has no other cause.
    let Ok(Some(handlers)) = actions::handlers(core) else {
        return Ok(());
    };
    let difference = actions::compare(&actions::declared(manifest), &handlers);
    if !difference.unhandled.is_empty() {
        return Err(BuildError::Actions {
            manifest: path.to_owned(),
            unhandled: difference.unhandled,
            handlers: handlers.into_iter().collect(),
        });
    }
    if !difference.unused.is_empty() {
        progress.step(&format!(
            "warning: {}: no interceptor uses the handler {}",
            path.display(),
            quoted(&difference.unused)
        ));
    }
    Ok(())
}

fn check_digest(component: &[u8], module: &Module, path: &Path) -> Result<String, BuildError> {
    let built: [u8; 32] = Sha256::digest(component).into();
    match module.sha256 {
        Some(pinned) if pinned != built => Err(BuildError::Digest {
            manifest: path.to_owned(),
            pinned: hex(&pinned),
            built: hex(&built),
        }),
        _ => Ok(hex(&built)),
    }
}

fn read(path: &Path) -> impl FnOnce(io::Error) -> BuildError + use<> {
    let path = path.to_owned();
    |error| BuildError::Read { path, error }
}

fn write(path: &Path) -> impl FnOnce(io::Error) -> BuildError + use<> {
    let path = path.to_owned();
    |error| BuildError::Write { path, error }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quoted(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
