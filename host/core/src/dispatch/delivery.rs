//! An event on its way to those who subscribed to it.

use std::sync::Arc;

use super::{routing::Route, stay::Seat};
use crate::{
    lane::Deliver,
    subscribe::{Message, View},
};

/// An event on its way to those who subscribed to it.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) shared: Seat,
    pub(super) route: Arc<Route>,
    pub(super) message: Arc<Message>,
    pub(super) view: View,
}

impl Deliver for Delivery {
    fn deliver(self) {
        self.shared.hand_out(&self.route, self.message, self.view);
    }
}
