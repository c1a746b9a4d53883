//! The settings of a host and their defaults.

use std::{
    num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use capsule_core::{
    broker::BrokerConfig,
    dispatch::DispatchConfig,
    lane::{LaneConfig, RoomUse},
    mailbox::{MailboxConfig, Overflow, Quantum},
    quarantine::QuarantineConfig,
    session::SessionConfig,
};
use capsule_engine::EngineConfig;
use serde::Deserialize;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Everything that can be set, as `host.toml` has it. What is left out keeps
/// its default; a key that is not known is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// The directory that holds one directory for each capsule.
    pub capsules: Option<PathBuf>,
    /// Where compiled modules are kept; default `capsule` in the user's cache
    /// directory.
    pub cache_dir: Option<PathBuf>,
    /// Compile anew at each start instead.
    pub no_cache: bool,
    /// Start without the capsules that cannot be loaded.
    pub keep_going: bool,
    /// What all capsules together may use.
    pub engine: EngineSettings,
    /// How events are ordered and timed.
    pub dispatch: DispatchSettings,
    /// When a capsule that keeps failing is taken out.
    pub quarantine: QuarantineSettings,
    /// How much waits for one subscriber.
    pub queue: QueueSettings,
    /// How external hooks are asked.
    pub hooks: HookSettings,
    /// How lines of events are read.
    pub input: InputSettings,
}

/// `[engine]`: what all capsules together may use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Live instances, idle ones included. Default 1000.
    pub max_instances: u32,
    /// Memories and tables of all live instances, in MiB. Default 2048.
    pub memory_mib: usize,
    /// The most that a manifest may ask for one instance, in MiB. Default 1024.
    pub max_memory_mib_per_instance: usize,
    /// The largest module, in MiB. Default 64.
    pub max_module_mib: usize,
    /// How long compiling one module may take, in milliseconds. Default 60000.
    pub compile_timeout_ms: u64,
    /// Compilations at once, those whose time is up included: they cannot be
    /// stopped. Default 16.
    pub max_compiling: usize,
    /// How often a guest that computes for long gives its thread back, in
    /// milliseconds; the first time after ten of these, or when its time is
    /// up: a guest can be stopped at a tick only. Default 1.
    pub tick_ms: NonZeroU64,
    /// Stack of a guest, in KiB, 64 to 16384. Default 512.
    pub max_wasm_stack_kib: usize,
    /// How much of a memory stays resident for the next instance, in KiB.
    /// Default 2048.
    pub keep_resident_kib: usize,
}

/// `[dispatch]`: how events are ordered and timed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchSettings {
    /// Events of one (capsule, principal) under way; and of one principal that
    /// are not delivered to subscriptions yet. Default 64.
    pub lane_capacity: NonZeroUsize,
    /// Principals that have a lane of a capsule to themselves at once; those
    /// beyond share one. One with a single event under way needs none. Default
    /// 10000.
    pub max_lanes_per_capsule: usize,
    /// Events of the whole host under way. Default 65536, at most 8388607.
    pub in_flight_events: NonZeroU32,
    /// Their bytes: payloads, texts, and 256 for each. Default 256 MiB, at
    /// most 1 TiB less a byte.
    pub in_flight_bytes: NonZeroU64,
    /// Events of one principal under way. Default 16384.
    pub in_flight_events_per_principal: NonZeroU32,
    /// Their bytes. Default 64 MiB; one event may have more.
    pub in_flight_bytes_per_principal: NonZeroU64,
    /// How long the hooks of one chain may take together, in milliseconds.
    /// Default 5000.
    pub chain_deadline_ms: NonZeroU64,
    /// How long a trigger that does not say waits for all replies, in
    /// milliseconds. Default 5000.
    pub trigger_deadline_ms: NonZeroU64,
    /// How far an event may be from one that no capsule made. Default 8.
    pub max_hops: u32,
    /// How often at most it is reported that a consumer lags, in milliseconds.
    /// Default 10000.
    pub lag_report_interval_ms: NonZeroU64,
    /// How often at most failures of one family, of one action of one capsule,
    /// are a warning in the log, in milliseconds; 0 logs each. Default 10000.
    pub failure_log_interval_ms: u64,
    /// Topics whose route each thread that publishes remembers. Default 4096.
    pub cached_topics: NonZeroUsize,
    /// Sessions that may be registered; the one unused for longest goes first.
    /// Default 100000.
    pub max_sessions: NonZeroUsize,
    /// Those of one principal. Default 10000.
    pub max_sessions_per_principal: NonZeroUsize,
}

