//! The capsules that run, and how the next ones take their place.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use capsule_core::{broker::Broker, dispatch::Dispatcher};
use serde_json::json;
use tokio::{
    sync::Mutex,
    task::{JoinError, spawn_blocking},
};
use tracing::{info, warn};

use crate::registry::{Change, Generation, Loader, Reload, ScanError, scan};

/// The capsules that run, and what loads the next ones.
#[derive(Debug)]
pub(super) struct Capsules {
    root: PathBuf,
    loader: Loader,
    dispatcher: Arc<Dispatcher>,
    broker: Arc<Broker>,
    present: ArcSwap<Generation>,
    /// Held by the reload that is under way.
    turn: Arc<Mutex<()>>,
}

/// Why nothing was reloaded. Everything is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The capsules directory cannot be used.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The runtime ends, or the host has a defect.
    #[error("the reload did not come to its end: {0}")]
    Ended(#[from] JoinError),
}

// === impl Capsules ===

impl Capsules {
    /// None yet.
    pub(super) fn new(
        root: PathBuf,
        loader: Loader,
        dispatcher: Arc<Dispatcher>,
        broker: Arc<Broker>,
    ) -> Self {
        Self {
            root,
            loader,
            dispatcher,
            broker,
            present: ArcSwap::default(),
            turn: Arc::default(),
        }
    }

    /// Those that run now.
    pub(super) fn present(&self) -> Arc<Generation> {
        self.present.load_full()
    }

    /// Loads what the directory holds now, beside what runs, and puts it in
    /// its place. See [`Host::reload`](super::Host::reload).
    pub(super) async fn reload(self: &Arc<Self>) -> Result<Reload, ReloadError> {
        let turn = self.turn.clone().lock_owned().await;
        let this = self.clone();
        let reloading = spawn_blocking(move || {
            let found = scan(&this.root)?;
            let (next, reload) = this.present().next(&this.loader, found);
            this.install(next, &reload);
            // Kept until here: whoever waits for this drops the future, and
            // the next one still waits.
            drop(turn);
            Ok(reload)
        });
        reloading.await?
    }

    /// Puts `next` in the place of what runs, and says what that changes.
    pub(super) fn install(&self, next: Generation, changes: &Reload) {
        let next = Arc::new(next);
        warn_if_empty(&self.root, &next);
        let interceptors = next.interceptors(&self.broker);
        // First, so that whoever is told of a change finds it made.
        self.present.store(next);
        self.dispatcher.install(interceptors);
        self.announce(changes);
    }

    /// Says what has become of each capsule that is not what it was; the
    /// dispatcher says which are gone.
    fn announce(&self, changes: &Reload) {
        for reloaded in &changes.capsules {
            let capsule = &reloaded.capsule;
            match &reloaded.change {
                Change::Unchanged { .. } => {}
                Change::Removed { .. } => info!("{reloaded}"),
                Change::Loaded { version } | Change::Updated { to: version, .. } => {
                    info!("{reloaded}");
                    let replaced = match &reloaded.change {
                        Change::Updated { from, .. } => Some(from.to_string()),
                        _ => None,
                    };
                    self.dispatcher.publish_own(
                        "host.capsule.loaded",
                        &json!({
                            "capsule": capsule,
                            "version": version.to_string(),
                            "replaced_version": replaced,
                        }),
                    );
                }
                Change::Failed {
                    version,
                    kept,
                    error,
                } => {
                    warn!("{reloaded}");
                    self.dispatcher.publish_own(
                        "host.capsule.failed",
                        &json!({
                            "capsule": capsule,
                            "version": version.as_ref().map(ToString::to_string),
                            "kept_version": kept.as_ref().map(ToString::to_string),
                            "error": error.to_string(),
                        }),
                    );
                }
            }
        }
    }
}

/// Says that a directory is no capsules directory, or not yet.
pub(super) fn warn_if_empty(root: &Path, generation: &Generation) {
    if generation.entries().is_empty() {
        warn!(
            "{} holds no capsules: every event will be admitted as it is",
            root.display()
        );
    }
}
