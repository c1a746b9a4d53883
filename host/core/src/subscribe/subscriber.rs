//! The publishers' side of a subscription.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::{Message, Scope, SubscribeOptions, View};
use crate::{
    lane::LaneGroup,
    mailbox::{self, Losses, MailboxConfig, Overflow, Pushed, Sender, Stats},
    types::Facts,
};

/// The publishers' side of a subscription.
#[derive(Debug)]
pub struct Subscriber {
    id: u32,
    options: SubscribeOptions,
    mailbox: MailboxConfig,
    sender: Sender<Arc<Message>>,
    /// Where those wait for one another who wait for room in it.
    lanes: Option<Arc<LaneGroup>>,
}

// === impl Subscriber ===

impl Subscriber {
    /// The subscriber number `id`, and what it receives from.
    pub(crate) fn new(
        id: u32,
        options: SubscribeOptions,
        default: MailboxConfig,
    ) -> (Self, mailbox::Receiver<Arc<Message>>) {
        let mailbox = options.mailbox.unwrap_or(default);
        let (sender, receiver) = mailbox::mailbox(mailbox);
        let blocks = options.view == View::Admitted && mailbox.overflow == Overflow::Block;
        let this = Self {
            lanes: blocks.then(|| Arc::new(LaneGroup::new(id, options.name.clone()))),
            id,
            options,
            mailbox,
            sender,
        };
        (this, receiver)
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// What it asked for.
    pub fn options(&self) -> &SubscribeOptions {
        &self.options
    }

    /// What its queue may hold, and what happens when it is full.
    pub fn mailbox(&self) -> &MailboxConfig {
        &self.mailbox
    }

    /// What its queue has counted.
    pub fn stats(&self) -> Stats {
        self.sender.stats()
    }

    /// Whether it wants an event and may see it.
    pub(crate) fn wants(&self, facts: &Facts<'_>) -> bool {
        let may_see = match &self.options.scope {
            Scope::All => true,
            Scope::Principal(principal) => principal.as_ref() == facts.principal,
        };
        may_see && self.options.filter.matches(facts)
    }

    /// Where those wait for one another who wait for room in it; `None` where
    /// nobody ever does.
    pub(crate) fn lanes(&self) -> Option<&Arc<LaneGroup>> {
        self.lanes.as_ref()
    }

    /// Pushes to its queue.
    pub(crate) fn sender(&self) -> &Sender<Arc<Message>> {
        &self.sender
    }

    /// Queues a message, or not. Never blocks.
    pub(crate) fn push(&self, message: &Arc<Message>, bytes: usize) -> Pushed {
        self.sender.push(bytes, message.clone())
    }

    /// Queues a message as soon as there is room; at once where nobody waits
    /// for room.
    pub(crate) async fn send(&self, message: &Arc<Message>, bytes: usize) -> Pushed {
        match self.sender.reserve(bytes).await {
            Ok(Some(room)) => self.sender.push_reserved(room, bytes, message.clone()),
            // It needs none, or never fits, and is then counted as lost there.
            Ok(None) | Err(_) => self.push(message, bytes),
        }
    }

    /// Counts a message as lost that will not be sent any more. Says what was
    /// lost.
    pub(crate) fn give_up(&self, bytes: usize) -> Losses {
        self.sender.give_up(bytes)
    }
}

impl PartialEq for Subscriber {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Subscriber {}

impl Hash for Subscriber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}
