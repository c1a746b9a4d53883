//! What an engine as a whole may use.

use std::time::Duration;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

/// Most instances a host may be configured for: each reserves 4 GiB of address
/// space, of which a process has 128 TiB.
const MOST_INSTANCES: u32 = 16_384;
/// Largest linear memory of WebAssembly with 32-bit addresses.
const LARGEST_MEMORY: usize = 4 * GIB;
/// Stacks that the host's own threads have, too.
const STACK_RANGE: std::ops::RangeInclusive<usize> = 64 * KIB..=16 * MIB;

/// What an engine may use. [`EngineConfig::default`] suits a host of a few
/// hundred capsules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Live instances in the whole host, idle ones included. A component with
    /// several memories counts once for each. Default 1000; each reserves
    /// 4 GiB of address space, not of memory. At most 16,384.
    pub max_instances: u32,
    /// The most that one capsule's limits may allow its instances, in bytes.
    /// Default 1 GiB; at most 4 GiB.
    pub max_memory_per_instance: usize,
    /// Linear memories and tables of all live instances together, in bytes.
    /// Default 2 GiB.
    pub memory_budget: usize,
    /// How often a guest that computes for long gives the thread back for
    /// others; the first time after ten of these, or when its time is up:
    /// a guest can be stopped at a tick only. Default 1 ms.
    pub tick: Duration,
    /// The largest component that is read, in bytes. Default 64 MiB.
    pub max_module_bytes: usize,
    /// How long compiling one component may take. Default 60 s.
    pub compile_timeout: Duration,
    /// Compilations that may be under way at once; a capsule that would be one
    /// more is not loaded. One whose time is up cannot be stopped: it counts
    /// until its end, and what it gives is dropped. Default 16.
    pub max_compiling: usize,
    /// Stack of a guest, in bytes, 64 KiB to 16 MiB. Default 512 KiB.
    pub max_wasm_stack: usize,
    /// How much of a linear memory stays resident after its instance is gone,
    /// in bytes, so that the next instance finds its pages mapped. Default
    /// 2 MiB. The processors' engines share it: with two of them each keeps
    /// half. Beside `memory_budget`, which is that of live instances, a host
    /// keeps at most this for each of `max_instances`.
    pub keep_resident: usize,
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {found}; it must be {wanted}")]
pub struct ConfigError {
    /// The field.
    pub key: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub wanted: String,
}

// === impl EngineConfig ===

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_instances: 1000,
            max_memory_per_instance: GIB,
            memory_budget: 2 * GIB,
            tick: Duration::from_millis(1),
            max_module_bytes: 64 * MIB,
            compile_timeout: Duration::from_secs(60),
            max_compiling: 16,
            max_wasm_stack: 512 * KIB,
            keep_resident: 2 * MIB,
        }
    }
}

impl EngineConfig {
    /// Checks each value against its range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first that is out of it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |key, found: String, wanted: &str| {
            Err(ConfigError {
                key,
                found,
                wanted: wanted.to_owned(),
            })
        };
        if !(1..=MOST_INSTANCES).contains(&self.max_instances) {
            let found = self.max_instances.to_string();
            return refuse("max_instances", found, "1 to 16384");
        }
        if !(64 * KIB..=LARGEST_MEMORY).contains(&self.max_memory_per_instance) {
            let found = self.max_memory_per_instance.to_string();
            return refuse("max_memory_per_instance", found, "64 KiB to 4 GiB");
        }
        if self.memory_budget < self.max_memory_per_instance {
            let found = self.memory_budget.to_string();
            let wanted = "at least `max_memory_per_instance`";
            return refuse("memory_budget", found, wanted);
        }
        if self.tick.is_zero() {
            return refuse("tick", "0".into(), "longer than nothing");
        }
        if !STACK_RANGE.contains(&self.max_wasm_stack) {
            let found = self.max_wasm_stack.to_string();
            return refuse("max_wasm_stack", found, "64 KiB to 16 MiB");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let ok = EngineConfig::default;
        let cases: [(EngineConfig, Option<&str>); 8] = [
            (ok(), None),
            (
                EngineConfig {
                    max_instances: 0,
                    ..ok()
                },
                Some("max_instances"),
            ),
            (
                EngineConfig {
                    max_instances: MOST_INSTANCES + 1,
                    ..ok()
                },
                Some("max_instances"),
            ),
            (
                EngineConfig {
                    max_memory_per_instance: LARGEST_MEMORY + 1,
                    ..ok()
                },
                Some("max_memory_per_instance"),
            ),
            (
                EngineConfig {
                    memory_budget: GIB - 1,
                    ..ok()
                },
                Some("memory_budget"),
            ),
            (
                EngineConfig {
                    tick: Duration::ZERO,
                    ..ok()
                },
                Some("tick"),
            ),
            (
                EngineConfig {
                    max_wasm_stack: 1,
                    ..ok()
                },
                Some("max_wasm_stack"),
            ),
            (
                EngineConfig {
                    max_wasm_stack: GIB,
                    ..ok()
                },
                Some("max_wasm_stack"),
            ),
        ];
        for (config, want) in cases {
            let got = config.validate().err().map(|e| e.key);
            assert_eq!(got, want, "{config:?}");
        }
    }
}
