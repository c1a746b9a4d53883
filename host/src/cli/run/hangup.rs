//! `SIGHUP`: the capsules are loaded anew.

use std::{convert::Infallible, io};

use crate::{Host, cli::logs, registry::Change};

/// Every `SIGHUP` from now on. It does not end the process any more.
#[derive(Debug)]
pub(super) struct Hangups {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

// === impl Hangups ===

impl Hangups {
    /// Catches them. To be called in a runtime.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
        })
    }

    /// Reloads at each. Those that come while it does are one.
    pub(super) async fn reload(mut self, host: &Host) -> Infallible {
        loop {
            self.next().await;
            match host.reload().await {
                Ok(reload) => {
                    let failed = reload.failed().count();
                    logs::say(&format!(
                        "reloaded: {} changed, {failed} failed, {} unchanged",
                        reload.capsules.len() - failed - reload.unchanged(),
                        reload.unchanged(),
                    ));
                    for reloaded in &reload.capsules {
                        // What failed is in the log, as a warning.
                        if !matches!(
                            reloaded.change,
                            Change::Unchanged { .. } | Change::Failed { .. }
                        ) {
                            logs::say(&format!("  {reloaded}"));
                        }
                    }
                }
                Err(error) => logs::warn(&format!("nothing is reloaded: {error}")),
            }
        }
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        if self.signal.recv().await.is_none() {
            // The runtime ends.
            std::future::pending().await
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        std::future::pending().await
    }
}
