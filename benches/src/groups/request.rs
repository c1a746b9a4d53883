//! An event through one capsule whose instance is kept.

use std::hint::black_box;

use tokio::runtime::Runtime;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{
        AsyncInstance, CapsuleDir, Installed, PAYLOADS, Raw, draft, payload, request,
        single_thread, size,
    },
    harness::Contestant,
};

const COST: &str = "of 1,105 ns at 1 KiB, where raw `call_async` takes 436, wasmtime and the guest \
    take 413, finding, beginning and ending the call 85, the core 343, the clock 72, memory and \
    shared values 143, the rest 48. At 1.5 ×, 220 would be left for all that is not the call. Calls \
    without a stack of their own would save 160 (but a guest that computes would keep its thread), \
    one object for event and outcome and a clock that is read once some more; all of them together \
    are not enough.";
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
    let runtime = single_thread()?;
    for (bytes, figure) in PAYLOADS.into_iter().zip(FIGURES) {
        let (draft, payload) = (draft(bytes)?, payload(bytes));
        let mut instance = runtime.block_on(raw.instance())?;
        let mut at_once = raw.sync_instance()?;
        let contestants = vec![
            Contestant::on_thread("raw `call_async`", call(&runtime, &mut instance, &payload)),
            Contestant::on_thread("raw `call`", |times| {
                for _ in 0..times {
                    at_once.call(black_box(&payload))?;
                }
                Ok(())
            }),
            Contestant::on_thread("host `request`", request(&runtime, &host, &draft)),
        ];
        let samples = findings.contest(size(bytes), bench.pace(), contestants)?;
        if let Some(figure) = figure {
            findings.figure(figure.seen(samples.ratio(2, 0)));
        }
    }
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
