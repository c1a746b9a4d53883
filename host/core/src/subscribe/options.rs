//! What a subscriber asks for.

use std::sync::Arc;

use super::{Condition, Filter};
use crate::{mailbox::MailboxConfig, types::Principal};

/// What a subscriber asks for.
#[derive(Clone, Debug)]
#[must_use]
pub struct SubscribeOptions {
    /// What it is called in reports: of what it lost, for one.
    pub name: Arc<str>,
    /// Which events it wants.
    pub filter: Filter,
    /// Whose events it may see.
    pub scope: Scope,
    /// What it sees of them.
    pub view: View,
    /// What its queue may hold, and what happens when it is full; `None` is
    /// what the host says.
    pub mailbox: Option<MailboxConfig>,
}

/// Whose events a subscription may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    #[default]
    All,
    /// Those of one principal; `None` is the system itself. It never holds a
    /// byte of another's.
    Principal(Option<Principal>),
}

/// What a subscription sees of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// What its chain has admitted, as the chain left it.
    #[default]
    Admitted,
    /// Everything that is taken in, as published, before its chain: a tap.
    Raw,
}

// === impl SubscribeOptions ===

impl SubscribeOptions {
    /// Everything that is admitted, from everybody, with the host's own queue.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            filter: Filter::everything(),
            scope: Scope::default(),
            view: View::default(),
            mailbox: None,
        }
    }

    /// Conditions of one class of which every event that it may get fulfils
    /// exactly one; `None` if there are no such.
    pub(crate) fn keys(&self) -> Option<Vec<Condition>> {
        match &self.scope {
            Scope::Principal(principal) => Some(vec![Condition::Principal(principal.clone())]),
            Scope::All => self.filter.keys(),
        }
    }

    /// Wants only what `filter` lets through.
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sees only the events of `scope`.
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sees events as `view` says.
    pub fn with_view(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    /// Queues as `mailbox` says.
    pub fn with_mailbox(mut self, mailbox: MailboxConfig) -> Self {
        self.mailbox = Some(mailbox);
        self
    }
}
