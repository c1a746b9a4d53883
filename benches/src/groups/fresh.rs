//! An instance made for each event.

use std::{hint::black_box, sync::Arc};

use capsule_host::Host;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{
        CapsuleDir, Installed, Raw, Work, computing, cores_given, draft, on_threads, own_drafts,
        payload, request, request_in_turn, single_thread, size, threads,
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
    let raw = Raw::new(&wasm)?;
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
    on_two_threads(bench, &mut findings, &wasm, &capsules)?;
    Ok(findings)
}

/// Nanoseconds are those of the clock on the wall, so half of them are twice
/// as many events.
fn on_two_threads(
    bench: &Bench,
    findings: &mut Findings,
    wasm: &[u8],
    capsules: &CapsuleDir,
) -> Result<(), BenchError> {
    let bytes = PAYLOADS[0];
    let payload = payload(bytes);
    let (one, two) = (threads(1)?, threads(2)?);
    // Hosts and engines of their own: where a large payload once was, all that
    // it took is cleared behind every instance from then on.
    let (of_one, of_two) = (capsules.host()?, capsules.host()?);
    let in_host = |host: &Host, (number, of), work| {
        let host = host.clone();
        async move {
            let drafts = own_drafts((number, of), 2, bytes)?;
            request_in_turn(host, drafts, work).await
        }
    };
    let (raw, other) = (Arc::new(Raw::new(wasm)?), Arc::new(Raw::new(wasm)?));
    let in_raw = |raw: &Arc<Raw>, work: Arc<Work>| {
        let (raw, payload) = (raw.clone(), payload.clone());
        async move {
            while let Some(times) = work.next() {
                raw_calls(&raw, &payload, times).await?;
            }
            Ok(())
        }
    };
    let mut contestants = vec![
        Contestant::on_wall("host, one thread", |times| {
            on_threads(&one, times, |number, work| {
                in_host(&of_one, (number, 1), work)
            })
        }),
        Contestant::on_wall("host, two threads", |times| {
            on_threads(&two, times, |number, work| {
                in_host(&of_two, (number, 2), work)
            })
        }),
        Contestant::on_wall("raw, one thread", |times| {
            on_threads(&one, times, |_, work| in_raw(&raw, work))
        }),
        Contestant::on_wall("raw, two threads", |times| {
            on_threads(&two, times, |_, work| in_raw(&raw, work))
        }),
        // As the host has it.
        Contestant::on_wall("raw, two threads, an engine each", |times| {
            on_threads(&two, times, |number, work| {
                in_raw(if number == 0 { &raw } else { &other }, work)
            })
        }),
    ];
    contestants.extend(computing(&one, &two));
    let samples = findings.contest("1 KiB, threads", bench.pace_of_threads(), contestants)?;
    findings.figure(TWO_THREADS.seen(samples.ratio(0, 1)));
    findings.note(
        "On threads, hosts and raw engines are new: none has had a large payload, behind which \
         every later instance has more pages to clear.",
    );
    findings.note(cores_given(&samples));
    Ok(())
}

/// Makes an instance, calls it and drops it, again and again.
pub(crate) async fn raw_calls(raw: &Raw, payload: &[u8], times: u64) -> Result<(), BenchError> {
    for _ in 0..times {
        raw.instance().await?.call(black_box(payload)).await?;
    }
    Ok(())
}
