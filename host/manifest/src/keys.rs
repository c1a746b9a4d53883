//! The keys of the format: their names, the ranges of their numbers, and a
//! right value of each, for messages.

/// A table and what may stand in it.
#[derive(Debug)]
pub(crate) struct Table {
    /// How the table is written.
    pub(crate) title: &'static str,
    /// The names of its keys, in the order in which they are documented.
    pub(crate) keys: &'static [&'static str],
    /// What authors write for a key, by the name of the right one.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
}

/// A key, or one element of its list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// A line of TOML that sets it rightly.
    pub(crate) example: &'static str,
}

/// A key whose value is a whole number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) key: Key,
    pub(crate) min: i64,
    pub(crate) max: i64,
    /// Written behind the range; empty for numbers without one.
    pub(crate) unit: &'static str,
}

const fn key(name: &'static str, example: &'static str) -> Key {
    Key { name, example }
}

const fn number(key: Key, min: i64, max: i64, unit: &'static str) -> Number {
    Number {
        key,
        min,
        max,
        unit,
    }
}

/// The top level of the file.
pub(crate) const ROOT: Table = Table {
    title: "the manifest",
    keys: &[
        "manifest_version",
        "capsule",
        "runtime",
        "interceptor",
        "subscribe",
        "capabilities",
        "config",
    ],
    aliases: &[
        ("version", "manifest_version"),
        ("schema_version", "manifest_version"),
        ("package", "capsule"),
        ("plugin", "capsule"),
        ("interceptors", "interceptor"),
        ("hook", "interceptor"),
        ("hooks", "interceptor"),
        ("permissions", "capabilities"),
        ("settings", "config"),
        ("limits", "runtime"),
    ],
};
pub(crate) const MANIFEST_VERSION: Key = key("manifest_version", "manifest_version = 1");
pub(crate) const CAPSULE: Key = key("capsule", "[capsule]");
pub(crate) const RUNTIME: Key = key("runtime", "[runtime]");
pub(crate) const INTERCEPTOR: Key = key("interceptor", "[[interceptor]]");
pub(crate) const SUBSCRIBE: Key = key("subscribe", "[subscribe]");
pub(crate) const CAPABILITIES: Key = key("capabilities", "[capabilities]");
pub(crate) const CONFIG: Key = key("config", "[config]");

