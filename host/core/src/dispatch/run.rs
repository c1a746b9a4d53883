//! One event on its way through its chain.

use std::{mem, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::{
    task::coop::{consume_budget, has_budget_remaining},
    time::Instant,
};

use super::{
    Decision, Interceptor, OnError, Outcome, StepVerdict, ask::Question, delivery::Delivery,
    outcome::Taken, plan::Stage, routing::Route, shared::Shared, stay::Stay,
};
use crate::{
    hook::{HookError, Verdict},
    lane::Tickets,
    observe::{Category, Record},
    subscribe::{Message, Subscriber, View},
    types::Event,
};

/// An event that has its place in every lane it will visit. It goes on only
/// while [`run`](Self::run) is polled; dropping it cancels the event.
#[derive(Debug)]
#[must_use = "an event that is not run is cancelled"]
pub struct Running(Passage<'static>);

/// What it is: such an event, or one that does not outlive the call with which
/// it was handed in.
#[derive(Debug)]
pub(super) struct Passage<'a> {
    pub(super) route: Arc<Route>,
    pub(super) work: Work<'a>,
}

/// The event itself, on its way.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) event: Arc<Event>,
    tickets: Tickets<Stay<'a>>,
    accepted: Instant,
}

/// What a chain has come to.
pub(super) struct End {
    decision: Decision,
    steps: Taken,
    duration: Duration,
}

/// An admitted event on its way to a subscriber that is waited for. Dropped
/// before it is there, it is counted as lost.
struct Sending<'a> {
    shared: &'a Arc<Shared>,
    subscriber: &'a Subscriber,
    bytes: usize,
    is_over: bool,
}

/// Where a chain stands between two stages.
struct Progress {
    payload: Bytes,
    /// How much of the chain's time is left.
    budget: Duration,
    steps: Taken,
    /// The time now: the clock is read once a stage.
    now: Instant,
    /// How long ago the event was taken in.
    elapsed: Duration,
}

// === impl Running ===

impl Running {
    pub(super) fn new(passage: Passage<'static>) -> Self {
        Self(passage)
    }

    /// The event.
    pub fn event(&self) -> &Arc<Event> {
        &self.0.work.event
    }

    /// Runs the chain to its end, and delivers what is admitted: an event is
    /// in the queue of everybody who subscribes to it when this returns,
    /// unless an earlier one of its principal is still in a chain. Waits for
    /// subscribers that say so; those lose an admitted event, and count it,
    /// if the future is dropped before they have it.
    pub async fn run(mut self) -> Outcome {
        // Where no hook ever waits, a publisher in a loop would keep its
        // thread from everybody else.
        consume_budget().await;
        let end = self.0.run_from(Instant::now()).await;
        end.of(self.0.work.event, self.0.route)
    }

    /// Lets it go without its publisher: the event itself if it waits for
    /// something.
    pub(super) fn pass_on(self) -> Option<Self> {
        if !self.0.is_immediate() {
            return Some(self);
        }
        self.0.pass_on();
        None
    }
}

// === impl Passage ===

impl<'a> Passage<'a> {
    pub(super) fn new(
        event: Arc<Event>,
        route: Arc<Route>,
        mut tickets: Tickets<Stay<'a>>,
    ) -> Self {
        tickets.home_mut().begin();
        Self {
            route,
            work: Work {
                event,
                tickets,
                accepted: Instant::now(),
            },
        }
    }

    /// Whether it has nothing to wait for: nothing intercepts it, and nobody
    /// whom publishers wait for subscribes to it.
    fn is_immediate(&self) -> bool {
        self.route.chain.is_empty() && !self.route.audience(View::Admitted).is_waited_for()
    }

    /// As [`Running::run`], by whoever has just taken it in. The event stays
    /// where it is: it is large, and each future that owned it another copy.
    pub(super) async fn run_at_once(&mut self) -> End {
        let goes_on = has_budget_remaining();
        consume_budget().await;
        // The time that others have had in between is not the first hook's.
        let now = match goes_on {
            true => self.work.accepted,
            false => Instant::now(),
        };
        self.run_from(now).await
    }

