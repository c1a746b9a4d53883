//! What is paid where nobody listens.

use std::hint::black_box;

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher},
    observe::Category,
    types::Topic,
};

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::TOPIC,
    harness::Contestant,
};

/// Checks in a row for each one that is counted: a single one takes less than
/// the loop around it.
const IN_A_ROW: u32 = 16;
const FIGURES: [Figure; 2] = [
    Figure::at_most("whether anybody observes", 2.0, Unit::Ns),
    Figure::at_most("whether anybody subscribes", 2.0, Unit::Ns),
];

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    let (observers, topic) = (dispatcher.observers(), Topic::new(TOPIC)?);
    let contestants = vec![
        in_a_row("sixteen times whether anybody observes", || {
            black_box(observers).want(black_box(Category::Step))
        }),
        in_a_row("sixteen times whether anybody subscribes", || {
            black_box(&dispatcher).is_heard(black_box(&topic))
        }),
    ];
    let samples = findings.contest("where nobody does", bench.pace(), contestants)?;
    for (index, figure) in FIGURES.into_iter().enumerate() {
        let each = samples.ns(index).scaled(1.0 / f64::from(IN_A_ROW));
        findings.figure(figure.seen(each));
    }
    findings.note(
        "Where anybody subscribes or intercepts at all, whether it is to this topic is known from \
         its look-up: see `lookup`.",
    );
    Ok(findings)
}

fn in_a_row<'a>(name: &'static str, check: impl Fn() -> bool + 'a) -> Contestant<'a> {
    Contestant::on_thread(name, move |times| {
        for _ in 0..times {
            for _ in 0..IN_A_ROW {
                black_box(check());
            }
        }
        Ok(())
    })
}
