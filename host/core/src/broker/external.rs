//! An external hook as a stage of a chain.

use std::sync::Arc;

use super::{AskError, Broker, HookName, Message};
use crate::hook::{Call, ErrorKind, Hook, HookError, HookFuture};

/// Lets the subscribers of a hook answer for an interceptor, which is ordered,
/// timed and failed like any other. The call's deadline is the question's.
///
/// What rides along with an answer ends here: a verdict has no place for it.
#[derive(Clone, Debug)]
pub struct ExternalHook {
    broker: Arc<Broker>,
    name: HookName,
}

// === impl ExternalHook ===

impl ExternalHook {
    /// Asks the subscribers that `name` has at the time of each call.
    pub fn new(broker: Arc<Broker>, name: HookName) -> Self {
        Self { broker, name }
    }
}

impl Hook for ExternalHook {
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a> {
        let message = Message {
            event: call.event.clone(),
            payload: call.payload.clone(),
            action: call.action.into(),
        };
        HookFuture::new(async move {
            let answer = self.broker.ask(&self.name, message, call.deadline).await?;
            Ok(answer.into_verdict())
        })
    }
}

// === impl HookError ===

impl From<AskError> for HookError {
    fn from(error: AskError) -> Self {
        let kind = match error {
            AskError::Deadline { .. } => ErrorKind::Timeout,
            AskError::NoSubscriber { .. } | AskError::AllGone { .. } | AskError::Full { .. } => {
                ErrorKind::Unavailable
            }
        };
        Self::new(kind, error.to_string())
    }
}
