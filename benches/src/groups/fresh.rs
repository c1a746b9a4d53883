//! An instance made for each event.

use std::{hint::black_box, sync::Arc};

use capsule_host::Host;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{
        CapsuleDir, Installed, Raw, computing, cores_given, draft, on_threads, own_drafts, payload,
        request, request_in_turn, single_thread, size, threads,
    },
    harness::Contestant,
};

/// Payloads, in bytes.
const PAYLOADS: [usize; 2] = [1024, 64 << 10];
const AGAINST_RAW: [Figure; PAYLOADS.len()] = [
    Figure::at_most(
        "fresh, 1 KiB, against raw instantiate and call",
        1.3,
        Unit::Times,
    ),
    Figure::at_most(
        "fresh, 64 KiB, against raw instantiate and call",
        1.3,
        Unit::Times,
    ),
];
const TWO_THREADS: Figure =
    Figure::at_least("fresh, 1 KiB, on two threads against one", 1.6, Unit::Times);

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let wasm = bench.pass()?;
    let capsules = CapsuleDir::new(&bench.work, "fresh")?;
    let fresh = Installed {
        instance: "fresh",
        ..Installed::default()
    };
    capsules.add("pass", &wasm, fresh)?;
    let host = capsules.host()?;
    let raw = Arc::new(Raw::new(&wasm)?);
    let runtime = single_thread()?;
    for (bytes, figure) in PAYLOADS.into_iter().zip(AGAINST_RAW) {
        let (draft, payload) = (draft(bytes)?, payload(bytes));
        let contestants = vec![
            Contestant::on_thread("raw instantiate and `call_async`", |times| {
                runtime.block_on(raw_calls(&raw, &payload, times))
            }),
            Contestant::on_thread("host `request`, fresh", request(&runtime, &host, &draft)),
        ];
        let samples = findings.contest(size(bytes), bench.pace(), contestants)?;
        findings.figure(figure.seen(samples.ratio(1, 0)));
    }
    on_two_threads(bench, &mut findings, &host, &raw)?;
    Ok(findings)
}

/// Nanoseconds are those of the clock on the wall, so half of them are twice
/// as many events.
fn on_two_threads(
    bench: &Bench,
    findings: &mut Findings,
    host: &Host,
    raw: &Arc<Raw>,
) -> Result<(), BenchError> {
    let bytes = PAYLOADS[0];
    let payload = payload(bytes);
    let (one, two) = (threads(1)?, threads(2)?);
    let hosts = |of| {
        move |number, times| {
            let host = host.clone();
            async move {
                let drafts = own_drafts((number, of), 2, bytes)?;
                request_in_turn(host, drafts, times).await
            }
        }
    };
    let raws = |_, times| {
        let (raw, payload) = (raw.clone(), payload.clone());
        async move { raw_calls(&raw, &payload, times).await }
    };
    // As the host has it: an engine for each thread.
    let other = Arc::new(Raw::new(&bench.pass()?)?);
    let apart = |number, times| {
        let raw = if number == 0 { raw } else { &other };
        let (raw, payload) = (raw.clone(), payload.clone());
        async move { raw_calls(&raw, &payload, times).await }
    };
    let mut contestants = vec![
        Contestant::on_wall("host, one thread", |times| {
            on_threads(&one, times, hosts(1))
        }),
        Contestant::on_wall("host, two threads", |times| {
            on_threads(&two, times, hosts(2))
        }),
        Contestant::on_wall("raw, one thread", |times| on_threads(&one, times, raws)),
        Contestant::on_wall("raw, two threads", |times| on_threads(&two, times, raws)),
        Contestant::on_wall("raw, two threads, an engine each", |times| {
            on_threads(&two, times, apart)
        }),
    ];
    contestants.extend(computing(&one, &two));
    let samples = findings.contest("1 KiB, threads", bench.pace(), contestants)?;
    findings.figure(TWO_THREADS.seen(samples.ratio(0, 1)));
    findings.note(cores_given(&samples));
    Ok(())
}

async fn raw_calls(raw: &Raw, payload: &[u8], times: u64) -> Result<(), BenchError> {
    for _ in 0..times {
        raw.instance().await?.call(black_box(payload)).await?;
    }
    Ok(())
}
