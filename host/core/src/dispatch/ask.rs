//! Asks one interceptor, in time and safe from its panics.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use super::{Interceptor, Meter, config::LONGEST_WAIT, shared::Shared};
use crate::{
    hook::{Call, ErrorKind, HookError, Verdict},
    observe::{Audit, Category, Record},
    quarantine::Change,
    types::{Event, Principal},
};

/// What an interceptor is asked, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) interceptor: &'a Interceptor,
    /// What is counted of it.
    pub(super) meter: &'a Meter,
    pub(super) event: &'a Arc<Event>,
    pub(super) payload: &'a Bytes,
    /// What is left of the time that all of the event's hooks have.
    pub(super) budget: Duration,
    /// All of that time.
    pub(super) deadline: Duration,
}

// === impl Question ===

impl Question<'_> {
    /// Asks. Reports a failure to the log and to observers.
    pub(super) async fn ask(self, shared: &Arc<Shared>) -> Result<Verdict, HookError> {
        let answer = self.ask_unless_out(shared).await;
        if let Err(error) = &answer {
            self.report(shared, error);
        }
        answer
    }

    /// Says that there is no time left to ask.
    pub(super) fn out_of_time(self) -> HookError {
        HookError::new(
            ErrorKind::Timeout,
            format!(
                "the chain's deadline of {} ms has passed",
                self.deadline.as_millis()
            ),
        )
    }

    pub(super) fn report(self, shared: &Arc<Shared>, error: &HookError) {
        let Self {
            interceptor,
            meter,
            event,
            ..
        } = self;
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

    async fn ask_unless_out(self, shared: &Arc<Shared>) -> Result<Verdict, HookError> {
        let Some(quarantine) = &self.interceptor.quarantine else {
            return self.ask_in_time().await;
        };
        let principal = self.event.principal.as_ref();
        let permit = quarantine.admit(principal, Instant::now())?;
        let answer = self.ask_in_time().await;
        // Cut short by the chain's deadline, it has not had the time it may
        // take: others used it up.
        let cut_short = self.budget < self.interceptor.timeout
            && matches!(&answer, Err(error) if error.kind == ErrorKind::Timeout);
        if !cut_short && let Some(change) = permit.told(&answer, Instant::now()) {
            announce(shared, &self.interceptor.capsule, principal, change);
        }
        answer
    }

    async fn ask_in_time(self) -> Result<Verdict, HookError> {
        let Self {
            interceptor,
            budget,
            ..
        } = self;
        let deadline = Instant::now() + interceptor.timeout.min(budget).min(LONGEST_WAIT);
        // Made inside of the future, so that a panic in `call` is caught too.
        let call = async {
            let call = Call {
                action: &interceptor.action,
                event: self.event,
                payload: self.payload,
                deadline,
            };
            interceptor.hook.call(call).await
        };
        let late = || match budget < interceptor.timeout {
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
