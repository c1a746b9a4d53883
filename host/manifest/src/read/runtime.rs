//! The `[runtime]` table.

use super::section::Section;
use crate::{
    Runtime,
    keys::{
        INSTANCE, MAX_HOST_CALLS, MAX_INSTANCES, MAX_LOG_LINE_BYTES, MAX_LOG_LINES, MAX_RESULT_KIB,
        MEMORY_MIB, ORDER, RUNTIME, RUNTIME_TABLE, TIMEOUT_MS,
    },
};

/// Reads the table below `root`; the defaults where there is none.
///
/// Where `hook` is set no module answers, and what bounds one is refused.
pub(super) fn read(root: &Section<'_>, hook: bool) -> Runtime {
    let default = Runtime::default();
    let value = root.get(RUNTIME);
    let Some(table) = value.and_then(|value| Section::new(&RUNTIME_TABLE, &value)) else {
        return default;
    };
    if hook {
        refuse_for_a_hook(&table);
    }
    let or = |number, default| table.number(number).unwrap_or(default);
    Runtime {
        instance: table.word(INSTANCE),
        order: table.word(ORDER),
        memory_mib: or(MEMORY_MIB, default.memory_mib),
        timeout_ms: or(TIMEOUT_MS, default.timeout_ms),
        max_instances: table.number(MAX_INSTANCES),
        max_result_kib: or(MAX_RESULT_KIB, default.max_result_kib),
        max_host_calls: or(MAX_HOST_CALLS, default.max_host_calls),
        max_log_lines: or(MAX_LOG_LINES, default.max_log_lines),
        max_log_line_bytes: or(MAX_LOG_LINE_BYTES, default.max_log_line_bytes),
    }
}

fn refuse_for_a_hook(table: &Section<'_>) {
    let limits = [
        MEMORY_MIB,
        MAX_INSTANCES,
        MAX_RESULT_KIB,
        MAX_HOST_CALLS,
        MAX_LOG_LINES,
        MAX_LOG_LINE_BYTES,
    ];
    for key in limits.map(|limit| limit.key).into_iter().chain([INSTANCE]) {
        if let Some(value) = table.get(key) {
            value.refuse(
                "is for modules; the process that answers `hook` is not bound by it",
                "remove the key",
            );
        }
    }
}
