//! Memory with many principals at once, and after they are gone.

use std::{
    ops::Range,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher, Interceptor, Outcome, Step, StepVerdict, Subscription},
    hook::{Call, Hook, HookFuture, Verdict},
    mailbox::Overflow,
    subscribe::SubscribeOptions,
    types::{Draft, Principal, Topic},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    Findings, Length, StressError,
    fixture::{Service, interceptor, queue},
    machine::resident_bytes,
    runtime::{idle, on_all_cores},
};

/// Where events are not held up.
const PASSING: &str = "footprint.passing";
/// Capsules that every event meets.
const CAPSULES: usize = 16;
/// Most that may be resident with everybody's event under way.
const MAX_RESIDENT: u64 = 512 << 20;
/// Rounds of principals that come and go.
const ROUNDS: usize = 5;
/// The round that growth is measured from; what is allocated once has been.
const FIRST_MEASURED: usize = 2;
/// Most that the last round may need more than that one.
const MAX_GROWTH: f64 = 1.05;
/// Events under way at once while principals come and go.
const AT_ONCE: usize = 1_000;
/// Longer than the scenario takes: no hook times out.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Principals at once.
    at_once: usize,
    /// Principals that come and go in each round.
    passing: usize,
}

const FULL: Scale = Scale {
    at_once: 10_000,
    passing: 100_000,
};

const SHORT: Scale = Scale {
    at_once: 1_000,
    passing: 2_000,
};

/// What the child process has measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Measured {
    /// Resident bytes before the first event.
    start: u64,
    /// With all at once, the first time and the second.
    peak: [u64; 2],
    /// After that, with nothing under way.
    idle: [u64; 2],
    /// Lanes with all at once.
    lanes_at_peak: usize,
    /// Lanes and principals that were left, ever, with nothing under way.
    left: usize,
    /// Resident bytes after each round of principals that came and went.
    rounds: Vec<u64>,
    /// Events that did not come to the end of their chain.
    failed: usize,
}

/// A capsule that holds its calls back until they are let go.
#[derive(Debug)]
struct Gate {
    /// How many are held.
    held: watch::Sender<usize>,
    permits: Semaphore,
}

/// Runs the scenario: has `program` measure in a process of its own, so that
/// what others have allocated does not count.
pub(crate) fn run(length: Length, program: &Path) -> Result<Findings, StressError> {
    let mut child = Command::new(program);
    child.arg("--measure-footprint");
    if length == Length::Short {
        child.arg("--short");
    }
    child.stderr(Stdio::inherit());
    let output = child
        .output()
        .map_err(StressError::io("cannot run a child process"))?;
    if !output.status.success() {
        return Err(StressError::Child {
            status: output.status,
        });
    }
    let measured = serde_json::from_slice(&output.stdout)?;
    Ok(findings(length.pick(FULL, SHORT), &measured))
}

/// What the child process does: measures its own memory, and says it in JSON.
///
/// # Errors
///
/// It could not be measured.
pub fn measure_footprint(length: Length) -> Result<String, StressError> {
    let measured = on_all_cores(measure(length.pick(FULL, SHORT)))?;
    Ok(serde_json::to_string(&measured)?)
}

fn findings(scale: Scale, measured: &Measured) -> Findings {
    let Scale { at_once, passing } = scale;
    let Measured {
        start,
        peak: [peak, peak_again],
        idle: [idle, idle_again],
        lanes_at_peak,
        left,
        rounds,
        failed,
    } = measured;
    let mut findings = Findings::new();
    findings.exact(
        format!("{at_once} principals on {CAPSULES} capsules at once, all calls pending"),
        format!("{lanes_at_peak} lanes; {failed} events failed once let go"),
        *lanes_at_peak == at_once * CAPSULES && *failed == 0,
    );
    findings.measured(
        format!("at most {} resident with them", mib(MAX_RESIDENT)),
        format!("{} from {} at the start", mib(*peak), mib(*start)),
        *peak <= MAX_RESIDENT,
    );
    findings.exact(
        "idle again, no lane and no principal is left",
        format!("{left} left"),
        *left == 0,
    );
    findings.told(
        "resident when idle again; what the allocator keeps serves the next time",
        format!(
            "{}, and after a second time with {} at its peak {}",
            mib(*idle),
            mib(*peak_again),
            mib(*idle_again)
        ),
    );
    let first = rounds.get(FIRST_MEASURED - 1).copied().unwrap_or_default();
    let last = rounds.last().copied().unwrap_or_default();
    let each: Vec<_> = rounds.iter().map(|bytes| mib(*bytes)).collect();
    findings.measured(
        format!("{ROUNDS} times {passing} new principals come and go without growth"),
        format!("{} after each round", each.join(", ")),
        last as f64 <= first as f64 * MAX_GROWTH,
    );
    findings
}

