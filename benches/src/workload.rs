//! One thing done again and again, and nothing else in the process: what a
//! profiler is to look at.

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::{
    Bench, BenchError,
    fixture::{CapsuleDir, Installed, Raw, draft, payload, request, single_thread},
    groups::{native, publish::Audience, request::call},
    machine::Stopwatch,
};

/// Bytes of the payload.
const BYTES: usize = 1024;
/// Capsules in the chain.
const CHAIN: usize = 8;
/// How often between two looks at the clock.
const TURN: u64 = 1000;

/// One thing that can be done alone.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    run: fn(&Bench, &Runtime, Duration) -> Result<u64, BenchError>,
}

/// All of them.
pub const WORKLOADS: [Workload; 5] = [
    Workload {
        name: "raw",
        run: |bench, runtime, length| {
            let raw = Raw::new(&bench.pass()?)?;
            let mut instance = runtime.block_on(raw.instance())?;
            again(length, call(runtime, &mut instance, &payload(BYTES)))
        },
    },
    Workload {
        name: "request",
        run: |bench, runtime, length| through(bench, runtime, length, 1),
    },
    Workload {
        name: "chain",
        run: |bench, runtime, length| through(bench, runtime, length, CHAIN),
    },
    Workload {
        name: "native",
        run: |_, runtime, length| {
            let (dispatcher, drafts) = (native::dispatcher(1)?, native::drafts(1)?);
            again(length, native::requests(runtime, &dispatcher, &drafts))
        },
    },
    Workload {
        name: "publish",
        run: |_, runtime, length| {
            let (mut audience, draft) = (Audience::new(1), draft(BYTES)?);
            again(length, audience.publish(runtime, &draft))
        },
    },
];

// === impl Workload ===

impl Workload {
    /// The one called `name`.
    pub fn find(name: &str) -> Option<Self> {
        WORKLOADS.into_iter().find(|workload| workload.name == name)
    }

    /// Does it for `length` or a little longer, on this thread, and returns how
    /// often.
    ///
    /// # Errors
    ///
    /// A capsule is not built, or an event has another outcome than it must.
    pub fn run(&self, bench: &Bench, length: Duration) -> Result<u64, BenchError> {
        (self.run)(bench, &single_thread()?, length)
    }
}

/// An event through so many capsules.
fn through(
    bench: &Bench,
    runtime: &Runtime,
    length: Duration,
    capsules: usize,
) -> Result<u64, BenchError> {
    let wasm = bench.pass()?;
    let dir = CapsuleDir::new(&bench.work, "workload")?;
    for index in 0..capsules {
        dir.add(&format!("pass-{index}"), &wasm, Installed::default())?;
    }
    let host = dir.host()?;
    again(length, request(runtime, &host, &draft(BYTES)?))
}

/// Until the time is up, and at least for one turn.
fn again(
    length: Duration,
    mut run: impl FnMut(u64) -> Result<(), BenchError>,
) -> Result<u64, BenchError> {
    let watch = Stopwatch::start();
    let mut times = 0;
    loop {
        run(TURN)?;
        times += TURN;
        if watch.elapsed() >= length {
            return Ok(times);
        }
    }
}
