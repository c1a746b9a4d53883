//! The rules of dispatching, each quoted by the test that fails without it.

mod audience;
mod blocking;
mod bounds;
mod chain;
mod lagging;
mod leftovers;
mod model;
mod observers;
mod outlet;
mod own_events;
mod routing;
mod subscriptions;
mod trigger;
mod turns;

use std::{
    fmt,
    future::pending,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{task::JoinSet, time::Instant};

use super::*;
use crate::{
    hook::{Call, ErrorKind, Hook, HookError, HookFuture, Verdict},
    lane::{LaneConfig, NoRoom, RoomUse},
    mailbox::{MailboxConfig, Overflow, Received, Stats, Tally},
    observe::{Audit, Categories, Category, Observer, Record},
    quarantine::{Quarantine, QuarantineConfig},
    subscribe::{Condition, Filter, Scope, SubscribeOptions, View},
    types::{Draft, Name, Pattern, Principal, Topic},
};

/// What a test double answers.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Say(Verdict),
    Append(&'static str),
    Fail(ErrorKind),
    Hang,
    /// Answers after this many milliseconds.
    Slow(u64),
    Panic,
}

#[derive(Debug)]
struct Double {
    answer: Answer,
    running: Arc<AtomicUsize>,
    overlaps: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Double {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            running: Arc::default(),
            overlaps: Arc::default(),
            seen: Arc::default(),
        }
    }
}

impl Hook for Double {
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a> {
        HookFuture::new(async move {
            if self.running.fetch_add(1, Ordering::Relaxed) > 0 {
                self.overlaps.fetch_add(1, Ordering::Relaxed);
            }
            let _inside = Inside(self.running.clone());
            self.seen
                .lock()
                .push((call.action.to_owned(), call.event.seq));
            match &self.answer {
                Answer::Say(verdict) => Ok(verdict.clone()),
                Answer::Append(text) => {
                    let mut payload = call.payload.to_vec();
                    payload.extend_from_slice(text.as_bytes());
                    Ok(Verdict::Continue(Some(payload.into())))
                }
                Answer::Fail(kind) => Err(HookError::new(*kind, "broken")),
                Answer::Hang => pending().await,
                Answer::Slow(ms) => {
                    sleep(*ms).await;
                    Ok(Verdict::Continue(None))
                }
                Answer::Panic => panic!("by request"),
            }
        })
    }
}

struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers what a function makes of the call.
struct Act<F>(F);

impl<F> fmt::Debug for Act<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Act")
    }
}

impl<F> Hook for Act<F>
where
    F: for<'a> Fn(Call<'a>) -> HookFuture<'a> + Send + Sync,
{
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a> {
        (self.0)(call)
    }
}

/// An interceptor of capsule `id` on every topic, which answers `answer`.
pub(super) fn interceptor(id: &str, answer: Answer) -> Interceptor {
    Interceptor {
        capsule: id.into(),
        event: pattern(">"),
        action: "act".into(),
        priority: 100,
        on_error: OnError::Continue,
        mode: Mode::Enforce,
        timeout: Duration::from_secs(1),
        order: Order::Principal,
        quarantine: None,
        hook: Arc::new(Double::new(answer)),
    }
}

/// The same on `event`.
fn on_topic(id: &str, event: &str, answer: Answer) -> Interceptor {
    Interceptor {
        event: pattern(event),
        ..interceptor(id, answer)
    }
}

/// An interceptor of capsule `id` on `event`, which answers what `act` makes
/// of the call.
fn acting<F>(id: &str, event: &str, act: F) -> Interceptor
where
    F: for<'a> Fn(Call<'a>) -> HookFuture<'a> + Send + Sync + 'static,
{
    Interceptor {
        hook: Arc::new(Act(act)),
        ..on_topic(id, event, keep())
    }
}

pub(super) fn keep() -> Answer {
    Answer::Say(Verdict::Continue(None))
}

fn deny(reason: &str) -> Answer {
    Answer::Say(Verdict::Deny(reason.into()))
}

fn answer(response: &'static str) -> Answer {
    Answer::Say(Verdict::Final(response.into()))
}

fn dispatcher(interceptors: impl IntoIterator<Item = Interceptor>) -> Dispatcher {
    with_config(DispatchConfig::default(), interceptors)
}

fn with_config(
    config: DispatchConfig,
    interceptors: impl IntoIterator<Item = Interceptor>,
) -> Dispatcher {
    let dispatcher = Dispatcher::new(config);
    dispatcher.install(interceptors.into_iter().collect());
    dispatcher
}

/// Lanes that hold so many events.
fn narrow(capacity: usize) -> DispatchConfig {
    DispatchConfig {
        lanes: LaneConfig {
            capacity: NonZeroUsize::new(capacity).unwrap(),
            ..LaneConfig::default()
        },
        ..DispatchConfig::default()
    }
}

fn draft() -> Draft {
    on("a.b")
}

/// An event of the system itself, with the payload `x`.
fn on(topic: &str) -> Draft {
    Draft::new(Topic::new(topic).unwrap()).with_payload("x")
}

/// An event of a principal, with the payload `x`.
fn of(who: &str, topic: &str) -> Draft {
    on(topic).with_principal(principal(who))
}

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

/// Wants what `patterns` match.
fn wanting(patterns: &[&str]) -> Filter {
    let condition = |text: &&str| Condition::Pattern(pattern(text));
    Filter::everything().any(patterns.iter().map(condition))
}

/// A subscription to `event` that is called so.
fn options(name: &str, event: &str) -> SubscribeOptions {
    SubscribeOptions::new(name).with_filter(wanting(&[event]))
}

/// A queue of so many items.
fn queue(overflow: Overflow, items: usize) -> MailboxConfig {
    MailboxConfig {
        max_items: NonZeroUsize::new(items).unwrap(),
        overflow,
        ..MailboxConfig::default()
    }
}

fn text(payload: &Bytes) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

/// What there is to receive now: payloads as text, and `lost 3`.
fn received(subscription: &mut Subscription) -> Vec<String> {
    std::iter::from_fn(|| subscription.try_recv().ok())
        .map(|received| match received {
            Received::Item(message) => text(&message.payload),
            Received::Lost { items, .. } => format!("lost {items}"),
        })
        .collect()
}

/// Lets everything else run until it waits for the clock or for this test.
/// Takes a millisecond of the paused clock.
async fn idle() {
    sleep(1).await;
}

/// So many milliseconds of the paused clock.
async fn sleep(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Nothing is left of anything that was taken in, and of each event it is
/// known what became of it.
fn assert_empty(dispatcher: &Dispatcher) {
    assert_eq!(dispatcher.lanes(), 0);
    assert_eq!(dispatcher.principals(), 0);
    assert_eq!(dispatcher.in_flight(), RoomUse::default());
    assert_eq!(dispatcher.waiting(), 0);
    let counted = dispatcher.counters();
    assert_eq!(
        counted.published,
        counted.admitted + counted.answered + counted.denied + counted.cancelled,
        "{counted:?}"
    );
}

/// Whether every item that was pushed is accounted for.
fn adds_up(stats: &Stats) -> bool {
    stats.pushed == stats.delivered + stats.lost.total() + stats.queued
}
