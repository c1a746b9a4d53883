//! What a guest publishes and triggers.

use std::{num::NonZeroUsize, time::Duration};

use capsule_core::{
    dispatch::{Gather, NoReply, Reply},
    hook::{ErrorKind, OutletError, Verdict},
};
use tokio::time::Instant;

use crate::{
    bindings::capsule::host::{bus, types},
    state::State,
};

/// The bytes that the replies to one trigger may still have.
#[derive(Debug)]
struct Room {
    limit: usize,
    left: usize,
}

// === impl State ===

impl bus::Host for State {
    fn publish(
        &mut self,
        topic: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), bus::Refusal>> {
        self.count_host_call()?;
        let Some((outlet, event)) = self.outlet() else {
            return Ok(Err(bus::Refusal::Closed));
        };
        let published = outlet.publish(event, &topic, payload.into());
        Ok(published.map_err(Into::into))
    }

    async fn trigger(
        &mut self,
        topic: String,
        payload: Vec<u8>,
        deadline_ms: u32,
        quorum: Option<u32>,
    ) -> wasmtime::Result<Result<Vec<bus::Reply>, bus::Refusal>> {
        self.count_host_call()?;
        let left = self.deadline().saturating_duration_since(Instant::now());
        let gather = Gather {
            deadline: Some(match deadline_ms {
                0 => left,
                ms => left.min(Duration::from_millis(ms.into())),
            }),
            quorum: quorum.and_then(|replies| NonZeroUsize::new(replies as usize)),
        };
        let mut room = Room::new(self.limits().result_bytes);
        let Some((outlet, event)) = self.outlet() else {
            return Ok(Err(bus::Refusal::Closed));
        };
        let gathered = outlet.trigger(event, &topic, payload.into(), gather).await;
        Ok(gathered
            .map(|gathered| gathered.replies.iter().map(|r| room.reply(r)).collect())
            .map_err(Into::into))
    }
}

// === impl Room ===

impl Room {
    fn new(limit: usize) -> Self {
        Self { limit, left: limit }
    }

    /// The reply as the guest gets it. One that finds no room is none; those
    /// behind it may be smaller.
    fn reply(&mut self, reply: &Reply) -> bus::Reply {
        let answer = match &reply.answer {
            Ok(verdict) => self.take(size(verdict)).map(|()| Ok(verdict.into())),
            Err(no_reply) => {
                let message = no_reply.to_string();
                self.take(message.len()).map(|()| {
                    Err(bus::NoReply {
                        cause: no_reply.into(),
                        message,
                    })
                })
            }
        };
        bus::Reply {
            capsule: reply.interceptor.capsule.to_string(),
            action: reply.interceptor.action.to_string(),
            answer: answer.unwrap_or_else(|bytes| Err(self.too_small(bytes))),
        }
    }

    /// # Errors
    ///
    /// `bytes`, if there is no room for them.
    fn take(&mut self, bytes: usize) -> Result<(), usize> {
        self.left = self.left.checked_sub(bytes).ok_or(bytes)?;
        Ok(())
    }

    fn too_small(&self, bytes: usize) -> bus::NoReply {
        bus::NoReply {
            cause: bus::Cause::Output,
            message: format!(
                "output: no room for its {bytes} bytes: the replies to one trigger may have {} \
                 together (`max_result_kib` under [runtime])",
                self.limit
            ),
        }
    }
}

/// The bytes of a verdict.
fn size(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Continue(payload) => payload.as_ref().map_or(0, |bytes| bytes.len()),
        Verdict::Final(response) => response.len(),
        Verdict::Deny(reason) => reason.len(),
        Verdict::Skip => 0,
    }
}

// === impl bindings ===

impl From<&Verdict> for types::Verdict {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Continue(payload) => Self::Continue(payload.as_ref().map(|p| p.to_vec())),
            Verdict::Final(response) => Self::Final(response.to_vec()),
            Verdict::Deny(reason) => Self::Deny(reason.clone()),
            Verdict::Skip => Self::Skip,
        }
    }
}

impl From<&NoReply> for bus::Cause {
    fn from(no_reply: &NoReply) -> Self {
        match no_reply {
            NoReply::Failed(error) => match error.kind {
                ErrorKind::Trap => Self::Trap,
                ErrorKind::Timeout => Self::Timeout,
                ErrorKind::Memory => Self::Memory,
                ErrorKind::Stack => Self::Stack,
                ErrorKind::Output => Self::Output,
                ErrorKind::Quarantined => Self::Quarantined,
                ErrorKind::Guest => Self::Guest,
                // What the contract has no word for, it was not there for.
                _ => Self::Unavailable,
            },
            NoReply::WouldBlock => Self::WouldBlock,
            NoReply::Full => Self::Full,
            NoReply::Late => Self::Late,
            NoReply::NotNeeded => Self::NotNeeded,
            _ => Self::Unavailable,
        }
    }
}

impl From<OutletError> for bus::Refusal {
    fn from(error: OutletError) -> Self {
        match error {
            OutletError::BadTopic(reason) => Self::BadTopic(reason),
            OutletError::NotGranted => Self::NotGranted,
            OutletError::TooManyHops { .. } => Self::TooManyHops,
            OutletError::TooOften { .. } => Self::TooOften,
            OutletError::Full(place) => Self::Full(place),
            OutletError::TooLarge(limit) => Self::TooLarge(limit),
            // Also what the contract has no word for.
            _ => Self::Closed,
        }
    }
}
