//! Puts questions to subscribers and gives back the first answer.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{
        Semaphore,
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::{Instant, timeout_at},
};

use super::{
    Answer, End, HookId, HookName, HookSubscriber, Message, ReplyTo, Request, Responder,
    table::{Listeners, SubscriberId, Table},
};
use crate::{sync::Mutex, wait::LONGEST_WAIT};

/// Puts the questions of callers to the subscribers of hooks.
#[derive(Debug)]
pub struct Broker {
    config: BrokerConfig,
    table: Mutex<Table>,
    lagged: AtomicU64,
}

/// The limits of a [`Broker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// How many requests may wait in the queue of one subscriber; one that
    /// has no room for the next is disconnected. Default 10,000: as many as
    /// may be open, so that no burst of questions is taken for lagging.
    pub subscriber_queue: NonZeroUsize,
    /// How many questions may be open in all. Default 10,000.
    pub max_waiting: NonZeroUsize,
    /// How many subscribers there may be in all. Default 1,024.
    pub max_subscribers: NonZeroUsize,
    /// How long a question stays open if its caller does not say; at most a
    /// day. Default 5 s.
    pub deadline: Duration,
}

/// Why there is no subscription.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// As many subscribers as there may be.
    #[error("there are {limit} subscribers of hooks already")]
    Full {
        /// How many there may be.
        limit: usize,
    },
    /// The broker has closed.
    #[error("the broker has closed and takes no more subscribers")]
    Closed,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody was there to ask.
    #[error("the hook `{hook}` has no subscriber")]
    NoSubscriber {
        /// The hook.
        hook: HookName,
    },
    /// Nobody has answered in time.
    #[error("no subscriber of the hook `{hook}` answered in time")]
    Deadline {
        /// The hook.
        hook: HookName,
    },
    /// All who were asked have gone without an answer.
    #[error("every subscriber of the hook `{hook}` that was asked has disconnected")]
    AllGone {
        /// The hook.
        hook: HookName,
    },
    /// As many questions are open as there may be.
    #[error("{limit} questions to hooks wait for an answer already")]
    Full {
        /// How many there may be.
        limit: usize,
    },
}

/// A caller that waits. Dropping it closes the question.
#[derive(Debug)]
struct Waiter<'a> {
    broker: &'a Broker,
    hook: &'a HookName,
    reply_to: ReplyTo,
    answer: oneshot::Receiver<Answer>,
}

// === impl BrokerConfig ===

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            subscriber_queue: const { NonZeroUsize::new(10_000).unwrap() },
            max_waiting: const { NonZeroUsize::new(10_000).unwrap() },
            max_subscribers: const { NonZeroUsize::new(1_024).unwrap() },
            deadline: Duration::from_secs(5),
        }
    }
}

// === impl Broker ===

impl Broker {
    /// A broker without subscribers.
    pub fn new(config: BrokerConfig) -> Self {
        Self {
            config,
            table: Mutex::default(),
            lagged: AtomicU64::new(0),
        }
    }

    /// Receives from now on what is sent to `hook`.
    ///
    /// # Errors
    ///
    /// [`SubscribeError::Full`] and [`SubscribeError::Closed`].
    pub fn subscribe(self: &Arc<Self>, hook: HookName) -> Result<HookSubscriber, SubscribeError> {
        let capacity = self.config.subscriber_queue.get();
        let (queue, requests) = mpsc::channel(capacity.min(Semaphore::MAX_PERMITS));
        let ended = Arc::new(OnceLock::new());
        let limit = self.config.max_subscribers.get();
        let id = {
            let mut table = self.table.lock();
            if table.is_closed() {
                return Err(SubscribeError::Closed);
            }
            if table.listeners() >= limit {
                return Err(SubscribeError::Full { limit });
            }
            table.listen(hook.clone(), queue, ended.clone())
        };
        let responder = Responder::new(self.clone(), hook, id);
        Ok(HookSubscriber::new(responder, requests, ended))
    }

    /// Sends `message` to all subscribers of `hook` and waits for nothing.
    /// Returns how many of them have it in their queue now.
    pub fn emit(&self, hook: &HookName, message: Message) -> usize {
        let listeners = self.table.lock().listeners_of(hook);
        let request = Request {
            message,
            reply_to: None,
        };
        self.deliver(hook, &listeners, &request)
    }

