//! Many principals, each with an instance that is kept.

use capsule_core::types::Principal;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{
        CapsuleDir, Installed, computing, cores_given, draft, on_threads, request_in_turn, share,
        threads,
    },
    harness::Contestant,
};

/// Principals in all.
const PRINCIPALS: usize = 64;
/// Bytes of a payload.
const BYTES: usize = 1024;
const FIGURE: Figure = Figure::at_least(
    "64 principals, instances kept, on two threads against one",
    1.8,
    Unit::Times,
);

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let capsules = CapsuleDir::new(&bench.work, "threads")?;
    capsules.add("pass", &bench.pass()?, Installed::default())?;
    let host = capsules.host()?;
    let mut drafts = Vec::new();
    for index in 0..PRINCIPALS {
        drafts.push(draft(BYTES)?.with_principal(Principal::new(&format!("p{index}"))?));
    }
    let (one, two) = (threads(1)?, threads(2)?);
    let contestants = [("one thread", &one, 1), ("two threads", &two, 2)]
        .into_iter()
        .map(|(name, runtime, count)| {
            let (host, drafts) = (&host, &drafts);
            Contestant::on_wall(name, move |times| {
                on_threads(runtime, times, |number, times| {
                    request_in_turn(host.clone(), share(drafts, number, count), times)
                })
            })
        })
        .chain(computing(&one, &two))
        .collect();
    let samples = findings.contest("64 principals in turn, 1 KiB", bench.pace(), contestants)?;
    findings.figure(FIGURE.seen(samples.ratio(0, 1)));
    findings.note(cores_given(&samples));
    Ok(findings)
}
