//! WASI 0.2 for guests whose language insists on it: present, and inert.
//!
//! No files, no environment, no arguments, no network, nothing on standard
//! input. Standard output and error are the capsule's log. Clocks stand still
//! unless granted. Random numbers are real.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::{
    log::{GuestLog, Stream},
    spec::Grants,
};

// No settings: what WASI gives is inert, and these are ends that no honest
// runtime of a language comes near.

/// Handles (streams, pollables) that one instance may hold at once.
const MAX_HANDLES: usize = 1000;
/// Bytes that a guest may write at once.
const WRITE_BYTES: usize = 64 << 10;

/// Random bytes that a guest may ask for at once: making them stops the clock.
const RANDOM_BYTES: u64 = 64 << 10;

/// What WASI keeps for one instance.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
}

#[derive(Clone)]
struct Output {
    stream: Stream,
    /// `None` where the capsule may not log.
    log: Option<Arc<Mutex<GuestLog>>>,
}

struct StoppedClock;

// === impl Wasi ===

impl Wasi {
    pub(crate) fn new(grants: Grants, log: Arc<Mutex<GuestLog>>) -> Self {
        let output = |stream| Output {
            stream,
            log: grants.log.then(|| Arc::clone(&log)),
        };
        let mut builder = WasiCtx::builder();
        builder
            .stdout(output(Stream::Stdout))
            .stderr(output(Stream::Stderr))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM_BYTES);
        if !grants.clock {
            builder
                .wall_clock(StoppedClock)
                .monotonic_clock(StoppedClock);
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            ctx: builder.build(),
            table,
        }
    }

    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.ctx,
            table: &mut self.table,
        }
    }
}

// === impl Output ===

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    /// WASI 0.3 alone asks for this one, and is not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if let Some(log) = &self.log {
            log.lock().bytes(self.stream, &bytes);
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

// === impl StoppedClock ===

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StoppedClock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(granted: bool) -> (Output, Arc<Mutex<GuestLog>>) {
        let log = Arc::new(Mutex::new(GuestLog::new("noisy".into(), 2, 10)));
        let output = Output {
            stream: Stream::Stdout,
            log: granted.then(|| Arc::clone(&log)),
        };
        (output, log)
    }

    #[test]
    fn what_a_guest_prints_goes_to_its_log_within_its_limits() {
        let (mut stdout, log) = output(true);
        stdout.write(Bytes::from_static(b"a\nb\nc\nd\n")).unwrap();
        assert_eq!(log.lock().lines, 2, "the rest is cut");
    }

    #[test]
    fn what_may_not_log_prints_nowhere() {
        let (mut stdout, log) = output(false);
        stdout.write(Bytes::from_static(b"a\n")).unwrap();
        assert_eq!(log.lock().lines, 0);
    }
}
