//! An event on its way to those who subscribed to it.

use std::sync::Arc;

use super::routing::Route;
use crate::subscribe::{Message, View};

/// An event on its way to those who subscribed to it.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) route: Arc<Route>,
    pub(super) message: Arc<Message>,
    pub(super) view: View,
}
