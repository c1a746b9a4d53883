//! What the host itself does for an event: the hook does nothing.

use std::sync::Arc;

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher},
    types::{Draft, Principal, Topic},
};
use tokio::runtime::Runtime;

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{PRINCIPAL, Pass, admitted, interceptor, payload, single_thread},
    harness::Contestant,
};

/// Capsules that are loaded, of which an event meets one.
const MANY: usize = 1024;
/// Bytes of a payload.
const BYTES: usize = 1024;
const ALONE: Figure = Figure::at_least(
    "native hook, one capsule, one thread",
    1_500_000.0,
    Unit::PerSecond,
);
const AMONG_MANY: Figure = Figure::at_least(
    "native hook, 1,024 capsules loaded, against one",
    0.9,
    Unit::Times,
);

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let runtime = single_thread()?;
    let (one, many) = (dispatcher(1)?, dispatcher(MANY)?);
    let (first, all) = (drafts(1)?, drafts(MANY)?);
    let contestants = vec![
        Contestant::on_thread("one capsule", requests(&runtime, &one, &first)),
        Contestant::on_thread(
            "1,024 capsules, one of them busy",
            requests(&runtime, &many, &first),
        ),
        Contestant::on_thread(
            "1,024 capsules, all of them in turn",
            requests(&runtime, &many, &all),
        ),
    ];
    let samples = findings.contest("1 KiB, one principal", bench.pace(), contestants)?;
    findings.figure(ALONE.seen(samples.ns(0).rate(1e9)));
    findings.figure(AMONG_MANY.seen(samples.ratio(0, 1)));
    Ok(findings)
}

/// A dispatcher with so many capsules, each on a topic of its own.
pub(crate) fn dispatcher(capsules: usize) -> Result<Dispatcher, BenchError> {
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    let mut interceptors = Vec::with_capacity(capsules);
    for index in 0..capsules {
        let name = format!("capsule-{index}");
        interceptors.push(interceptor(&name, &topic(index), Arc::new(Pass))?);
    }
    dispatcher.install(interceptors);
    Ok(dispatcher)
}

/// An event on each capsule's topic.
pub(crate) fn drafts(capsules: usize) -> Result<Vec<Draft>, BenchError> {
    let (payload, principal) = (payload(BYTES), Principal::new(PRINCIPAL)?);
    let draft = |index| -> Result<Draft, BenchError> {
        Ok(Draft::new(Topic::new(&topic(index))?)
            .with_principal(principal.clone())
            .with_payload(payload.clone()))
    };
    (0..capsules).map(draft).collect()
}

/// Requests `drafts` in turn.
pub(crate) fn requests<'a>(
    runtime: &'a Runtime,
    dispatcher: &'a Dispatcher,
    drafts: &'a [Draft],
) -> impl FnMut(u64) -> Result<(), BenchError> + 'a {
    let mut next = drafts.iter().cycle();
    move |times| {
        runtime.block_on(async {
            for draft in next.by_ref().take(times as usize) {
                admitted(dispatcher.request(draft.clone()).await?)?;
            }
            Ok(())
        })
    }
}

fn topic(index: usize) -> String {
    format!("bench.t{index}.event")
}