/// Who the capsule is.
pub(crate) const CAPSULE_TABLE: Table = Table {
    title: "`[capsule]`",
    keys: &["name", "version", "description", "module", "sha256", "hook"],
    aliases: &[
        ("id", "name"),
        ("summary", "description"),
        ("wasm", "module"),
        ("component", "module"),
        ("path", "module"),
        ("file", "module"),
        ("hash", "sha256"),
        ("checksum", "sha256"),
        ("digest", "sha256"),
        ("external", "hook"),
        ("process", "hook"),
    ],
};
pub(crate) const NAME: Key = key("name", r#"name = "tool-guard""#);
pub(crate) const VERSION: Key = key("version", r#"version = "0.1.0""#);
pub(crate) const DESCRIPTION: Key = key(
    "description",
    r#"description = "Refuses destructive shell commands""#,
);
pub(crate) const MODULE: Key = key("module", r#"module = "tool-guard.wasm""#);
pub(crate) const SHA256: Key = key("sha256", r#"sha256 = "9f86d0…" with 64 digits"#);
pub(crate) const HOOK: Key = key("hook", r#"hook = "review""#);
/// Most characters of a name.
pub(crate) const MAX_NAME_CHARS: usize = 64;
/// Most characters of a description.
pub(crate) const MAX_DESCRIPTION_CHARS: usize = 256;
/// Most bytes of the path of a module.
pub(crate) const MAX_MODULE_BYTES: usize = 255;

/// How the capsule is run.
pub(crate) const RUNTIME_TABLE: Table = Table {
    title: "`[runtime]`",
    keys: &[
        "instance",
        "order",
        "memory_mib",
        "timeout_ms",
        "max_instances",
        "max_result_kib",
        "max_host_calls",
        "max_log_lines",
        "max_log_line_bytes",
    ],
    aliases: &[
        ("instances", "max_instances"),
        ("ordering", "order"),
        ("memory", "memory_mib"),
        ("memory_mb", "memory_mib"),
        ("max_memory", "memory_mib"),
        ("timeout", "timeout_ms"),
        ("timeout_s", "timeout_ms"),
        ("timeout_secs", "timeout_ms"),
        ("max_result", "max_result_kib"),
        ("max_result_bytes", "max_result_kib"),
    ],
};
pub(crate) const INSTANCE: Key = key("instance", r#"instance = "principal""#);
pub(crate) const ORDER: Key = key("order", r#"order = "principal""#);
pub(crate) const MEMORY_MIB: Number = number(key("memory_mib", "memory_mib = 64"), 1, 4096, "MiB");
pub(crate) const TIMEOUT_MS: Number =
    number(key("timeout_ms", "timeout_ms = 1000"), 1, 600_000, "ms");
pub(crate) const MAX_INSTANCES: Number = number(
    key("max_instances", "max_instances = 100"),
    1,
    100_000,
    "instances",
);
pub(crate) const MAX_RESULT_KIB: Number = number(
    key("max_result_kib", "max_result_kib = 1024"),
    1,
    65_536,
    "KiB",
);
pub(crate) const MAX_HOST_CALLS: Number = number(
    key("max_host_calls", "max_host_calls = 10000"),
    1,
    1_000_000,
    "calls",
);
pub(crate) const MAX_LOG_LINES: Number = number(
    key("max_log_lines", "max_log_lines = 64"),
    1,
    10_000,
    "lines",
);
pub(crate) const MAX_LOG_LINE_BYTES: Number = number(
    key("max_log_line_bytes", "max_log_line_bytes = 4096"),
    64,
    65_536,
    "bytes",
);

/// One interceptor.
pub(crate) const INTERCEPTOR_TABLE: Table = Table {
    title: "`[[interceptor]]`",
    keys: &[
        "event",
        "action",
        "priority",
        "on_error",
        "timeout_ms",
        "mode",
    ],
    aliases: INTERCEPTOR_ALIASES,
};
/// One line of `[subscribe]`: an interceptor whose event is the line's key.
pub(crate) const SUBSCRIBE_TABLE: Table = Table {
    title: "a line of `[subscribe]`",
    keys: &["action", "priority", "on_error", "timeout_ms", "mode"],
    aliases: INTERCEPTOR_ALIASES,
};
const INTERCEPTOR_ALIASES: &[(&str, &str)] = &[
    ("events", "event"),
    ("topic", "event"),
    ("topics", "event"),
    ("pattern", "event"),
    ("on", "event"),
    ("handler", "action"),
    ("hook", "action"),
    ("function", "action"),
    ("order", "priority"),
    ("on_failure", "on_error"),
    ("fail", "on_error"),
    ("fail_open", "on_error"),
    ("fail_closed", "on_error"),
    ("timeout", "timeout_ms"),
    ("timeout_s", "timeout_ms"),
    ("timeout_secs", "timeout_ms"),
    ("dry_run", "mode"),
    ("monitor", "mode"),
];
pub(crate) const EVENT: Key = key("event", r#"event = "tool.execute.*""#);
pub(crate) const ACTION: Key = key("action", r#"action = "check""#);
pub(crate) const PRIORITY: Number = number(
    key("priority", "priority = 100"),
    i32::MIN as i64,
    i32::MAX as i64,
    "",
);
pub(crate) const ON_ERROR: Key = key("on_error", r#"on_error = "deny""#);
pub(crate) const MODE: Key = key("mode", r#"mode = "enforce""#);
/// A line of `[subscribe]`, whatever its pattern.
pub(crate) const SUBSCRIPTION: Key = key("", r#""user.prompt" = { action = "scan" }"#);
/// Most characters of an action.
pub(crate) const MAX_ACTION_CHARS: usize = 64;

/// What the capsule may do.
pub(crate) const CAPABILITIES_TABLE: Table = Table {
    title: "`[capabilities]`",
    keys: &[
        "log",
        "clock",
        "kv",
        "publish",
        "trigger",
        "publish_per_second",
        "env",
        "dirs",
        "allowed_hosts",
    ],
    aliases: &[
        ("logging", "log"),
        ("time", "clock"),
        ("keyvalue", "kv"),
        ("key_value", "kv"),
        ("storage", "kv"),
        ("bus", "publish"),
        ("emit", "publish"),
        ("ask", "trigger"),
        ("request", "trigger"),
        ("publish_rate", "publish_per_second"),
        ("rate", "publish_per_second"),
        ("rate_limit", "publish_per_second"),
        ("trigger_per_second", "publish_per_second"),
        ("environment", "env"),
        ("files", "dirs"),
        ("fs", "dirs"),
        ("dir", "dirs"),
        ("preopens", "dirs"),
        ("hosts", "allowed_hosts"),
        ("network", "allowed_hosts"),
        ("http", "allowed_hosts"),
    ],
};
pub(crate) const LOG: Key = key("log", "log = true");
pub(crate) const CLOCK: Key = key("clock", "clock = true");
pub(crate) const KV: Key = key("kv", "kv = true");
pub(crate) const PUBLISH: Key = key("publish", r#"publish = ["audit.>"]"#);
pub(crate) const TRIGGER: Key = key("trigger", r#"trigger = ["review.>"]"#);
pub(crate) const PUBLISH_PER_SECOND: Number = number(
    key("publish_per_second", "publish_per_second = 100"),
    1,
    100_000,
    "events",
);
pub(crate) const ENV: Key = key("env", r#"env = ["LANG"]"#);
pub(crate) const DIRS: Key = key(
    "dirs",
    r#"dirs = [{ host = "/srv/rules", guest = "/rules", access = "read" }]"#,
);
pub(crate) const ALLOWED_HOSTS: Key = key(
    "allowed_hosts",
    r#"allowed_hosts = ["api.example.com:443"]"#,
);

/// One directory.
pub(crate) const DIR_TABLE: Table = Table {
    title: "an entry of `dirs`",
    keys: &["host", "guest", "access"],
    aliases: &[
        ("path", "host"),
        ("source", "host"),
        ("target", "guest"),
        ("mode", "access"),
        ("write", "access"),
    ],
};
pub(crate) const HOST: Key = key("host", r#"host = "/srv/rules""#);
pub(crate) const GUEST: Key = key("guest", r#"guest = "/rules""#);
pub(crate) const ACCESS: Key = key("access", r#"access = "read""#);

/// Where a key that stands in the wrong table may belong.
pub(crate) const TABLES: [&Table; 5] = [
    &ROOT,
    &CAPSULE_TABLE,
    &RUNTIME_TABLE,
    &INTERCEPTOR_TABLE,
    &CAPABILITIES_TABLE,
];
