//! An event through one capsule whose instance is kept.

use std::{hint::black_box, slice, sync::Arc};

use capsule_core::dispatch::{DispatchConfig, Dispatcher};
use tokio::runtime::Runtime;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{
        Alone, AsyncInstance, CapsuleDir, Installed, PAYLOADS, Pass, Raw, TOPIC, draft,
        interceptor, request, single_thread, size,
    },
    groups::native,
    harness::{Contestant, Samples},
};

/// For each payload; of the largest nothing is claimed.
const FIGURES: [Option<Figure>; PAYLOADS.len()] = [
    Some(Figure::at_most(
        "request, 64 B, against raw `call_async`",
        1.5,
        Unit::Times,
    )),
    Some(Figure::at_most(
        "request, 1 KiB, against raw `call_async`",
        1.5,
        Unit::Times,
    )),
    None,
];

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let wasm = bench.pass()?;
    let capsules = CapsuleDir::new(&bench.work, "request")?;
    capsules.add("pass", &wasm, Installed::default())?;
    let host = capsules.host()?;
    let (raw, alone) = (Raw::new(&wasm)?, Alone::new(&wasm)?);
    let bus = Dispatcher::new(DispatchConfig::default());
    bus.install(vec![interceptor("pass", TOPIC, Arc::new(Pass))?]);
    let runtime = single_thread()?;
    for (bytes, figure) in PAYLOADS.into_iter().zip(FIGURES) {
        let draft = draft(bytes)?;
        let mut instance = runtime.block_on(raw.instance())?;
        let mut at_once = raw.sync_instance()?;
        // The same bytes for all: where they lie makes a difference.
        let event = draft.clone().into_event(0);
        let payload = event.payload.clone();
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
                        alone.ask(&event).await?;
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
            let reached = figure.seen(samples.ratio(2, 0));
            findings.figure(reached.or_costs(|| cost(&samples, figure.limit)));
        }
    }
    findings.note(
        "The last two are the parts of the host's `request`, each alone: what the hook takes beside \
         raw `call_async` is the engine's layer, and what the bus takes is the core. With 64 KiB, \
         nearly all of which is copying them, the raw call takes longer than the hook; why is not \
         known, and nothing is claimed there.",
    );
    Ok(findings)
}

fn cost(samples: &Samples, limit: f64) -> String {
    let [raw, at_once, whole, hook, bus] = [0, 1, 2, 3, 4].map(|index| samples.ns(index).median);
    let show = |ns: f64| Unit::Ns.show(ns.max(0.0));
    format!(
        "of {} the raw call takes {}, of which {} for a stack of its own; the engine's layer {} \
         more, the bus {}, and both together {} more than each alone. After the engine's layer {} \
         would be left for the bus. Calls without a stack would be the largest gain, and a guest \
         that computes would keep its thread.",
        show(whole),
        show(raw),
        show(raw - at_once),
        show(hook - raw),
        show(bus),
        show(whole - hook - bus),
        show(limit * raw - hook),
    )
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
