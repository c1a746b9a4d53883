//! What the machine says: its clock, its make, and what a process has in
//! memory.

#![expect(
    clippy::disallowed_types,
    reason = "the machine's own time is what is measured"
)]

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use cpu_time::ThreadTime;
use serde::{Deserialize, Serialize};

use crate::BenchError;

/// Measures time on the machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

/// Measures the time of the thread that started it.
#[derive(Clone, Copy, Debug)]
pub struct ThreadWatch(ThreadTime);

/// Where a report comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor, as it calls itself.
    pub cpu: String,
    /// Threads that run at once.
    pub cores: usize,
    /// Threads that wanted to run at once, over the last minute: what else
    /// the machine does.
    pub load: f64,
    /// The kernel's version.
    pub kernel: String,
    /// The compiler in use.
    pub rustc: String,
}

// === impl Stopwatch ===

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago it was started.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

// === impl ThreadWatch ===

impl ThreadWatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(ThreadTime::now())
    }

    /// What this thread has had of a processor since. Time in which others had
    /// it does not count, nor does time spent waiting.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

// === impl Machine ===

impl Machine {
    /// This one; what it does not say is `unknown`.
    pub fn this() -> Self {
        let unknown = || "unknown".to_owned();
        Self {
            cpu: cpu().unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(1, Into::into),
            load: load().unwrap_or_default(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            rustc: rustc().unwrap_or_else(unknown),
        }
    }
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn rustc() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// How many bytes of this process are in memory.
///
/// # Errors
///
/// There is no `/proc` as Linux has it.
pub fn resident_bytes() -> Result<u64, BenchError> {
    status_bytes("self", "VmRSS")
}

/// How many bytes of a process were in memory at most, so far.
///
/// # Errors
///
/// It has ended, or there is no `/proc` as Linux has it.
pub fn peak_bytes(pid: u32) -> Result<u64, BenchError> {
    status_bytes(&pid.to_string(), "VmHWM")
}

fn status_bytes(process: &str, key: &str) -> Result<u64, BenchError> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).map_err(BenchError::io(format!("cannot read {path}")))?;
    kib_of(&text, key)
        .map(|kib| kib * 1024)
        .ok_or_else(|| BenchError::unexpected(format!("{path} has no {key}")))
}

fn kib_of(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_by_its_key() {
        let status = "Name:\tcapsule\nVmHWM:\t  2048 kB\nVmRSS:\t   512 kB\n";
        for (key, want) in [("VmHWM", Some(2048)), ("VmRSS", Some(512)), ("VmX", None)] {
            assert_eq!(kib_of(status, key), want, "{key}");
        }
    }
}
