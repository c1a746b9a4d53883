//! The imports of the component. Each is called where it is asked for, so that
//! what a capsule does not ask for does not become an import of its.

use crate::{
    Level,
    guest::bindings::capsule::host::{config, context, log as imported},
};

/// The event that the running hook is asked about.
#[derive(Debug)]
pub(crate) struct Event;

/// The manifest's `[config]` table.
#[derive(Debug)]
pub(crate) struct Table;

/// Writes one line to the host's log.
pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Trace => imported::Level::Trace,
        Level::Debug => imported::Level::Debug,
        Level::Info => imported::Level::Info,
        Level::Warn => imported::Level::Warn,
        Level::Error => imported::Level::Error,
    };
    imported::write(level, message);
}

// === impl Event ===

impl Event {
    pub(crate) fn topic(&self) -> String {
        context::topic()
    }

    pub(crate) fn principal(&self) -> Option<String> {
        context::principal()
    }

    pub(crate) fn session(&self) -> Option<String> {
        context::session()
    }

    pub(crate) fn event_id(&self) -> String {
        context::event_id()
    }

    pub(crate) fn source(&self) -> String {
        context::source()
    }

    pub(crate) fn time_ms(&self) -> u64 {
        context::time_ms()
    }

    pub(crate) fn hops(&self) -> u32 {
        context::hops()
    }

    pub(crate) fn remaining_ms(&self) -> u64 {
        context::remaining_ms()
    }

    pub(crate) fn traceparent(&self) -> Option<String> {
        context::traceparent()
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn all(&self) -> String {
        config::all()
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        config::get(key)
    }
}