    /// Sends `message` to all subscribers of `hook` and waits for the first
    /// answer, until `deadline` or for as long as [`BrokerConfig::deadline`]
    /// says. Nothing is sent before the first poll; dropping the future closes
    /// the question.
    ///
    /// # Errors
    ///
    /// [`AskError`]: nobody to ask, too many questions, no answer in time, or
    /// nobody left who could give one.
    pub async fn ask(
        &self,
        hook: &HookName,
        message: Message,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<Answer, AskError> {
        let waiter = self.put(hook, message, deadline.into())?;
        waiter.answer().await
    }

    /// Ends every stream after what is queued, and every question at once.
    /// Nobody can subscribe any more.
    pub fn close(&self) {
        let gone = self.table.lock().close();
        drop(gone);
    }

    /// How many questions are open.
    pub fn waiting(&self) -> usize {
        self.table.lock().questions()
    }

    /// How many subscribers there are.
    pub fn subscribers(&self) -> usize {
        self.table.lock().listeners()
    }

    /// How many hooks have a subscriber.
    pub fn hooks(&self) -> usize {
        self.table.lock().hooks()
    }

    /// How many subscribers have been disconnected because they fell behind,
    /// since the start.
    pub fn lagged(&self) -> u64 {
        self.lagged.load(Ordering::Relaxed)
    }

    /// Whether the answer counts. The waiter is woken outside of the lock.
    pub(super) fn answer(&self, hook_id: HookId, from: SubscriberId, answer: Answer) -> bool {
        let now = Instant::now();
        let waiter = self.table.lock().answer(hook_id, from, now);
        waiter.is_some_and(|waiter| waiter.send(answer).is_ok())
    }

    /// Takes a subscriber out; whether it was in.
    pub(super) fn leave(&self, hook: &HookName, id: SubscriberId, end: End) -> bool {
        let left = self.table.lock().leave(hook, id, end);
        left.is_some()
    }

    /// Opens a question and sends it.
    fn put<'a>(
        &'a self,
        hook: &'a HookName,
        message: Message,
        deadline: Option<Instant>,
    ) -> Result<Waiter<'a>, AskError> {
        let now = Instant::now();
        let deadline = deadline.unwrap_or_else(|| now + self.config.deadline.min(LONGEST_WAIT));
        if deadline <= now {
            return Err(AskError::Deadline { hook: hook.clone() });
        }
        let reply_to = ReplyTo {
            hook_id: HookId::random(),
            deadline,
        };
        let (waiter, listeners) = self.open(hook, reply_to)?;
        let request = Request {
            message,
            reply_to: Some(reply_to),
        };
        self.deliver(hook, &listeners, &request);
        Ok(waiter)
    }

    fn open<'a>(
        &'a self,
        hook: &'a HookName,
        reply_to: ReplyTo,
    ) -> Result<(Waiter<'a>, Listeners), AskError> {
        let limit = self.config.max_waiting.get();
        let mut table = self.table.lock();
        let listeners = table.listeners_of(hook);
        if listeners.is_empty() {
            return Err(AskError::NoSubscriber { hook: hook.clone() });
        }
        if table.questions() >= limit {
            return Err(AskError::Full { limit });
        }
        let waiter = Waiter {
            broker: self,
            hook,
            reply_to,
            answer: table.ask(reply_to, &listeners),
        };
        Ok((waiter, listeners))
    }

    /// Puts `request` in all queues, outside of the lock because that wakes
    /// their consumers, and disconnects whoever has no room. Returns how many
    /// had.
    fn deliver(&self, hook: &HookName, listeners: &Listeners, request: &Request) -> usize {
        let mut delivered = 0;
        for listener in listeners {
            match listener.queue.try_send(request.clone()) {
                Ok(()) => delivered += 1,
                Err(TrySendError::Full(_)) => {
                    if self.leave(hook, listener.id, End::Lagged) {
                        self.lagged.fetch_add(1, Ordering::Relaxed);
                    }
                }
                // It goes at this moment, and takes itself out.
                Err(TrySendError::Closed(_)) => {}
            }
        }
        delivered
    }
}

// === impl Waiter ===

impl Waiter<'_> {
    async fn answer(mut self) -> Result<Answer, AskError> {
        let deadline = self.reply_to.deadline;
        let answer = match timeout_at(deadline, &mut self.answer).await {
            Ok(answer) => answer,
            Err(_elapsed) => {
                let open = self.broker.table.lock().forget(self.reply_to.hook_id);
                if open.is_some() {
                    let hook = self.hook.clone();
                    return Err(AskError::Deadline { hook });
                }
                // Somebody has been told that the answer is accepted: it is
                // about to arrive.
                (&mut self.answer).await
            }
        };
        answer.map_err(|_gone| AskError::AllGone {
            hook: self.hook.clone(),
        })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let open = self.broker.table.lock().forget(self.reply_to.hook_id);
        drop(open);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;
    use crate::types::{Draft, Topic};

    /// Rule: `accepted: true` means that the answer counts, also when the time
    /// is up before it has arrived.
    #[tokio::test(start_paused = true)]
    async fn an_answer_accepted_in_time_is_waited_for() {
        let broker = Arc::new(Broker::new(BrokerConfig::default()));
        let hook = HookName::new("guard").unwrap();
        let mut subscriber = broker.subscribe(hook.clone()).unwrap();
        let event = Draft::new(Topic::new("a").unwrap()).into_event(0);
        let message = Message {
            payload: event.payload.clone(),
            event,
            action: "check".into(),
        };
        let mut asked = pin!(broker.ask(&hook, message, None));
        assert!(poll!(&mut asked).is_pending());
        let id = subscriber.recv().await.unwrap().reply_to.unwrap().hook_id;
        let answering = {
            let mut table = broker.table.lock();
            let from = table.listeners_of(&hook)[0].id;
            table.answer(id, from, Instant::now()).unwrap()
        };

        tokio::time::advance(BrokerConfig::default().deadline).await;
        assert!(poll!(&mut asked).is_pending(), "not given up");
        answering.send(Answer::new().with_abort("no")).unwrap();

        assert_eq!(asked.await.unwrap().abort(), Some("no"));
    }
}