    /// Admits an event that has nothing to wait for, and delivers it.
    fn pass_on(mut self) {
        let payload = self.work.event.payload.clone();
        let decision = Decision::Continue { payload };
        self.work.decide(&decision, Duration::ZERO);
        if let Decision::Continue { payload } = decision
            && wants(&self.route, &self.work.event)
        {
            let event = self.work.event;
            let message = Arc::new(Message { event, payload });
            finish(&mut self.work.tickets, &self.route, message);
        }
    }

    async fn run_from(&mut self, now: Instant) -> End {
        let Self { route, work } = self;
        let stages = route.chain.stages();
        let mut progress = Progress {
            payload: work.event.payload.clone(),
            budget: work.shared().config.chain_deadline,
            steps: Taken::new(stages.len()),
            now,
            elapsed: match now == work.accepted {
                true => Duration::ZERO,
                false => now.saturating_duration_since(work.accepted),
            },
        };
        let mut end = None;
        for stage in stages {
            end = work.pass(stage, &mut progress).await;
            if end.is_some() {
                break;
            }
        }
        let decision = end.unwrap_or(Decision::Continue {
            payload: progress.payload,
        });
        let duration = progress.elapsed;
        work.decide(&decision, duration);
        if let Decision::Continue { payload } = &decision
            && let Some(message) = work.message(route, payload)
        {
            work.deliver(route, message).await;
        }
        End {
            decision,
            steps: progress.steps,
            duration,
        }
    }
}

// === impl Work ===

impl Work<'_> {
    fn shared(&self) -> &Arc<Shared> {
        self.tickets.home()
    }

    /// Takes the event through one stage. `Some` ends the chain.
    async fn pass(&mut self, stage: &Stage, progress: &mut Progress) -> Option<Decision> {
        if stage.waits && !progress.budget.is_zero() && !self.tickets.is_first(stage.lane) {
            self.tickets.turn(stage.lane).await;
            progress.advance();
        }
        let (started, shared) = (progress.now, self.shared());
        let question = Question {
            interceptor: &stage.interceptor,
            meter: &stage.meter,
            event: &self.event,
            payload: &progress.payload,
            started,
            budget: progress.budget,
            deadline: shared.config.chain_deadline,
        };
        let answer = question.ask(shared).await;
        let duration = progress.advance();
        if stage.gives_back {
            self.tickets.release(stage.lane);
        }
        progress.budget = progress.budget.saturating_sub(duration);

        let (verdict, end) = judge(&stage.interceptor, answer, &mut progress.payload);
        let shared = self.shared();
        shared.counters.step(&verdict);
        stage.meter.count(&verdict, duration);
        shared.tell(Category::Step, || Record::Step {
            event: self.event.clone(),
            capsule: stage.interceptor.capsule.clone(),
            action: stage.interceptor.action.clone(),
            verdict: verdict.as_str(),
            duration,
        });
        progress.steps.push(verdict, duration);
        end
    }

    fn decide(&mut self, decision: &Decision, duration: Duration) {
        self.tickets.home_mut().decide();
        let (shared, event) = (self.shared(), &self.event);
        shared.counters.decided(decision, duration);
        match decision {
            Decision::Continue { payload } => {
                shared.tell(Category::Admitted, || Record::Admitted {
                    event: event.clone(),
                    changed: *payload != event.payload,
                })
            }
            Decision::Deny { by, reason } => shared.tell(Category::Denied, || Record::Denied {
                event: event.clone(),
                by: by.clone(),
                reason: reason.clone(),
            }),
            Decision::Final { .. } => {}
        }
        shared.tell(Category::Verdict, || Record::Verdict {
            event: event.clone(),
            verdict: decision.as_str(),
            by: decision.by().cloned(),
            duration,
        });
    }

    /// The event as those who subscribe to it get it, if anybody does.
    fn message(&self, route: &Route, payload: &Bytes) -> Option<Arc<Message>> {
        wants(route, &self.event).then(|| {
            Arc::new(Message {
                event: self.event.clone(),
                payload: payload.clone(),
            })
        })
    }

    /// Hands the admitted event to those who subscribe to it: at once to those
    /// whom nobody waits for, and to each of the others in its turn.
    async fn deliver(&mut self, route: &Arc<Route>, message: Arc<Message>) {
        let waited_for = route.audience(View::Admitted);
        let waited_for = waited_for.waited_for(message.event.facts());
        let waited_for: Vec<_> = waited_for.map(|(subscriber, _)| subscriber).collect();
        if waited_for.is_empty() {
            return finish(&mut self.tickets, route, message);
        }
        let bytes = message.size();
        self.tickets
            .deliver(delivery(route, message.clone()), bytes as u64);
        // Its chain is at its end, whoever is waited for here.
        let first = route.chain.lane_count();
        (0..first).for_each(|lane| self.tickets.release(lane));
        let stay = self.tickets.home().clone();
        let sends = (first..).zip(waited_for).map(|(index, subscriber)| {
            let ticket = self.tickets.take(index);
            let sending = Sending {
                shared: &stay,
                subscriber,
                bytes,
                is_over: false,
            };
            let message = &message;
            async move {
                ticket.turn().await;
                sending.send(message).await;
            }
        });
        join_all(sends.collect::<Vec<_>>()).await;
    }
}

