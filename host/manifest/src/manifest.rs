//! What a manifest says, once it has been checked.

use std::time::Duration;

use capsule_core::{broker::HookName, types::Pattern};
use semver::Version;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Access, Instance, Mode, OnError, Order, source::Places};

/// The manifest of one capsule.
///
/// It serializes to JSON with every default filled in, for operators and
/// tests; the JSON is not read back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Who the capsule is.
    pub capsule: CapsuleInfo,
    /// How it is run, and within what limits.
    pub runtime: Runtime,
    /// What it intercepts, in the order of declaration: every
    /// `[[interceptor]]`, then every line of `[subscribe]`. At least one, and
    /// no two with the same event and action.
    pub interceptors: Vec<Interceptor>,
    /// What it may do.
    pub capabilities: Capabilities,
    /// The `[config]` table; dates have become strings. Handed to the capsule
    /// as it is.
    pub config: Map<String, Value>,
    /// Where in the file each value is.
    #[serde(skip)]
    pub(crate) places: Places,
}

/// The `[capsule]` table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CapsuleInfo {
    /// The capsule's id: 1 to 64 of `a-z 0-9 -`, the first a letter or digit,
    /// the last no `-`. That no other capsule of the host has it is checked
    /// where all of them are known.
    pub name: String,
    /// Its version.
    #[serde(serialize_with = "as_text")]
    pub version: Version,
    /// What it does: one line of at most 256 characters; may be empty.
    pub description: String,
    /// What answers its interceptors.
    #[serde(flatten)]
    pub answered_by: AnsweredBy,
}

/// What answers the interceptors of a capsule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AnsweredBy {
    /// A component.
    Module(Module),
    /// A process outside of the host that subscribes to this hook.
    Hook {
        /// The name of the hook.
        #[serde(serialize_with = "as_text")]
        hook: HookName,
    },
}

/// The component of a capsule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Module {
    /// A path relative to the capsule's directory, of plain names joined by
    /// `/`, ending in `.wasm`. That no link leads out of the directory is
    /// checked where the file is opened.
    #[serde(rename = "module")]
    pub path: String,
    /// The SHA-256 of the module's bytes, where the manifest pins it.
    #[serde(serialize_with = "as_hex")]
    pub sha256: Option<[u8; 32]>,
}

/// The `[runtime]` table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Runtime {
    /// Which calls may meet the same instance.
    pub instance: Instance,
    /// Which deliveries wait for one another.
    pub order: Order,
    /// Most MiB (2^20 bytes) one instance may hold, over all its memories and
    /// tables; 1 to 4096, default 64.
    pub memory_mib: u32,
    /// Most milliseconds one call may take, time in host calls included; 1 to
    /// 600000, default 1000. Interceptors may say otherwise.
    pub timeout_ms: u32,
    /// Most instances of this capsule at once, 1 to 100000; where it is left
    /// out the host's own limit holds.
    pub max_instances: Option<u32>,
    /// Most KiB (2^10 bytes) a verdict may carry; 1 to 65536, default 1024.
    pub max_result_kib: u32,
    /// Most calls of host functions in one call of the hook; 1 to 1000000,
    /// default 10000.
    pub max_host_calls: u32,
    /// Most log lines of one call; 1 to 10000, default 64. Those behind are
    /// dropped, and counted.
    pub max_log_lines: u32,
    /// Most bytes of one log line; 64 to 65536, default 4096. What is longer
    /// is cut.
    pub max_log_line_bytes: u32,
}

/// One `[[interceptor]]`, or one line of `[subscribe]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Interceptor {
    /// The topics it intercepts; never the host's own (`host.…`).
    #[serde(serialize_with = "as_text")]
    pub event: Pattern,
    /// The word handed to the hook: 1 to 64 of `a-z A-Z 0-9 _ -`.
    pub action: String,
    /// Its place in a chain: the smaller, the earlier; default 100.
    pub priority: i32,
    /// What becomes of the event when it fails.
    pub on_error: OnError,
    /// Most milliseconds one call may take, time in host calls included; 1 to
    /// 600000, default what `[runtime]` says.
    pub timeout_ms: u32,
    /// Whether its verdict counts.
    pub mode: Mode,
}

