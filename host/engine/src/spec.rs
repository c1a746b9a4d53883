//! What a capsule's manifest says about how it runs.

use std::sync::Arc;

use capsule_core::hook::Outlet;

/// How a capsule runs and what it may do.
#[derive(Clone, Debug)]
pub struct CapsuleSpec {
    /// The capsule's id, for logs and messages.
    pub id: Arc<str>,
    /// How long an instance lives, and whom it serves.
    pub instance: InstanceMode,
    /// What one instance and one call may use.
    pub limits: Limits,
    /// What the component may import.
    pub grants: Grants,
    /// The manifest's `[config]` table as one JSON object.
    pub config_json: Arc<str>,
    /// The capsule's door to the bus, `capsule:host/bus`; `None` where the
    /// manifest grants nothing of it.
    pub outlet: Option<Arc<dyn Outlet>>,
}

/// How long an instance lives, and whom it serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InstanceMode {
    /// Kept for the principal whose event it was made for, and no other.
    #[default]
    Principal,
    /// Made for one call and then dropped.
    Fresh,
    /// Kept for whichever principal comes next.
    Shared,
}

/// What one instance and one call may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// All linear memories and tables of an instance together, in bytes.
    /// Default 64 MiB.
    pub memory_bytes: usize,
    /// Live instances of the capsule, idle ones included. Default `None`: the
    /// host's own limit alone counts.
    pub max_instances: Option<u32>,
    /// What one answer, what is handed to the host in one call, or the replies
    /// to one trigger together may have in bytes. Default 1 MiB.
    pub result_bytes: usize,
    /// Times a call may leave the guest: for the host's functions, for WASI's,
    /// or for more memory. Default 10,000.
    pub host_calls: u32,
    /// Lines a call may log. Default 64.
    pub log_lines: u32,
    /// Bytes a logged line may have. Default 4 KiB.
    pub log_line_bytes: usize,
}

/// What a component may import beyond its event, its configuration and the
/// bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grants {
    /// `capsule:host/log`, and standard output and error of WASI. Granted by
    /// default.
    pub log: bool,
    /// The time of day and a running clock through WASI; without it both
    /// stand still at 0.
    pub clock: bool,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            max_instances: None,
            result_bytes: 1 << 20,
            host_calls: 10_000,
            log_lines: 64,
            log_line_bytes: 4 << 10,
        }
    }
}

// === impl Grants ===

impl Default for Grants {
    fn default() -> Self {
        Self {
            log: true,
            clock: false,
        }
    }
}
