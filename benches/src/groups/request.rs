//! An event through one capsule whose instance is kept.

use std::{hint::black_box, slice, sync::Arc};

use capsule_core::dispatch::{DispatchConfig, Dispatcher};
use tokio::runtime::Runtime;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{
        Alone, AsyncInstance, CapsuleDir, Installed, PAYLOADS, Pass, Raw, TOPIC, draft,
        interceptor, payload, request, single_thread, size,
    },
    groups::native,
    harness::Contestant,
};

const COST: &str = "the capsule's hook alone takes some 1.3 × (below, measured in this run), which \
    leaves 90 ns for the bus, and that takes five times as long. By the profile, of 1,090 ns at \
    1 KiB wasmtime and the guest take 406, finding, beginning and ending the call 86, the core 336, \
    the clock 72, memory and shared values 137, the rest 53. Calls without a stack of their own \
    would save 160 (but a guest that computes would keep its thread), one object for event and \
    outcome and a clock that is read once some more; all of them together are not enough.";
/// For each payload; of the largest nothing is claimed.
const FIGURES: [Option<Figure>; PAYLOADS.len()] = [
    Some(Figure::at_most("request, 64 B, against raw `call_async`", 1.5, Unit::Times).costs(COST)),
    Some(Figure::at_most("request, 1 KiB, against raw `call_async`", 1.5, Unit::Times).costs(COST)),
    None,
];

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let wasm = bench.pass()?;
    let capsules = CapsuleDir::new(&bench.work, "request")?;
    capsules.add("pass", &wasm, Installed::default())?;
    let host = capsules.host()?;
    let raw = Raw::new(&wasm)?;
    let bus = Dispatcher::new(DispatchConfig::default());
    bus.install(vec![interceptor("pass", TOPIC, Arc::new(Pass))?]);
    let runtime = single_thread()?;
    for (bytes, figure) in PAYLOADS.into_iter().zip(FIGURES) {
        let (draft, payload) = (draft(bytes)?, payload(bytes));
        let mut instance = runtime.block_on(raw.instance())?;
        let mut at_once = raw.sync_instance()?;
        let alone = Alone::new(&wasm, bytes)?;
        let contestants = vec![
            Contestant::on_thread("raw `call_async`", call(&runtime, &mut instance, &payload)),
            Contestant::on_thread("raw `call`", |times| {
                for _ in 0..times {
                    at_once.call(black_box(&payload))?;
                }
                Ok(())
            }),
            Contestant::on_thread("host `request`", request(&runtime, &host, &draft)),
            Contestant::on_thread("the capsule's hook, no bus", |times| {
                runtime.block_on(async {
                    for _ in 0..times {
                        alone.ask().await?;
                    }
                    Ok(())
                })
            }),
            Contestant::on_thread(
                "the bus, a hook that does nothing",
                native::requests(&runtime, &bus, slice::from_ref(&draft)),
            ),
        ];
        let samples = findings.contest(size(bytes), bench.pace(), contestants)?;
        if let Some(figure) = figure {
            findings.figure(figure.seen(samples.ratio(2, 0)));
        }
    }
    findings.note(
        "The last two are the parts of the host's `request`, each alone: what the hook takes beside \
         raw `call_async` is the engine's layer, and what the bus takes is the core.",
    );
    Ok(findings)
}

/// Calls `instance` again and again.
pub(crate) fn call<'a>(
    runtime: &'a Runtime,
    instance: &'a mut AsyncInstance,
    payload: &'a [u8],
) -> impl FnMut(u64) -> Result<(), BenchError> + 'a {
    move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                instance.call(black_box(payload)).await?;
            }
            Ok(())
        })
    }
}
