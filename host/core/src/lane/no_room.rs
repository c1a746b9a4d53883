//! What is full, and whose.

use std::{fmt, sync::Arc};

use super::RoomUse;
use crate::types::Principal;

/// There is no room for an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoom {
    /// A lane that it would visit is full.
    #[error("{} has {capacity} events under way to `{to}` already", Tenancy(.principal))]
    Lane {
        /// Whose lane it is; `None` is the system itself.
        principal: Option<Principal>,
        /// The capsule or the subscription.
        to: Arc<str>,
        /// How many events the lane holds.
        capacity: usize,
    },
    /// Too many events wait to be delivered in their principal's order.
    #[error("{} has {capacity} events that are not delivered yet", Tenancy(.principal))]
    Outbox {
        /// Whose events; `None` is the system itself.
        principal: Option<Principal>,
        /// How many may be.
        capacity: usize,
    },
    /// The host has as many events under way as it may.
    #[error(
        "the host has {} events of {} bytes under way; it may have {} of {} \
         (`in_flight_events`, `in_flight_bytes` under [dispatch])",
        .used.events, .used.bytes, .max.events, .max.bytes
    )]
    Host {
        /// What is under way.
        used: RoomUse,
        /// What may be.
        max: RoomUse,
    },
    /// The principal has as much under way as one may.
    #[error(
        "{} has {} events of {} bytes under way; one principal may have {} of {} \
         (`in_flight_events_per_principal`, `in_flight_bytes_per_principal` under [dispatch])",
        Tenancy(.principal), .used.events, .used.bytes, .max.events, .max.bytes
    )]
    Share {
        /// Whose events; `None` is the system itself.
        principal: Option<Principal>,
        /// What is under way.
        used: RoomUse,
        /// What may be.
        max: RoomUse,
    },
    /// An observer that publishers wait for has no room.
    #[error("the observer `{observer}` is full, and publishers wait for it")]
    Observer {
        /// Its name.
        observer: Arc<str>,
    },
}

/// Whose it is, in a message.
struct Tenancy<'a>(&'a Option<Principal>);

// === impl Tenancy ===

impl fmt::Display for Tenancy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(principal) => write!(f, "principal `{principal}`"),
            None => f.write_str("the system itself"),
        }
    }
}
