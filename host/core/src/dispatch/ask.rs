//! Asks one interceptor, in time and safe from its panics.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;
use tokio::{
    task::coop::unconstrained,
    time::{Instant, sleep_until},
};
use tracing::{debug, warn};

use super::{Interceptor, Meter, config::LONGEST_WAIT, shared::Shared};
use crate::{
    hook::{Call, ErrorKind, HookError, HookFuture, Verdict},
    observe::{Audit, Category, Record},
    quarantine::{Change, Permit},
    types::{Event, Principal},
};

/// What an interceptor is asked, and how long it may take.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) interceptor: &'a Interceptor,
    /// What is counted of it.
    pub(super) meter: &'a Meter,
    pub(super) event: &'a Arc<Event>,
    pub(super) payload: &'a Bytes,
    /// The time now.
    pub(super) started: Instant,
    /// What is left of the time that all of the event's hooks have.
    pub(super) budget: Duration,
    /// All of that time.
    pub(super) deadline: Duration,
}

/// A hook that was called; `None` when its time is up. Most answer when they
/// are first polled, and then no timer is made.
struct Answer<'a> {
    call: HookFuture<'a>,
    deadline: Instant,
    late: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

// === impl Question ===

impl<'a> Question<'a> {
    /// Asks, if there is time. Reports a failure to the log and to observers.
    pub(super) async fn ask(&self, shared: &Arc<Shared>) -> Result<Verdict, HookError> {
        let answer = match self.leave() {
            Ok(permit) => {
                let answer = match self.call() {
                    Ok(Err(error)) if error.kind == ErrorKind::Timeout => Err(self.late()),
                    Ok(answer) => answer,
                    Err(later) => later.await.unwrap_or_else(|| Err(self.late())),
                };
                self.tell(permit, &answer, shared);
                answer
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &answer {
            self.report(shared, error);
        }
        answer
    }

    /// Leave to call the capsule.
    fn leave(&self) -> Result<Option<Permit<'a>>, HookError> {
        if self.budget.is_zero() {
            return Err(self.out_of_time());
        }
        let quarantine = self.interceptor.quarantine.as_ref();
        let principal = self.event.principal.as_ref();
        quarantine
            .map(|quarantine| quarantine.admit(principal, self.started))
            .transpose()
    }

    /// Calls the hook. `Err` is an answer that comes later.
    fn call(&self) -> Result<Result<Verdict, HookError>, Answer<'a>> {
        let Self {
            interceptor,
            event,
            payload,
            started,
            budget,
            ..
        } = *self;
        let deadline = started + interceptor.timeout.min(budget).min(LONGEST_WAIT);
        let call = Call {
            action: &interceptor.action,
            event,
            payload,
            started,
            deadline,
        };
        match catch_unwind(AssertUnwindSafe(|| {
            interceptor.hook.call(call).into_ready()
        })) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(call)) => Err(Answer {
                call,
                deadline,
                late: None,
            }),
            Err(panic) => Ok(Err(panicked(&*panic))),
        }
    }

    fn tell(
        &self,
        permit: Option<Permit<'_>>,
        answer: &Result<Verdict, HookError>,
        shared: &Arc<Shared>,
    ) {
        // Cut short by the chain's deadline, it has not had the time it may
        // take: others used it up.
        let cut_short = self.budget < self.interceptor.timeout
            && matches!(answer, Err(error) if error.kind == ErrorKind::Timeout);
        if !cut_short
            && let Some(change) = permit.and_then(|permit| permit.told(answer, Instant::now))
        {
            let principal = self.event.principal.as_ref();
            announce(shared, &self.interceptor.capsule, principal, change);
        }
    }

    /// Says that the time was up.
    fn late(&self) -> HookError {
        let timeout = self.interceptor.timeout;
        match self.budget < timeout {
            true => self.out_of_time(),
            false => HookError::new(
                ErrorKind::Timeout,
                format!("no answer within {} ms", timeout.as_millis()),
            ),
        }
    }

    /// Says that there is no time left to ask.
    fn out_of_time(&self) -> HookError {
        HookError::new(
            ErrorKind::Timeout,
            format!(
                "the chain's deadline of {} ms has passed",
                self.deadline.as_millis()
            ),
        )
    }

    fn report(&self, shared: &Arc<Shared>, error: &HookError) {
        let Self {
            interceptor,
            meter,
            event,
            ..
        } = *self;
        let interval = shared.config.failure_log_interval;
        match meter.warnings(error.kind, Instant::now(), interval) {
            Some(held_back) => warn!(
                capsule = &*interceptor.capsule,
                action = &*interceptor.action,
                topic = event.topic.as_str(),
                event = %event.id,
                error = error.kind.as_str(),
                held_back = (held_back > 0).then_some(held_back),
                "interceptor failed: {}",
                error.message,
            ),
            None => debug!(
                capsule = &*interceptor.capsule,
                action = &*interceptor.action,
                topic = event.topic.as_str(),
                event = %event.id,
                error = error.kind.as_str(),
                "interceptor failed: {}",
                error.message,
            ),
        }
        shared.tell(Category::Error, || Record::Error {
            event: event.clone(),
            capsule: interceptor.capsule.clone(),
            action: interceptor.action.clone(),
            error: error.clone(),
        });
    }
}

// === impl Answer ===

impl Future for Answer<'_> {
    type Output = Option<Result<Verdict, HookError>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.call).poll(cx)));
        match polled {
            Ok(Poll::Ready(Err(error))) if error.kind == ErrorKind::Timeout => {
                return Poll::Ready(None);
            }
            Ok(Poll::Ready(answer)) => return Poll::Ready(Some(answer)),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Some(Err(panicked(&*panic)))),
        }
        // A hook may use up its task's budget at every poll; its time is up all
        // the same.
        let deadline = this.deadline;
        let late = this
            .late
            .get_or_insert_with(|| Box::pin(unconstrained(sleep_until(deadline))));
        late.as_mut().poll(cx).map(|()| None)
    }
}

fn panicked(panic: &(dyn Any + Send)) -> HookError {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    HookError::new(ErrorKind::Trap, format!("the hook panicked: {message}"))
}

/// Says that a capsule was taken out for a principal, or is back.
fn announce(
    shared: &Arc<Shared>,
    capsule: &Arc<str>,
    principal: Option<&Principal>,
    change: Change,
) {
    let (topic, out_for) = match change {
        Change::Out(time) => ("host.capsule.quarantined", Some(time)),
        Change::Back => ("host.capsule.recovered", None),
    };
    shared.counters.quarantine(change);
    let payload = json!({
        "capsule": &**capsule,
        "principal": principal.map(Principal::as_str),
        "out_for_ms": out_for.map(|time| time.as_millis() as u64),
    });
    shared.publish_own(topic, &payload);
    shared.tell(Category::Audit, || {
        Record::Audit(Audit::Quarantine {
            capsule: capsule.clone(),
            principal: principal.cloned(),
            out_for,
        })
    });
}
