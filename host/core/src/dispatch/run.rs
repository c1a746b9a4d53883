//! One event on its way through its chain.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use smallvec::SmallVec;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::warn;

use super::{
    Counters, Decision, Delivery, Interceptor, OnError, Outcome, Step, StepVerdict,
    plan::{Chain, Stage},
};
use crate::{
    hook::{Call, ErrorKind, HookError, Verdict},
    lane::Tickets,
    types::Event,
};

/// An event that has its place in every lane it will visit. It goes on only
/// while [`run`](Self::run) is polled; dropping it cancels the event.
#[derive(Debug)]
#[must_use = "an event that is not run is cancelled"]
pub struct Running {
    event: Arc<Event>,
    chain: Arc<Chain>,
    tickets: Tickets<Delivery>,
    counters: Arc<Counters>,
    accepted: Instant,
    chain_deadline: Duration,
    decided: bool,
    /// Keeps the host from ending before the event does.
    _token: TaskTrackerToken,
}

/// Where a chain stands between two stages.
struct Progress {
    payload: Bytes,
    /// How much of the chain's time is left.
    budget: Duration,
    steps: SmallVec<[Step; 2]>,
}

// === impl Running ===

impl Running {
    pub(super) fn new(
        event: Arc<Event>,
        chain: Arc<Chain>,
        tickets: Tickets<Delivery>,
        counters: Arc<Counters>,
        chain_deadline: Duration,
        token: TaskTrackerToken,
    ) -> Self {
        Self {
            event,
            chain,
            tickets,
            counters,
            accepted: Instant::now(),
            chain_deadline,
            decided: false,
            _token: token,
        }
    }

    /// The event.
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }

    /// Runs the chain to its end.
    pub async fn run(mut self) -> Outcome {
        let chain = self.chain.clone();
        let mut progress = Progress {
            payload: self.event.payload.clone(),
            budget: self.chain_deadline,
            steps: SmallVec::with_capacity(chain.stages().len()),
        };
        let mut end = None;
        for stage in chain.stages() {
            end = self.pass(stage, &mut progress).await;
            if end.is_some() {
                break;
            }
        }
        let decision = end.unwrap_or(Decision::Continue {
            payload: progress.payload,
        });
        self.counters.decided(&decision);
        self.decided = true;
        Outcome {
            event: self.event.clone(),
            decision,
            steps: progress.steps,
            duration: self.accepted.elapsed(),
        }
    }

    /// Takes the event through one stage. `Some` ends the chain.
    async fn pass(&mut self, stage: &Stage, progress: &mut Progress) -> Option<Decision> {
        let started;
        let answer = if progress.budget.is_zero() {
            started = Instant::now();
            Err(self.out_of_time())
        } else {
            if stage.waits {
                self.tickets.turn(stage.lane).await;
            }
            started = Instant::now();
            self.call(
                &stage.interceptor,
                &progress.payload,
                started,
                progress.budget,
            )
            .await
        };
        let duration = started.elapsed();
        if stage.last_in_lane {
            self.tickets.release(stage.lane);
        }
        progress.budget = progress.budget.saturating_sub(duration);

        let (verdict, end) = judge(&stage.interceptor, answer, &mut progress.payload);
        self.counters.step(&verdict);
        if let StepVerdict::Error(error) = &verdict {
            self.report(&stage.interceptor, error);
        }
        progress.steps.push(Step {
            interceptor: stage.interceptor.clone(),
            verdict,
            duration,
        });
        end
    }

    async fn call(
        &self,
        interceptor: &Interceptor,
        payload: &Bytes,
        started: Instant,
        budget: Duration,
    ) -> Result<Verdict, HookError> {
        let principal = self.event.principal.as_ref();
        let permit = match &interceptor.quarantine {
            Some(quarantine) => Some(quarantine.admit(principal, started)?),
            None => None,
        };
        let answer = self.ask(interceptor, payload, started, budget).await;
        // Cut short by the chain's deadline, it has not had the time it may
        // take: others used it up.
        let cut_short = budget < interceptor.timeout
            && matches!(&answer, Err(error) if error.kind == ErrorKind::Timeout);
        if let Some(permit) = permit.filter(|_| !cut_short) {
            permit.told(&answer, Instant::now());
        }
        answer
    }

    async fn ask(
        &self,
        interceptor: &Interceptor,
        payload: &Bytes,
        started: Instant,
        budget: Duration,
    ) -> Result<Verdict, HookError> {
        let deadline = started + interceptor.timeout.min(budget);
        // Made inside of the future, so that a panic in `call` is caught too.
        let call = async {
            let call = Call {
                action: &interceptor.action,
                event: &self.event,
                payload,
                deadline,
            };
            interceptor.hook.call(call).await
        };
        let late = || match budget <= interceptor.timeout {
            true => self.out_of_time(),
            false => HookError::new(
                ErrorKind::Timeout,
                format!("no answer within {} ms", interceptor.timeout.as_millis()),
            ),
        };
        match timeout_at(deadline, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(Err(error))) if error.kind == ErrorKind::Timeout => Err(late()),
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(_elapsed) => Err(late()),
        }
    }

    fn out_of_time(&self) -> HookError {
        HookError::new(
            ErrorKind::Timeout,
            format!(
                "the chain's deadline of {} ms has passed",
                self.chain_deadline.as_millis()
            ),
        )
    }

    fn report(&self, interceptor: &Interceptor, error: &HookError) {
        warn!(
            capsule = &*interceptor.capsule,
            action = &*interceptor.action,
            topic = self.event.topic.as_str(),
            event = %self.event.id,
            error = error.kind.as_str(),
            "interceptor failed: {}",
            error.message,
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.decided {
            self.counters.cancelled();
        }
    }
}

/// What an answer comes to: the step's verdict, and the chain's end if it is
/// one. A replaced payload is put in `payload`.
fn judge(
    interceptor: &Interceptor,
    answer: Result<Verdict, HookError>,
    payload: &mut Bytes,
) -> (StepVerdict, Option<Decision>) {
    let by = || interceptor.capsule.clone();
    let (verdict, end) = match answer {
        Ok(Verdict::Skip) => (StepVerdict::Skip, None),
        Ok(Verdict::Continue(None)) => (StepVerdict::Continue { changed: false }, None),
        Ok(Verdict::Continue(Some(new))) => {
            if !interceptor.monitors() {
                *payload = new;
            }
            (StepVerdict::Continue { changed: true }, None)
        }
        Ok(Verdict::Final(response)) => {
            let end = Decision::Final { by: by(), response };
            (StepVerdict::Final, Some(end))
        }
        Ok(Verdict::Deny(reason)) => {
            let end = Decision::Deny {
                by: by(),
                reason: reason.clone(),
            };
            (StepVerdict::Deny { reason }, Some(end))
        }
        Err(error) => {
            let end = (interceptor.on_error == OnError::Deny).then(|| Decision::Deny {
                by: by(),
                reason: format!("`{}` failed: {error}", interceptor.action),
            });
            (StepVerdict::Error(error), end)
        }
    };
    (verdict, end.filter(|_| !interceptor.monitors()))
}

fn panicked(panic: &(dyn Any + Send)) -> HookError {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    HookError::new(ErrorKind::Trap, format!("the hook panicked: {message}"))
}
