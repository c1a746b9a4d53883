//! Capsules that publish what makes them publish.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use capsule_core::{
    dispatch::{CapsuleOutlet, DispatchConfig, Dispatcher, OutletGrants},
    hook::{Call, Hook, HookFuture, Outlet, OutletError, Verdict},
    mailbox::Received,
    observe::{Audit, Category, Observer, Record},
    types::{Draft, Pattern, Principal, Topic},
};
use tokio::time::{Instant, sleep};

use crate::{
    Findings, StressError,
    fixture::{endless_queue, interceptor, principals},
    runtime::{idle, in_virtual_time},
};

/// What a capsule takes to answer.
const SERVICE: Duration = Duration::from_millis(1);
/// Where a principal without a loop publishes: to the same capsules.
const QUIET: &str = "quiet.one";

/// How many loops at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Principals that each set a loop off.
    principals: usize,
}

pub(crate) const FULL: Scale = Scale { principals: 100 };

pub(crate) const SHORT: Scale = Scale { principals: 20 };

/// Who publishes what when asked about what.
#[derive(Clone, Copy, Debug)]
struct Shape {
    name: &'static str,
    /// The topic of each capsule, and where it publishes then.
    capsules: &'static [(&'static str, &'static [&'static str])],
    /// How many events each one makes.
    branches: u32,
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "itself",
        capsules: &[("loop.a", &["loop.a"])],
        branches: 1,
    },
    Shape {
        name: "another, and back",
        capsules: &[("loop.a", &["loop.b"]), ("loop.b", &["loop.a"])],
        branches: 1,
    },
    Shape {
        name: "two at a time",
        capsules: &[
            ("loop.a", &["loop.a", "loop.b"]),
            ("loop.b", &["loop.a", "loop.b"]),
        ],
        branches: 2,
    },
];

/// A capsule that publishes whenever it is asked.
#[derive(Debug)]
struct Echo {
    outlet: CapsuleOutlet,
    to: &'static [&'static str],
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    attempts: AtomicU64,
    too_many_hops: AtomicU64,
    full: AtomicU64,
    other: AtomicU64,
    /// The most hops of an event that a capsule was asked about.
    deepest: AtomicU32,
}

/// How one without a loop fares.
#[derive(Debug, Default)]
struct Quiet {
    requests: u64,
    /// Before there was a loop.
    alone: Duration,
    slowest: Duration,
}

/// Runs the scenario.
pub(crate) fn run(scale: Scale) -> Result<Findings, StressError> {
    let mut findings = Findings::new();
    for shape in SHAPES {
        findings.append(in_virtual_time(play(shape, scale))?);
    }
    Ok(findings)
}

async fn play(shape: Shape, scale: Scale) -> Result<Findings, StressError> {
    let dispatcher = Arc::new(Dispatcher::new(DispatchConfig::default()));
    let counts = Arc::new(Counts::default());
    install(&dispatcher, shape, &counts)?;
    let audit = Category::Audit.into();
    let mut auditor = dispatcher
        .observers()
        .observe("auditor", audit, endless_queue());
    let mut quiet = Quiet {
        alone: request(&dispatcher).await?,
        ..Quiet::default()
    };

    let topic = Topic::new("loop.a")?;
    for principal in principals("p", scale.principals)? {
        dispatcher.try_publish(Draft::new(topic.clone()).with_principal(principal))?;
    }
    while dispatcher.in_flight().events > 0 {
        quiet.slowest = quiet.slowest.max(request(&dispatcher).await?);
        quiet.requests += 1;
    }
    idle(&dispatcher).await?;

    let published = dispatcher.counters().published - 1 - quiet.requests;
    let mut findings = Findings::new();
    counts.tell(
        &mut findings,
        shape,
        scale,
        published,
        audited(&mut auditor),
    );
    findings.exact(
        "meanwhile another principal's requests to the same capsules take no longer",
        format!(
            "{} requests, the slowest {:?}; {:?} without a loop",
            quiet.requests, quiet.slowest, quiet.alone
        ),
        quiet.slowest == quiet.alone && quiet.requests > 0,
    );
    Ok(findings)
}