/// `[quarantine]`: when a capsule that keeps failing is taken out, for the
/// principal whose events it fails on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuarantineSettings {
    /// Failures in a row that take it out; 0 never does. Default 5.
    pub failures: u32,
    /// How long it is out at first, in milliseconds; twice as long each time
    /// that it fails again. Default 1000.
    pub first_ms: u64,
    /// How long it is out at most, in milliseconds. Default 300000.
    pub longest_ms: u64,
    /// Principals whose failures are counted at once, for one capsule; for
    /// those beyond it is never taken out. Default 10000.
    pub max_principals: usize,
}

/// `[queue]`: what waits for one subscriber that does not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSettings {
    /// Most bytes; also the largest event that it takes. Default 1 MiB.
    pub max_bytes: NonZeroUsize,
    /// Most events. Default 4096.
    pub max_items: NonZeroUsize,
    /// The bytes that a principal is served in one turn; at least 4096, which
    /// is the default.
    pub quantum_bytes: usize,
    /// What happens when it is full. Default `drop-oldest`.
    pub overflow: Overflow,
}

/// `[hooks]`: how external hooks are asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HookSettings {
    /// Requests that may wait in the queue of one subscriber; one that has no
    /// room for the next is disconnected. Default 10000.
    pub subscriber_queue: NonZeroUsize,
    /// Questions that may be open in all. Default 10000.
    pub max_waiting: NonZeroUsize,
    /// Subscribers in all. Default 1024.
    pub max_subscribers: NonZeroUsize,
    /// How long a question stays open whose caller does not say, in
    /// milliseconds. Default 5000.
    pub deadline_ms: NonZeroU64,
}

/// `[input]`: how lines of events are read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputSettings {
    /// The longest line, in bytes. Default 8 MiB.
    pub max_line_bytes: NonZeroUsize,
    /// Events taken in whose outcome is not written yet; each may hold an
    /// answer as large as its capsule's manifest allows. Default 256.
    pub in_flight_events: NonZeroU16,
    /// Bytes of the lines read whose outcome is not written yet. Default
    /// 64 MiB.
    pub in_flight_bytes: NonZeroU32,
}

// === impl EngineSettings ===

impl Default for EngineSettings {
    fn default() -> Self {
        let engine = EngineConfig::default();
        Self {
            max_instances: engine.max_instances,
            memory_mib: engine.memory_budget / MIB,
            max_memory_mib_per_instance: engine.max_memory_per_instance / MIB,
            max_module_mib: engine.max_module_bytes / MIB,
            compile_timeout_ms: engine.compile_timeout.as_millis() as u64,
            max_compiling: engine.max_compiling,
            tick_ms: const { NonZeroU64::new(1).unwrap() },
            max_wasm_stack_kib: engine.max_wasm_stack / KIB,
            keep_resident_kib: engine.keep_resident / KIB,
        }
    }
}

impl EngineSettings {
    /// The engine's own form of it.
    pub fn to_engine(&self) -> EngineConfig {
        EngineConfig {
            max_instances: self.max_instances,
            memory_budget: self.memory_mib.saturating_mul(MIB),
            max_memory_per_instance: self.max_memory_mib_per_instance.saturating_mul(MIB),
            max_module_bytes: self.max_module_mib.saturating_mul(MIB),
            compile_timeout: Duration::from_millis(self.compile_timeout_ms),
            max_compiling: self.max_compiling,
            tick: Duration::from_millis(self.tick_ms.get()),
            max_wasm_stack: self.max_wasm_stack_kib.saturating_mul(KIB),
            keep_resident: self.keep_resident_kib.saturating_mul(KIB),
        }
    }
}

// === impl DispatchSettings ===

impl Default for DispatchSettings {
    fn default() -> Self {
        let dispatch = DispatchConfig::default();
        Self {
            lane_capacity: dispatch.lanes.capacity,
            max_lanes_per_capsule: dispatch.lanes.max_lanes_per_capsule,
            in_flight_events: const { NonZeroU32::new(65_536).unwrap() },
            in_flight_bytes: const { NonZeroU64::new(256 * MIB as u64).unwrap() },
            in_flight_events_per_principal: const { NonZeroU32::new(16_384).unwrap() },
            in_flight_bytes_per_principal: const { NonZeroU64::new(64 * MIB as u64).unwrap() },
            chain_deadline_ms: const { NonZeroU64::new(5000).unwrap() },
            trigger_deadline_ms: const { NonZeroU64::new(5000).unwrap() },
            max_hops: dispatch.max_hops,
            lag_report_interval_ms: const { NonZeroU64::new(10_000).unwrap() },
            failure_log_interval_ms: dispatch.failure_log_interval.as_millis() as u64,
            cached_topics: dispatch.cached_topics,
            max_sessions: dispatch.sessions.max_bound,
            max_sessions_per_principal: dispatch.sessions.max_bound_per_principal,
        }
    }
}

