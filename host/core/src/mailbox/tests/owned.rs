//! Mailboxes of plain items: the tests say whose they are.

use std::ops::{Deref, DerefMut};

use crate::{
    mailbox::{self, Item, MailboxConfig, Pushed, Received, Taken, TryRecvError},
    types::Principal,
};

/// An item, and whose it is.
#[derive(Debug)]
pub(in crate::mailbox) struct Owned<T> {
    principal: Option<Principal>,
    item: T,
}

pub(super) struct Sender<T>(mailbox::Sender<Owned<T>>);

pub(super) struct Receiver<T>(mailbox::Receiver<Owned<T>>);

pub(super) type Reservation<T> = mailbox::Reservation<Owned<T>>;

pub(super) type Turn<'a, T> = mailbox::Turn<'a, Owned<T>>;

pub(super) fn mailbox<T>(config: MailboxConfig) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mailbox::mailbox(config);
    (Sender(sender), Receiver(receiver))
}

// === impl Owned ===

impl<T> Owned<T> {
    pub(in crate::mailbox) fn new(principal: Option<&Principal>, item: T) -> Self {
        let principal = principal.cloned();
        Self { principal, item }
    }

    pub(in crate::mailbox) fn taken(taken: Taken<Self>) -> Taken<T> {
        Taken {
            bytes: taken.bytes,
            item: taken.item.item,
        }
    }

    fn received(received: Received<Self>) -> Received<T> {
        match received {
            Received::Item(owned) => Received::Item(owned.item),
            Received::Lost { items, bytes } => Received::Lost { items, bytes },
        }
    }
}

impl<T> Item for Owned<T> {
    fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }
}

// === impl Sender ===

impl<T> Sender<T> {
    pub(super) fn push(&self, principal: Option<&Principal>, bytes: usize, item: T) -> Pushed {
        self.0.push(bytes, Owned::new(principal, item))
    }

    pub(super) fn push_reserved(
        &self,
        reservation: Reservation<T>,
        principal: Option<&Principal>,
        bytes: usize,
        item: T,
    ) -> Pushed {
        let item = Owned::new(principal, item);
        self.0.push_reserved(reservation, bytes, item)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Sender<T> {
    type Target = mailbox::Sender<Owned<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

// === impl Receiver ===

impl<T> Receiver<T> {
    pub(super) async fn recv(&mut self) -> Option<Received<T>> {
        self.0.recv().await.map(Owned::received)
    }

    pub(super) fn try_recv(&mut self) -> Result<Received<T>, TryRecvError> {
        self.0.try_recv().map(Owned::received)
    }

    pub(super) async fn recv_batch(
        &mut self,
        max_items: usize,
        out: &mut Vec<Received<T>>,
    ) -> usize {
        let mut batch = Vec::new();
        let count = self.0.recv_batch(max_items, &mut batch).await;
        out.extend(batch.into_iter().map(Owned::received));
        count
    }
}

impl<T> Deref for Receiver<T> {
    type Target = mailbox::Receiver<Owned<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for Receiver<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