// === impl Progress ===

impl Progress {
    /// Reads the clock, and says how long it is since that was done before.
    fn advance(&mut self) -> Duration {
        let before = mem::replace(&mut self.now, Instant::now());
        let since = self.now.saturating_duration_since(before);
        self.elapsed += since;
        since
    }
}

// === impl End ===

impl End {
    /// What became of `event`, which has gone through the chain of `route`.
    pub(super) fn of(self, event: Arc<Event>, route: Arc<Route>) -> Outcome {
        Outcome {
            event,
            decision: self.decision,
            steps: self.steps.of(route),
            duration: self.duration,
        }
    }
}

// === impl Sending ===

impl Sending<'_> {
    async fn send(mut self, message: &Arc<Message>) {
        let pushed = self.subscriber.send(message, self.bytes).await;
        self.is_over = true;
        self.shared.counters.handed_out(pushed.is_queued().into());
        self.shared.lost(self.subscriber, pushed.lost(self.bytes));
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let lost = self.subscriber.give_up(self.bytes);
            self.shared.lost(self.subscriber, lost);
        }
    }
}

/// Whether somebody subscribes to an event that is admitted.
fn wants(route: &Route, event: &Event) -> bool {
    let audience = route.audience(View::Admitted);
    !audience.is_empty() && audience.wanting(event.facts()).next().is_some()
}

/// Hands an admitted event to those who subscribe to it, of whom nobody is
/// waited for, and gives back all that it holds.
fn finish(tickets: &mut Tickets<Stay<'_>>, route: &Arc<Route>, message: Arc<Message>) {
    if let Some(turn) = tickets.first_out() {
        return turn.home().hand_out(route, message, View::Admitted);
    }
    let bytes = message.size() as u64;
    tickets.finish(delivery(route, message), bytes);
}

fn delivery(route: &Arc<Route>, message: Arc<Message>) -> Delivery {
    Delivery {
        route: route.clone(),
        message,
        view: View::Admitted,
    }
}

/// What an answer comes to: the step's verdict, and the chain's end if it is
/// one. A replaced payload is put in `payload`.
fn judge(
    interceptor: &Interceptor,
    answer: Result<Verdict, HookError>,
    payload: &mut Bytes,
) -> (StepVerdict, Option<Decision>) {
    let verdict = StepVerdict::of(&answer);
    let by = || interceptor.capsule.clone();
    let end = match answer {
        _ if interceptor.monitors() => None,
        Ok(Verdict::Skip | Verdict::Continue(None)) => None,
        Ok(Verdict::Continue(Some(new))) => {
            *payload = new;
            None
        }
        Ok(Verdict::Final(response)) => Some(Decision::Final { by: by(), response }),
        Ok(Verdict::Deny(reason)) => Some(Decision::Deny { by: by(), reason }),
        Err(error) => (interceptor.on_error == OnError::Deny).then(|| Decision::Deny {
            by: by(),
            reason: format!("`{}` failed: {error}", interceptor.action),
        }),
    };
    (verdict, end)
}
