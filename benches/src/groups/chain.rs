//! An event through eight capsules, none of which changes it.

use std::hint::black_box;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{CapsuleDir, Installed, Raw, draft, payload, request, single_thread},
    groups::request::call,
    harness::Contestant,
};

/// Capsules in the chain.
const LENGTH: usize = 8;
/// Bytes of the payload.
const BYTES: usize = 1024;
const FIGURE: Figure = Figure::at_most(
    "chain of 8, 1 KiB, against one raw `call_async`",
    LENGTH as f64 * 1.3,
    Unit::Times,
)
.costs(
    "of a stage's 862 ns wasmtime and the guest take 487, more than in `request`, since eight \
     instances share the caches, and 375 are the host's, of which 79 would be left at 10.4 ×. What \
     would bring it nearer is what would for `request`; that is not enough.",
);

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let wasm = bench.pass()?;
    let capsules = CapsuleDir::new(&bench.work, "chain")?;
    for index in 0..LENGTH {
        capsules.add(&format!("pass-{index}"), &wasm, Installed::default())?;
    }
    let host = capsules.host()?;
    let raw = Raw::new(&wasm)?;
    let runtime = single_thread()?;
    let (draft, payload) = (draft(BYTES)?, payload(BYTES));
    let mut one = runtime.block_on(raw.instance())?;
    let mut eight = Vec::new();
    for _ in 0..LENGTH {
        eight.push(runtime.block_on(raw.instance())?);
    }
    let contestants = vec![
        Contestant::on_thread("raw `call_async`, once", call(&runtime, &mut one, &payload)),
        Contestant::on_thread("raw `call_async` of eight instances in turn", |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    for instance in &mut eight {
                        instance.call(black_box(&payload)).await?;
                    }
                }
                Ok(())
            })
        }),
        Contestant::on_thread(
            "host `request`, chain of 8",
            request(&runtime, &host, &draft),
        ),
    ];
    let samples = findings.contest("1 KiB", bench.pace(), contestants)?;
    findings.figure(FIGURE.seen(samples.ratio(2, 0)));
    Ok(findings)
}
