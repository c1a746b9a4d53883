//! Finding who wants a topic.

use std::{hint::black_box, num::NonZeroUsize, sync::Arc};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher},
    topic::TopicTree,
    types::{Pattern, Topic},
};

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{Pass, interceptor},
    harness::Contestant,
};

/// Patterns.
const PATTERNS: usize = 10_000;
/// Topics that are looked up in turn, so that no look-up is the last one's.
const TOPICS: usize = 1_000;
/// Topics that the host remembers, looked up in turn. Few, so that they do not
/// take each other's place.
const REMEMBERED: usize = 8;
const CACHED: Figure = Figure::at_most("look-up among 10,000 patterns, cached", 30.0, Unit::Ns);
const NOT_CACHED: Figure =
    Figure::at_most("look-up among 10,000 patterns, not cached", 250.0, Unit::Ns);

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let tree = tree(PATTERNS)?;
    let topics = topics(PATTERNS)?;
    let host = dispatcher(PATTERNS, DispatchConfig::default())?;
    let forgetful = DispatchConfig {
        cached_topics: NonZeroUsize::MIN,
        ..DispatchConfig::default()
    };
    let forgetful = dispatcher(PATTERNS, forgetful)?;
    let few = topics.get(..REMEMBERED).unwrap_or(&topics);
    let contestants = vec![
        Contestant::on_thread("tree", find(&tree, &topics)),
        Contestant::on_thread("host, remembered", ask(&host, few)),
        Contestant::on_thread("host, not remembered", ask(&forgetful, &topics)),
    ];
    let samples = findings.contest("10,000 patterns", bench.pace(), contestants)?;
    findings.figure(CACHED.seen(samples.ns(1)));
    findings.figure(NOT_CACHED.seen(samples.ns(0)));
    Ok(findings)
}

/// A host with an interceptor for each of so many patterns.
fn dispatcher(patterns: usize, config: DispatchConfig) -> Result<Dispatcher, BenchError> {
    let dispatcher = Dispatcher::new(config);
    let hook = Arc::new(Pass);
    let interceptors = (0..patterns).map(|index| interceptor("c", &pattern(index), hook.clone()));
    dispatcher.install(interceptors.collect::<Result<_, _>>()?);
    Ok(dispatcher)
}

/// Asks `host` in turn who wants `topics`.
fn ask<'a>(
    host: &'a Dispatcher,
    topics: &'a [Topic],
) -> impl FnMut(u64) -> Result<(), BenchError> + 'a {
    let mut next = topics.iter().cycle();
    move |times| {
        for topic in next.by_ref().take(times as usize) {
            if !host.is_heard(black_box(topic)) {
                return Err(BenchError::unexpected(format!("nobody hears {topic}")));
            }
        }
        Ok(())
    }
}

/// A tree of so many patterns of three segments: of each twenty, sixteen are
/// literal, three have a `*` and one ends with `>`.
pub(super) fn tree(patterns: usize) -> Result<TopicTree<u32>, BenchError> {
    let mut tree = TopicTree::default();
    for (index, number) in (0..patterns).zip(0..) {
        tree.insert(&Pattern::new(&pattern(index))?, number);
    }
    Ok(tree)
}

fn pattern(index: usize) -> String {
    let (app, kind) = (index % 97, index % 89);
    match index % 20 {
        0..16 => format!("app{app}.kind{kind}.event{index}"),
        16 => format!("*.kind{kind}.event{index}"),
        17 => format!("app{app}.*.event{index}"),
        18 => format!("app{app}.kind{kind}.only{index}.*"),
        _ => format!("app{app}.kind{kind}.sub{index}.>"),
    }
}

/// Topics that one of the literal patterns among `patterns` matches.
pub(super) fn topics(patterns: usize) -> Result<Vec<Topic>, BenchError> {
    let literal = (0..patterns).filter(|index| index % 20 < 16);
    let count = literal.clone().count();
    let apart = count.div_ceil(TOPICS).max(1);
    let topic = |index| {
        let (app, kind) = (index % 97, index % 89);
        Topic::new(&format!("app{app}.kind{kind}.event{index}"))
    };
    Ok(literal
        .step_by(apart)
        .map(topic)
        .collect::<Result<_, _>>()?)
}

/// Looks `topics` up in turn.
pub(super) fn find<'a>(
    tree: &'a TopicTree<u32>,
    topics: &'a [Topic],
) -> impl FnMut(u64) -> Result<(), BenchError> + 'a {
    let mut next = topics.iter().cycle();
    move |times| {
        for topic in next.by_ref().take(times as usize) {
            let mut found = 0;
            tree.for_each_match(black_box(topic), |value| {
                found += 1 + black_box(*value) / u32::MAX
            });
            if found == 0 {
                return Err(BenchError::unexpected(format!("nothing matches {topic}")));
            }
        }
        Ok(())
    }
}
