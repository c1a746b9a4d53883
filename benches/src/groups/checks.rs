//! What is paid where nobody listens.

use std::hint::black_box;

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher},
    observe::Category,
};

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    harness::Contestant,
};

/// Checks in a row for each one that is counted: a single one takes less than
/// the loop around it.
const IN_A_ROW: u32 = 16;
const FIGURE: Figure = Figure::at_most("whether anybody observes", 2.0, Unit::Ns);

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    let observers = dispatcher.observers();
    let contestants = vec![Contestant::on_thread("sixteen checks", |times| {
        for _ in 0..times {
            for _ in 0..IN_A_ROW {
                black_box(black_box(observers).want(black_box(Category::Step)));
            }
        }
        Ok(())
    })];
    let samples = findings.contest("no observer", bench.pace(), contestants)?;
    let each = samples.ns(0).scaled(1.0 / f64::from(IN_A_ROW));
    findings.figure(FIGURE.seen(each));
    findings.note("Whether anybody subscribes to a topic is known from its look-up: see `lookup`.");
    Ok(findings)
}
