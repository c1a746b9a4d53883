//! An admitted event on its way to those who subscribed to it.

use std::sync::Arc;

use bytes::Bytes;

use crate::{lane::Deliver, types::Event};

/// An admitted event and who gets it.
#[derive(Debug)]
pub struct Delivery {
    event: Arc<Event>,
    payload: Bytes,
}

impl Deliver for Delivery {
    fn deliver(self) {}
}