impl DispatchSettings {
    /// The dispatcher's own form of it.
    pub fn to_dispatch(&self) -> DispatchConfig {
        DispatchConfig {
            lanes: LaneConfig {
                capacity: self.lane_capacity,
                max_lanes_per_capsule: self.max_lanes_per_capsule,
                in_flight: RoomUse {
                    events: self.in_flight_events.get().into(),
                    bytes: self.in_flight_bytes.get(),
                },
                in_flight_per_principal: RoomUse {
                    events: self.in_flight_events_per_principal.get().into(),
                    bytes: self.in_flight_bytes_per_principal.get(),
                },
            },
            chain_deadline: Duration::from_millis(self.chain_deadline_ms.get()),
            trigger_deadline: Duration::from_millis(self.trigger_deadline_ms.get()),
            max_hops: self.max_hops,
            lag_report_interval: Duration::from_millis(self.lag_report_interval_ms.get()),
            failure_log_interval: Duration::from_millis(self.failure_log_interval_ms),
            cached_topics: self.cached_topics,
            sessions: SessionConfig {
                max_bound: self.max_sessions,
                max_bound_per_principal: self.max_sessions_per_principal,
            },
            ..DispatchConfig::default()
        }
    }
}

// === impl QuarantineSettings ===

impl Default for QuarantineSettings {
    fn default() -> Self {
        let quarantine = QuarantineConfig::default();
        Self {
            failures: quarantine.failures,
            first_ms: quarantine.first.as_millis() as u64,
            longest_ms: quarantine.longest.as_millis() as u64,
            max_principals: quarantine.max_principals,
        }
    }
}

impl QuarantineSettings {
    /// The core's own form of it; `None` never takes a capsule out.
    pub fn to_quarantine(&self) -> Option<QuarantineConfig> {
        (self.failures > 0).then(|| QuarantineConfig {
            failures: self.failures,
            first: Duration::from_millis(self.first_ms),
            longest: Duration::from_millis(self.longest_ms),
            max_principals: self.max_principals,
        })
    }
}

// === impl QueueSettings ===

impl Default for QueueSettings {
    fn default() -> Self {
        let queue = MailboxConfig::default();
        Self {
            max_bytes: queue.max_bytes,
            max_items: queue.max_items,
            quantum_bytes: queue.quantum_bytes.get(),
            overflow: queue.overflow,
        }
    }
}

impl QueueSettings {
    /// The core's own form of it.
    pub fn to_queue(&self) -> MailboxConfig {
        MailboxConfig {
            max_bytes: self.max_bytes,
            max_items: self.max_items,
            quantum_bytes: Quantum::new(self.quantum_bytes),
            overflow: self.overflow,
        }
    }
}

// === impl HookSettings ===

impl Default for HookSettings {
    fn default() -> Self {
        let broker = BrokerConfig::default();
        Self {
            subscriber_queue: broker.subscriber_queue,
            max_waiting: broker.max_waiting,
            max_subscribers: broker.max_subscribers,
            deadline_ms: const { NonZeroU64::new(5000).unwrap() },
        }
    }
}

impl HookSettings {
    /// The broker's own form of it.
    pub fn to_broker(&self) -> BrokerConfig {
        BrokerConfig {
            subscriber_queue: self.subscriber_queue,
            max_waiting: self.max_waiting,
            max_subscribers: self.max_subscribers,
            deadline: Duration::from_millis(self.deadline_ms.get()),
        }
    }
}

// === impl InputSettings ===

impl Default for InputSettings {
    fn default() -> Self {
        Self {
            max_line_bytes: const { NonZeroUsize::new(8 * MIB).unwrap() },
            in_flight_events: const { NonZeroU16::new(256).unwrap() },
            in_flight_bytes: const { NonZeroU32::new(64 * MIB as u32).unwrap() },
        }
    }
}