async fn measure(scale: Scale) -> Result<Measured, StressError> {
    let dispatcher = Arc::new(Dispatcher::new(DispatchConfig {
        chain_deadline: PATIENCE,
        ..DispatchConfig::default()
    }));
    let gate = Arc::new(Gate::default());
    install(&dispatcher, &gate)?;
    let options = SubscribeOptions::new("reader").with_mailbox(queue(Overflow::DropNewest));
    let mut reader = dispatcher.subscribe(options);

    let mut measured = Measured {
        start: resident_bytes()?,
        peak: [0; 2],
        idle: [0; 2],
        lanes_at_peak: 0,
        left: 0,
        rounds: Vec::new(),
        failed: 0,
    };
    for (peak, at_rest) in measured.peak.iter_mut().zip(&mut measured.idle) {
        let running = submit(&dispatcher, held_by, 0..scale.at_once)?;
        gate.wait_for(scale.at_once).await;
        *peak = resident_bytes()?;
        measured.lanes_at_peak = dispatcher.lanes();
        gate.let_go(scale.at_once);
        measured.failed += failures(running).await?;
        drain(&mut reader);
        idle(&dispatcher).await?;
        *at_rest = resident_bytes()?;
        measured.left += dispatcher.lanes() + dispatcher.principals();
    }
    for round in 0..ROUNDS {
        let (from, to) = (round * scale.passing, (round + 1) * scale.passing);
        for first in (from..to).step_by(AT_ONCE) {
            let some = first..to.min(first + AT_ONCE);
            measured.failed += failures(submit(&dispatcher, |_| PASSING.to_owned(), some)?).await?;
            drain(&mut reader);
        }
        idle(&dispatcher).await?;
        measured.rounds.push(resident_bytes()?);
        measured.left += dispatcher.lanes() + dispatcher.principals();
    }
    Ok(measured)
}

/// All capsules on every topic, each first on the one where it holds back.
fn install(dispatcher: &Dispatcher, gate: &Arc<Gate>) -> Result<(), StressError> {
    let mut all = Vec::new();
    for index in 0..CAPSULES {
        let name = format!("capsule-{index:02}");
        let capsule = |topic: &str, hook| -> Result<Interceptor, StressError> {
            Ok(Interceptor {
                timeout: PATIENCE,
                ..interceptor(&name, topic, hook)?
            })
        };
        all.push(capsule(PASSING, Arc::new(Service(Duration::ZERO)))?);
        for by in 0..CAPSULES {
            let interceptor = match by == index {
                true => Interceptor {
                    priority: 0,
                    ..capsule(&held_by(by), gate.clone())?
                },
                false => capsule(&held_by(by), Arc::new(Service(Duration::ZERO)))?,
            };
            all.push(interceptor);
        }
    }
    dispatcher.install(all);
    Ok(())
}

/// The topic on which the events of a principal are held by one of the
/// capsules, before all others.
fn held_by(principal: usize) -> String {
    format!("footprint.held.t{}", principal % CAPSULES)
}

/// Publishes an event of each of these principals.
fn submit(
    dispatcher: &Dispatcher,
    topic: impl Fn(usize) -> String,
    principals: Range<usize>,
) -> Result<JoinSet<Outcome>, StressError> {
    let mut running = JoinSet::new();
    for index in principals {
        let principal = Principal::new(&format!("{index}"))?;
        let draft = Draft::new(Topic::new(&topic(index))?).with_principal(principal);
        running.spawn(dispatcher.try_submit(draft)?.run());
    }
    Ok(running)
}

/// Waits for all of them; how many were not let through by every capsule.
async fn failures(mut running: JoinSet<Outcome>) -> Result<usize, StressError> {
    let mut failed = 0;
    while let Some(outcome) = running.join_next().await {
        let steps = outcome?.steps;
        let passed = |step: Step<'_>| matches!(step.verdict, StepVerdict::Continue { .. });
        failed += usize::from(steps.iter().filter(|step| passed(*step)).count() != CAPSULES);
    }
    Ok(failed)
}

fn drain(reader: &mut Subscription) {
    while reader.try_recv().is_ok() {}
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

// === impl Gate ===

impl Gate {
    async fn pass(&self) {
        self.held.send_modify(|held| *held += 1);
        // Nobody closes the semaphore.
        if let Ok(permit) = self.permits.acquire().await {
            permit.forget();
        }
        self.held.send_modify(|held| *held -= 1);
    }

    /// Waits until so many calls are held.
    async fn wait_for(&self, count: usize) {
        let mut held = self.held.subscribe();
        // The sender is `self`.
        let _held = held.wait_for(|held| *held == count).await;
    }

    /// Lets so many calls go on.
    fn let_go(&self, count: usize) {
        self.permits.add_permits(count);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            held: watch::Sender::new(0),
            permits: Semaphore::new(0),
        }
    }
}

impl Hook for Gate {
    fn call<'a>(&'a self, _call: Call<'a>) -> HookFuture<'a> {
        HookFuture::new(async {
            self.pass().await;
            Ok(Verdict::Continue(None))
        })
    }
}
