//! What a subscription carries.

use std::sync::Arc;

use bytes::Bytes;

use crate::types::Event;

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
    /// What it counts against a budget of bytes.
    pub fn size(&self) -> usize {
        self.event.size(&self.payload)
    }
}
