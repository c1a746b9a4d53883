//! Many principals, each with an instance that is kept.

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{
        CapsuleDir, Installed, computing, cores_given, on_threads, own_drafts, request_in_turn,
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
    // A host each: an instance stays in the engine of the thread that made it.
    let (of_one, of_two) = (capsules.host()?, capsules.host()?);
    let (one, two) = (threads(1)?, threads(2)?);
    let contestants = [
        ("one thread", &one, 1, &of_one),
        ("two threads", &two, 2, &of_two),
    ]
    .into_iter()
    .map(|(name, runtime, count, host)| {
        Contestant::on_wall(name, move |times| {
            on_threads(runtime, times, |number, work| {
                let host = host.clone();
                async move {
                    let drafts = own_drafts((number, count), PRINCIPALS, BYTES)?;
                    request_in_turn(host, drafts, work).await
                }
            })
        })
    })
    .chain(computing(&one, &two))
    .collect();
    let samples = findings.contest(
        "64 principals in turn, 1 KiB",
        bench.pace_of_threads(),
        contestants,
    )?;
    findings.figure(FIGURE.seen(samples.ratio(0, 1)));
    findings.note(
        "A host for each number of threads. A task has its own principals and may change threads \
         from turn to turn: its instances then follow it after a while.",
    );
    findings.note(cores_given(&samples));
    Ok(findings)
}