fn install(
    dispatcher: &Arc<Dispatcher>,
    shape: Shape,
    counts: &Arc<Counts>,
) -> Result<(), StressError> {
    let mut all = Vec::new();
    for (index, (on, to)) in shape.capsules.iter().enumerate() {
        let name = format!("echo-{index}");
        let grants = OutletGrants {
            publish: vec![Pattern::new("loop.>")?],
            trigger: Vec::new(),
            per_second: u32::MAX,
        };
        let hook = Arc::new(Echo {
            outlet: CapsuleOutlet::new(Arc::downgrade(dispatcher), name.as_str().into(), grants),
            to,
            counts: counts.clone(),
        });
        all.push(interceptor(&name, on, hook.clone())?);
        all.push(interceptor(&name, QUIET, hook)?);
    }
    dispatcher.install(all);
    Ok(())
}

/// How long the one without a loop waits for an outcome.
async fn request(dispatcher: &Dispatcher) -> Result<Duration, StressError> {
    let draft = Draft::new(Topic::new(QUIET)?).with_principal(Principal::new("quiet")?);
    let started = Instant::now();
    let _admitted = dispatcher.request(draft).await?;
    Ok(started.elapsed())
}

/// How many refusals are on paper.
fn audited(auditor: &mut Observer) -> u64 {
    let mut refusals = 0;
    while let Ok(received) = auditor.try_recv() {
        let is_refusal = matches!(
            received,
            Received::Item(Record::Audit(Audit::Refused { .. }))
        );
        refusals += u64::from(is_refusal);
    }
    refusals
}

// === impl Counts ===

impl Counts {
    fn tell(
        &self,
        findings: &mut Findings,
        shape: Shape,
        scale: Scale,
        published: u64,
        audited: u64,
    ) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let max_hops = DispatchConfig::default().max_hops;
        let deepest = self.deepest.load(Ordering::Relaxed);
        let (attempts, hops) = (read(&self.attempts), read(&self.too_many_hops));
        let (full, other) = (read(&self.full), read(&self.other));
        let begun = scale.principals as u64;
        // A chain of one event after the other, or a tree of which some
        // branches are cut off where a lane is full.
        let most = match shape.branches {
            1 => u64::from(max_hops) + 1,
            branches => (0..=max_hops)
                .map(|hops| u64::from(branches).pow(hops))
                .sum(),
        };
        let is_whole = published == begun * most || full > 0;
        findings.exact(
            format!(
                "{begun} loops of a capsule that publishes to {} end {max_hops} hops away",
                shape.name
            ),
            format!(
                "{deepest} hops; {published} events of at most {}",
                begun * most
            ),
            deepest == max_hops && published <= begun * most && is_whole,
        );
        findings.exact(
            "each event that a capsule wanted is published, or refused to it and audited",
            format!(
                "{attempts} wanted; {hops} refused for their hops, {full} for a full lane; \
                 {audited} audited"
            ),
            published == begun + attempts - hops - full - other
                && audited == hops + full + other
                && other == 0
                && hops > 0,
        );
    }
}

// === impl Echo ===

impl Hook for Echo {
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a> {
        HookFuture::new(async move {
            sleep(SERVICE).await;
            if call.event.topic.as_str() == QUIET {
                return Ok(Verdict::Continue(None));
            }
            let counts = &self.counts;
            counts.deepest.fetch_max(call.event.hops, Ordering::Relaxed);
            for topic in self.to {
                counts.attempts.fetch_add(1, Ordering::Relaxed);
                let refused = match self.outlet.publish(call.event, topic, Bytes::new()) {
                    Ok(()) => continue,
                    Err(OutletError::TooManyHops { .. }) => &counts.too_many_hops,
                    Err(OutletError::Full(_)) => &counts.full,
                    Err(_) => &counts.other,
                };
                refused.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Verdict::Continue(None))
        })
    }
}