/// The `[capabilities]` table: what the capsule may do beside answering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Write to the host's log. The one thing that is granted unless it is
    /// taken away: a capsule that cannot say why it panicked cannot be
    /// operated, and all it could do with the log is fill it, which
    /// [`max_log_lines`](Runtime::max_log_lines) and
    /// [`max_log_line_bytes`](Runtime::max_log_line_bytes) bound.
    pub log: bool,
    /// Read the time of day and measure time.
    pub clock: bool,
    /// Keep state per principal.
    pub kv: bool,
    /// Publish to these topics; never to the host's own (`host.…`). No
    /// pattern stands here twice.
    #[serde(serialize_with = "as_texts")]
    pub publish: Vec<Pattern>,
    /// Ask the interceptors of these topics and gather what they reply; never
    /// of the host's own (`host.…`). No pattern stands here twice.
    #[serde(serialize_with = "as_texts")]
    pub trigger: Vec<Pattern>,
    /// How often it may publish or trigger in a second for one principal; 1 to
    /// 100000, default 100. Says nothing where neither is granted.
    pub publish_per_second: u32,
    /// See these variables of the host's environment, by name.
    pub env: Vec<String>,
    /// See these directories of the host.
    pub dirs: Vec<Dir>,
    /// Connect to these hosts: a name or an address in lower case, with a
    /// port behind `:` where only that one is meant.
    pub allowed_hosts: Vec<String>,
}

/// A directory of the host that a capsule sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Dir {
    /// Where it is on the host: an absolute path.
    pub host: String,
    /// Where the capsule sees it: an absolute path.
    pub guest: String,
    /// What the capsule may do there.
    pub access: Access,
}

// === impl Manifest ===

impl Manifest {
    /// The line and the column, each from 1, of the value of `key`, which is
    /// written as in messages: `capsule.module`, `interceptor[0].action`.
    /// `None` where the file does not set it.
    pub fn place(&self, key: &str) -> Option<(usize, usize)> {
        self.places.get(key)
    }

    /// The `[config]` table as the text of one JSON object; `{}` where the
    /// manifest has none.
    pub fn config_json(&self) -> String {
        Value::Object(self.config.clone()).to_string()
    }
}

// === impl CapsuleInfo ===

impl CapsuleInfo {
    /// Its component, where one answers.
    pub fn module(&self) -> Option<&Module> {
        match &self.answered_by {
            AnsweredBy::Module(module) => Some(module),
            AnsweredBy::Hook { .. } => None,
        }
    }
}

// === impl Runtime ===

impl Default for Runtime {
    fn default() -> Self {
        Self {
            instance: Instance::default(),
            order: Order::default(),
            memory_mib: 64,
            timeout_ms: 1000,
            max_instances: None,
            max_result_kib: 1024,
            max_host_calls: 10_000,
            max_log_lines: 64,
            max_log_line_bytes: 4096,
        }
    }
}

impl Runtime {
    /// [`memory_mib`](Self::memory_mib) in bytes.
    pub fn memory_bytes(&self) -> u64 {
        u64::from(self.memory_mib) << 20
    }

    /// [`max_result_kib`](Self::max_result_kib) in bytes.
    pub fn max_result_bytes(&self) -> u64 {
        u64::from(self.max_result_kib) << 10
    }
}

// === impl Interceptor ===

impl Interceptor {
    /// The priority of an interceptor that does not name one.
    pub const DEFAULT_PRIORITY: i32 = 100;

    /// [`timeout_ms`](Self::timeout_ms) as a duration.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

// === impl Capabilities ===

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            log: true,
            clock: false,
            kv: false,
            publish: Vec::new(),
            trigger: Vec::new(),
            publish_per_second: 100,
            env: Vec::new(),
            dirs: Vec::new(),
            allowed_hosts: Vec::new(),
        }
    }
}

fn as_text<S: Serializer>(value: &impl ToString, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&value.to_string())
}

fn as_texts<S: Serializer>(values: &[impl ToString], out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(values.iter().map(ToString::to_string))
}

fn as_hex<S: Serializer>(digest: &Option<[u8; 32]>, out: S) -> Result<S::Ok, S::Error> {
    match digest {
        Some(bytes) => out.serialize_some(&hex(bytes)),
        None => out.serialize_none(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
