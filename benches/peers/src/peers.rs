//! All peers, beside the host.

use std::path::Path;

use capsule_bench::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{CapsuleDir, Installed, PAYLOADS, draft, payload, request, single_thread, size},
    harness::Contestant,
};

use crate::{
    extism::Extism,
    lua,
    process::{self, Child},
    rhai,
};

/// What is measured.
pub(crate) const ABOUT: &str = "an event through one extension, beside what people use instead";

/// For each payload: how many times as long Extism's reused call is to take.
const FIGURES: [Option<Figure>; PAYLOADS.len()] = [
    None,
    Some(Figure::at_least(
        "Extism's reused plugin, 1 KiB, against the host",
        5.0,
        Unit::Times,
    )),
    Some(Figure::at_least(
        "Extism's reused plugin, 64 KiB, against the host",
        15.0,
        Unit::Times,
    )),
];

/// Where the host and Extism are among the contestants.
const HOST: usize = 0;
const EXTISM: usize = 1;

/// Measures.
pub(crate) fn run(bench: &Bench, plugin: &Path) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let capsules = CapsuleDir::new(&bench.work, "peers")?;
    capsules.add("pass", &bench.pass()?, Installed::default())?;
    let host = capsules.host()?;
    let runtime = single_thread()?;
    let extism = Extism::new(plugin)?;
    for (bytes, figure) in PAYLOADS.into_iter().zip(FIGURES) {
        let (draft, payload) = (draft(bytes)?, payload(bytes));
        let contestants = vec![
            Contestant::on_thread("host `request`", request(&runtime, &host, &draft)),
            Contestant::on_thread("Extism, plugin reused", extism.reused(&payload)?),
            Contestant::on_thread("Extism, plugin fresh", extism.fresh(&payload)),
            Contestant::on_thread("Lua 5.4, VM reused", lua::reused(&payload)?),
            Contestant::on_thread("Lua 5.4, VM fresh", lua::fresh(&payload)),
            Contestant::on_thread("rhai, engine reused", rhai::reused(&payload)?),
            Contestant::on_wall(
                "long-lived child over pipes",
                Child::start(&bench.program)?.asked(&payload),
            ),
            Contestant::on_wall("a process for each event (`cat`)", process::each(&payload)),
        ];
        let samples = findings.contest(size(bytes), bench.pace(), contestants)?;
        if let Some(figure) = figure {
            findings.figure(figure.seen(samples.ratio(EXTISM, HOST)));
        }
    }
    findings.note(
        "Beside asking, the host does what a host does: order, time-outs, limits, verdicts, \
         counters. The peers are called and nothing else.",
    );
    Ok(findings)
}
