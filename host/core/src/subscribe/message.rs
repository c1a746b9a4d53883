//! What a subscription carries.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    mailbox::Item,
    types::{Event, Principal},
};

/// An event as a subscriber gets it, shared by all who do.
#[derive(Clone, Debug)]
pub struct Message {
    /// The event as published.
    pub event: Arc<Event>,
    /// Its payload after the chain; for a raw tap, as published.
    pub payload: Bytes,
}

// === impl Message ===

impl Message {
    /// What it counts against a budget of bytes: all that it keeps alive, the
    /// payload as published too where the chain replaced it.
    pub fn size(&self) -> usize {
        let published = &self.event.payload;
        let is_same = self.payload.as_ptr() == published.as_ptr();
        let replaced = if is_same { 0 } else { self.payload.len() };
        self.event.size(published) + replaced
    }
}

impl Item for Arc<Message> {
    fn principal(&self) -> Option<&Principal> {
        self.event.principal.as_ref()
    }
}
