//! An event through eight capsules, none of which changes it.

use std::hint::black_box;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{CapsuleDir, Installed, Raw, draft, payload, request, single_thread},
    groups::request::call,
    harness::{Contestant, Samples},
};

/// Capsules in the chain.
const LENGTH: usize = 8;
/// Bytes of the payload.
const BYTES: usize = 1024;
const FIGURE: Figure = Figure::at_most(
    "chain of 8, 1 KiB, against one raw `call_async`",
    LENGTH as f64 * 1.3,
    Unit::Times,
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
    let reached = FIGURE.seen(samples.ratio(2, 0));
    findings.figure(reached.or_costs(|| cost(&samples)));
    Ok(findings)
}

fn cost(samples: &Samples) -> String {
    let [one, in_turn, whole] = [0, 1, 2].map(|index| samples.ns(index).median);
    let (stage, call) = (whole / LENGTH as f64, in_turn / LENGTH as f64);
    let show = |ns: f64| Unit::Ns.show(ns.max(0.0));
    format!(
        "a stage takes {}, of which the raw call of one of eight instances takes {}. The rest, {}, \
         is the host's and what eight of its instances lose to each other in the caches; {} of that \
         would be left. It would need what `request` would, for every stage.",
        show(stage),
        show(call),
        show(stage - call),
        show(FIGURE.limit * one / LENGTH as f64 - call),
    )
}
