//! The consumer's side of a subscription.

use std::sync::{Arc, Weak};

use super::shared::Shared;
use crate::{
    mailbox::{CloseReason, Losses, Received, Receiver, Stats, TryRecvError},
    subscribe::{Message, SubscribeOptions, Subscriber},
};

/// Receives what it subscribed to. Dropping it ends the subscription.
///
/// The events of one principal come in publish order; between principals it is
/// fair by bytes. What was lost is said before what is
/// received next.
#[derive(Debug)]
pub struct Subscription {
    shared: Weak<Shared>,
    subscriber: Arc<Subscriber>,
    receiver: Receiver<Arc<Message>>,
}

// === impl Subscription ===

impl Subscription {
    pub(super) fn new(shared: &Arc<Shared>, options: SubscribeOptions) -> Self {
        let (subscriber, receiver) =
            Subscriber::new(shared.routing.next_id(), options, shared.config.queue);
        let subscriber = Arc::new(subscriber);
        shared.routing.subscribe(&subscriber);
        Self {
            shared: Arc::downgrade(shared),
            subscriber,
            receiver,
        }
    }

    /// What it asked for.
    pub fn options(&self) -> &SubscribeOptions {
        self.subscriber.options()
    }

    /// The next event, or how many were lost before it; `None` once the
    /// subscription is closed and all was received. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Received<Arc<Message>>> {
        self.receiver.recv().await
    }

    /// The next event, if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] tells a pause from the end.
    pub fn try_recv(&mut self) -> Result<Received<Arc<Message>>, TryRecvError> {
        self.receiver.try_recv()
    }

    /// Adds the next events to `out`, at most `max_items`, as soon as there
    /// are any, and says how many; 0 says that the subscription has ended.
    /// Cancel-safe.
    pub async fn recv_batch(
        &mut self,
        max_items: usize,
        out: &mut Vec<Received<Arc<Message>>>,
    ) -> usize {
        self.receiver.recv_batch(max_items, out).await
    }

    /// Ends the subscription; what is queued is thrown away.
    pub fn close(&mut self) {
        self.receiver.close();
    }

    /// Why it gets nothing new any more; `None` while it does.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.receiver.close_reason()
    }

    /// What its queue has counted: what was pushed is the sum of what was
    /// delivered, lost and is queued, exactly.
    pub fn stats(&self) -> Stats {
        self.receiver.stats()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.routing.unsubscribe(&self.subscriber);
            self.receiver.close();
            shared.counters.lost(&Losses {
                discarded: self.receiver.stats().lost.discarded,
                ..Losses::default()
            });
        }
    }
}
