//! The consumer's end of a hook.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use tokio::sync::mpsc::{self, error::TryRecvError};

use super::{Answer, Broker, HookId, HookName, Request, table::SubscriberId};

/// Receives the requests of one hook and answers them. Dropping it
/// unsubscribes; a question that waits for it alone then ends at once.
#[derive(Debug)]
pub struct HookSubscriber {
    responder: Responder,
    requests: mpsc::Receiver<Request>,
    ended: Arc<OnceLock<End>>,
}

/// Answers in the name of one subscriber, from wherever its answers come in.
/// Keeps nothing alive: with the subscriber gone, no answer is accepted.
#[derive(Clone, Debug)]
pub struct Responder {
    broker: Arc<Broker>,
    hook: HookName,
    id: SubscriberId,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Response {
    /// Whether it was the first to a question that is open and was put to
    /// this subscriber. Why it was not is not told.
    pub accepted: bool,
}

/// Why a stream of requests ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// The subscriber fell behind: its queue was full when a request came.
    #[error("the subscriber fell behind and was disconnected")]
    Lagged,
    /// The broker has closed.
    #[error("the broker has closed")]
    Closed,
}

// === impl HookSubscriber ===

impl HookSubscriber {
    pub(super) fn new(
        responder: Responder,
        requests: mpsc::Receiver<Request>,
        ended: Arc<OnceLock<End>>,
    ) -> Self {
        Self {
            responder,
            requests,
            ended,
        }
    }

    /// Waits for the next request. Those of one caller come in the order in
    /// which it made them. Dropping the future loses nothing.
    ///
    /// A question is still handed out when it has been answered by another, or
    /// nobody waits for it any more: its answer is then not accepted.
    ///
    /// # Errors
    ///
    /// [`End`] once everything that was queued has been received.
    pub async fn recv(&mut self) -> Result<Request, End> {
        let request = self.requests.recv().await;
        request.ok_or_else(|| self.end())
    }

    /// The next request, if one is there.
    ///
    /// # Errors
    ///
    /// [`End`] once everything that was queued has been received.
    pub fn try_recv(&mut self) -> Result<Option<Request>, End> {
        match self.requests.try_recv() {
            Ok(request) => Ok(Some(request)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.end()),
        }
    }

    /// Answers a question. Does not block.
    pub fn respond(&self, hook_id: HookId, answer: Answer) -> Response {
        self.responder.respond(hook_id, answer)
    }

    /// Answers in this subscriber's name while it receives.
    pub fn responder(&self) -> Responder {
        self.responder.clone()
    }

    /// The hook.
    pub fn hook(&self) -> &HookName {
        &self.responder.hook
    }

    fn end(&self) -> End {
        self.ended.get().copied().unwrap_or(End::Closed)
    }
}

impl Drop for HookSubscriber {
    fn drop(&mut self) {
        let Responder { broker, hook, id } = &self.responder;
        broker.leave(hook, *id, End::Closed);
    }
}

// === impl Responder ===

impl Responder {
    pub(super) fn new(broker: Arc<Broker>, hook: HookName, id: SubscriberId) -> Self {
        Self { broker, hook, id }
    }

    /// Answers a question. Does not block.
    pub fn respond(&self, hook_id: HookId, answer: Answer) -> Response {
        Response {
            accepted: self.broker.answer(hook_id, self.id, answer),
        }
    }
}
