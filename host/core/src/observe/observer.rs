//! The consumer's side of an observer.

use std::sync::{Arc, Weak};

use super::{Observers, Record, sinks::Sink};
use crate::mailbox::{CloseReason, Received, Receiver, TryRecvError};

/// Receives records. Dropping it ends the observation.
#[derive(Debug)]
pub struct Observer {
    observers: Weak<Observers>,
    sink: Arc<Sink>,
    receiver: Receiver<Record>,
}

/// How an observer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserverStatus {
    /// Records it received.
    pub delivered: u64,
    /// Records it will never get.
    pub missed: u64,
    /// Records that wait for it.
    pub queued: u64,
    /// Why it gets nothing new any more; `None` while it does.
    pub disconnected: Option<CloseReason>,
}

// === impl Observer ===

impl Observer {
    pub(super) fn new(
        observers: Weak<Observers>,
        sink: Arc<Sink>,
        receiver: Receiver<Record>,
    ) -> Self {
        Self {
            observers,
            sink,
            receiver,
        }
    }

    /// What it is called in reports.
    pub fn name(&self) -> &str {
        &self.sink.name
    }

    /// The next record, or how many were lost before it; `None` once the
    /// observer is disconnected and all was received. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Received<Record>> {
        self.receiver.recv().await
    }

    /// The next record, if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] tells a pause from the end.
    pub fn try_recv(&mut self) -> Result<Received<Record>, TryRecvError> {
        self.receiver.try_recv()
    }

    /// How it does.
    pub fn status(&self) -> ObserverStatus {
        let stats = self.receiver.stats();
        ObserverStatus {
            delivered: stats.delivered.items,
            missed: stats.lost.total().items,
            queued: stats.queued.items,
            disconnected: self.receiver.close_reason(),
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if let Some(observers) = self.observers.upgrade() {
            observers.remove(&self.sink);
        }
    }
}
