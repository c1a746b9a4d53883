//! How each cost grows with what there is more and more of.

use std::sync::Arc;

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher},
    types::{Draft, Principal},
};

use crate::{
    Bench, BenchError, Findings,
    fixture::{
        CapsuleDir, Installed, Pass, TOPIC, admitted, draft, interceptor, on_threads, request,
        single_thread, threads,
    },
    groups::{
        lookup,
        native::{self, requests},
        publish::Audience,
    },
    harness::{Contestant, Pace},
};

/// Bytes of a payload, where it is not what grows.
const BYTES: usize = 1024;

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let pace = Pace {
        rounds: bench.length.pick(21, 7, 2),
        ..bench.pace()
    };
    principals(&mut findings, bench, pace)?;
    capsules(&mut findings, bench, pace)?;
    patterns(&mut findings, bench, pace)?;
    chain(&mut findings, bench, pace)?;
    payload(&mut findings, bench, pace)?;
    subscribers(&mut findings, bench, pace)?;
    on_more_threads(&mut findings, bench.pace_of_threads())?;
    Ok(findings)
}

fn principals(findings: &mut Findings, bench: &Bench, pace: Pace) -> Result<(), BenchError> {
    let runtime = single_thread()?;
    let dispatcher = native::dispatcher(1)?;
    let first = native::drafts(1)?.remove(0);
    let most = bench.length.pick(100_000, 100_000, 100);
    let mut drafts: Vec<Draft> = Vec::with_capacity(most);
    for index in 0..most {
        let principal = Principal::new(&format!("p{index}"))?;
        drafts.push(first.clone().with_principal(principal));
    }
    let amounts = amounts(10, most);
    let contestants = amounts
        .map(|count| {
            let drafts = drafts.get(..count).unwrap_or(&drafts);
            (
                count,
                Contestant::on_thread(count.to_string(), requests(&runtime, &dispatcher, drafts)),
            )
        })
        .collect();
    findings.curve(
        "event, native hook",
        "principals in turn",
        pace,
        contestants,
    )
}

fn capsules(findings: &mut Findings, bench: &Bench, pace: Pace) -> Result<(), BenchError> {
    let runtime = single_thread()?;
    let most = bench.length.pick(1024, 1024, 16);
    let mut all = Vec::new();
    for count in amounts(4, most) {
        all.push((count, native::dispatcher(count)?, native::drafts(count)?));
    }
    let contestants = all
        .iter()
        .map(|(count, dispatcher, drafts)| {
            (
                *count,
                Contestant::on_thread(count.to_string(), requests(&runtime, dispatcher, drafts)),
            )
        })
        .collect();
    findings.curve(
        "event, native hook",
        "capsules, met in turn",
        pace,
        contestants,
    )
}

fn patterns(findings: &mut Findings, bench: &Bench, pace: Pace) -> Result<(), BenchError> {
    let most = bench.length.pick(100_000, 100_000, 100);
    let mut all = Vec::new();
    for count in amounts(10, most).skip(1) {
        all.push((count, lookup::tree(count)?, lookup::topics(count)?));
    }
    let contestants = all
        .iter()
        .map(|(count, tree, topics)| {
            (
                *count,
                Contestant::on_thread(count.to_string(), lookup::find(tree, topics)),
            )
        })
        .collect();
    findings.curve("look-up, not cached", "patterns", pace, contestants)
}

fn chain(findings: &mut Findings, bench: &Bench, pace: Pace) -> Result<(), BenchError> {
    let runtime = single_thread()?;
    let draft = [draft(BYTES)?];
    let mut all = Vec::new();
    for length in amounts(2, bench.length.pick(32, 32, 4)) {
        let dispatcher = Dispatcher::new(DispatchConfig::default());
        let stage = |index| interceptor(&format!("c{index}"), TOPIC, Arc::new(Pass));
        dispatcher.install((0..length).map(stage).collect::<Result<_, _>>()?);
        all.push((length, dispatcher));
    }
    let contestants = all
        .iter()
        .map(|(length, dispatcher)| {
            (
                *length,
                Contestant::on_thread(length.to_string(), requests(&runtime, dispatcher, &draft)),
            )
        })
        .collect();
    findings.curve(
        "event, native hooks",
        "interceptors in the chain",
        pace,
        contestants,
    )
}

fn payload(findings: &mut Findings, bench: &Bench, pace: Pace) -> Result<(), BenchError> {
    let runtime = single_thread()?;
    let capsules = CapsuleDir::new(&bench.work, "growth")?;
    capsules.add("pass", &bench.pass()?, Installed::default())?;
    let host = capsules.host()?;
    let mut drafts = vec![(0, draft(0)?)];
    for bytes in amounts(4, 1 << 20) {
        drafts.push((bytes, draft(bytes)?));
    }
    let contestants = drafts
        .iter()
        .map(|(bytes, draft)| {
            (
                *bytes,
                Contestant::on_thread(bytes.to_string(), request(&runtime, &host, draft)),
            )
        })
        .collect();
    findings.curve("event, one capsule", "bytes of payload", pace, contestants)
}

fn subscribers(findings: &mut Findings, bench: &Bench, pace: Pace) -> Result<(), BenchError> {
    let runtime = single_thread()?;
    let draft = draft(BYTES)?;
    let mut all: Vec<_> = amounts(10, bench.length.pick(1_000, 1_000, 10))
        .map(|count| (count, Audience::new(count)))
        .collect();
    let contestants = all
        .iter_mut()
        .map(|(count, audience)| {
            (
                *count,
                Contestant::on_thread(count.to_string(), audience.publish(&runtime, &draft)),
            )
        })
        .collect();
    findings.curve(
        "publish until all have it",
        "subscribers",
        pace,
        contestants,
    )
}

fn on_more_threads(findings: &mut Findings, pace: Pace) -> Result<(), BenchError> {
    let dispatcher = Arc::new(native::dispatcher(1)?);
    let runtimes = [(1, threads(1)?), (2, threads(2)?)];
    let contestants = runtimes
        .iter()
        .map(|(count, runtime)| {
            let dispatcher = &dispatcher;
            let contestant = Contestant::on_wall(count.to_string(), move |times| {
                on_threads(runtime, times, |number, work| {
                    let dispatcher = dispatcher.clone();
                    async move {
                        let principal = Principal::new(&format!("p{number}"))?;
                        let draft = native::drafts(1)?.remove(0).with_principal(principal);
                        while let Some(times) = work.next() {
                            for _ in 0..times {
                                admitted(dispatcher.request(draft.clone()).await?)?;
                            }
                        }
                        Ok(())
                    }
                })
            });
            (*count, contestant)
        })
        .collect();
    findings.curve(
        "event, native hook",
        "threads, a principal each",
        pace,
        contestants,
    )
}

/// 1, and so on in steps of `factor` up to `most`.
fn amounts(factor: usize, most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), move |last| Some(last * factor))
        .take_while(move |next| *next <= most)
}
