//! What principals and instances take.
//!
//! Measured in a process of its own, so that what other groups have allocated
//! does not count, and as the growth from some to many, so that what is paid
//! once does not.

use std::{
    ops::Range,
    process::{Command, Stdio},
    sync::Arc,
};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher, Running},
    types::Principal,
};
use capsule_host::Host;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::{
    Bench, BenchError, Findings,
    bench::Length,
    figure::{Figure, Unit},
    fixture::{CapsuleDir, Installed, Pass, TOPIC, admitted, draft, interceptor, single_thread},
    harness::Spread,
    machine::resident_bytes,
};

/// Bytes of a payload.
const BYTES: usize = 64;
const INSTANCE: Figure = Figure::at_most(
    "resident for a live instance of a small capsule",
    24.0 * 1024.0,
    Unit::Bytes,
);
const ACTIVE: Figure = Figure::at_most(
    "resident for a principal with an event under way and no instance",
    600.0,
    Unit::Bytes,
);
/// Less than half a byte is none: pages that others use are shared by many.
const IDLE: Figure = Figure::at_most("left of a principal that has gone", 0.5, Unit::Bytes);

/// How many of each.
#[derive(Clone, Copy, Debug)]
struct Scale {
    instances: Range64,
    active: Range64,
    /// Principals that come and go in each round.
    passing: u64,
}

/// From some to many.
#[derive(Clone, Copy, Debug)]
struct Range64 {
    some: u64,
    many: u64,
}

/// Bytes, each by each.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Measured {
    instance: f64,
    active: f64,
    idle: f64,
    /// Bytes of the future of an event under way, which are among `active`.
    running: usize,
}

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut child = Command::new(&bench.program);
    child
        .args(["--measure-memory", "--guests"])
        .arg(&bench.guests)
        .args((bench.length != Length::Full).then_some("--quick"))
        .stderr(Stdio::inherit());
    let output = child
        .output()
        .map_err(BenchError::io("cannot run a child process"))?;
    if !output.status.success() {
        return Err(BenchError::Child {
            program: bench.program.display().to_string(),
            status: output.status,
        });
    }
    let measured: Measured = serde_json::from_slice(&output.stdout)?;
    let mut findings = Findings::default();
    for (figure, seen) in [
        (INSTANCE, measured.instance),
        (ACTIVE, measured.active),
        (IDLE, measured.idle),
    ] {
        findings.figure(figure.seen(Spread::exactly(seen)));
    }
    findings.note(format!(
        "The event of an active principal counts: its future, of {} bytes, and its text.",
        measured.running
    ));
    Ok(findings)
}

/// What the child process does: measures its own memory, and says it in JSON.
///
/// # Errors
///
/// It could not be measured.
pub fn measure_memory(bench: &Bench) -> Result<String, BenchError> {
    let scale = Scale {
        instances: Range64 {
            some: 100,
            many: bench.length.pick(900, 500, 110),
        },
        active: Range64 {
            some: 1_000,
            many: 9_000,
        },
        passing: bench.length.pick(100_000, 20_000, 100),
    };
    let runtime = single_thread()?;
    // Kept, so that nothing after it is given memory that is there already.
    let (active, _kept) = active(scale.active)?;
    let measured = Measured {
        active,
        idle: idle(&runtime, scale.passing)?,
        instance: instance(bench, &runtime, scale.instances)?,
        running: size_of::<Running>(),
    };
    Ok(serde_json::to_string(&measured)?)
}

/// With an event of each taken in and none of them answered. They come with it.
fn active(range: Range64) -> Result<(f64, Vec<Running>), BenchError> {
    let dispatcher = dispatcher()?;
    let mut running = Vec::with_capacity(range.many as usize);
    let mut submit = |range: Range<u64>| -> Result<u64, BenchError> {
        for index in range {
            let draft = draft(BYTES)?
                .with_payload("")
                .with_principal(principal(index)?);
            running.push(dispatcher.try_submit(draft)?);
        }
        resident_bytes()
    };
    let some = submit(0..range.some)?;
    let many = submit(range.some..range.many)?;
    Ok((range.each(some, many), running))
}

/// After rounds of principals that came and went, from the second to the last.
fn idle(runtime: &Runtime, passing: u64) -> Result<f64, BenchError> {
    let dispatcher = dispatcher()?;
    let round = |number: u64| -> Result<u64, BenchError> {
        for index in number * passing..(number + 1) * passing {
            let draft = draft(BYTES)?.with_principal(principal(index)?);
            admitted(runtime.block_on(dispatcher.request(draft))?)?;
        }
        resident_bytes()
    };
    round(0)?;
    let range = Range64 {
        some: passing * 2,
        many: passing * 4,
    };
    let some = round(1)?;
    round(2)?;
    let many = round(3)?;
    let left = dispatcher.principals() + dispatcher.lanes();
    match left {
        0 => Ok(range.each(some, many)),
        _ => Err(BenchError::unexpected(format!("{left} lanes of nobody"))),
    }
}

/// With an instance for each, kept.
fn instance(bench: &Bench, runtime: &Runtime, range: Range64) -> Result<f64, BenchError> {
    let capsules = CapsuleDir::new(&bench.work, "memory")?;
    capsules.add("pass", &bench.pass()?, Installed::default())?;
    let host = capsules.host()?;
    let some = ask(runtime, &host, 0..range.some)?;
    let many = ask(runtime, &host, range.some..range.many)?;
    Ok(range.each(some, many))
}

fn ask(runtime: &Runtime, host: &Host, principals: Range<u64>) -> Result<u64, BenchError> {
    for index in principals {
        let draft = draft(BYTES)?.with_principal(principal(index)?);
        admitted(runtime.block_on(host.request(draft))?)?;
    }
    resident_bytes()
}

fn dispatcher() -> Result<Dispatcher, BenchError> {
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    dispatcher.install(vec![interceptor("pass", TOPIC, Arc::new(Pass))?]);
    Ok(dispatcher)
}

fn principal(index: u64) -> Result<Principal, BenchError> {
    Ok(Principal::new(&format!("p{index}"))?)
}

// === impl Range64 ===

impl Range64 {
    /// What each of those from `some` to `many` takes.
    fn each(self, some: u64, many: u64) -> f64 {
        many.saturating_sub(some) as f64 / (self.many - self.some) as f64
    }
}
