//! The rules of external hooks, each quoted by the test that fails without it.

mod chain;
mod exchange;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::*;
use crate::types::{Draft, Topic};

const SECOND: Duration = Duration::from_secs(1);

fn hook(name: &str) -> HookName {
    HookName::new(name).unwrap()
}

fn broker() -> Arc<Broker> {
    Arc::new(Broker::new(BrokerConfig::default()))
}

/// A broker that disconnects a subscriber with the second request it has not
/// received.
fn broker_with_queues_of_one() -> Arc<Broker> {
    Arc::new(Broker::new(BrokerConfig {
        subscriber_queue: NonZeroUsize::MIN,
        ..BrokerConfig::default()
    }))
}

fn message() -> Message {
    let draft = Draft::new(Topic::new("a.b").unwrap()).with_payload("x");
    let event = draft.into_event(0);
    Message {
        payload: event.payload.clone(),
        event,
        action: "check".into(),
    }
}

/// In one second.
fn soon() -> Instant {
    Instant::now() + SECOND
}

/// The hook id of the next request, which is there and a question.
fn next_id(subscriber: &mut HookSubscriber) -> HookId {
    let request = subscriber.try_recv().unwrap().unwrap();
    request.reply_to.unwrap().hook_id
}

/// An answer that says `text`.
fn saying(text: &'static str) -> Answer {
    Answer::new().with_payload(bytes::Bytes::from(text))
}

/// Nothing of what was asked is left behind.
#[track_caller]
fn assert_empty(broker: &Broker) {
    let left = (broker.waiting(), broker.subscribers(), broker.hooks());
    assert_eq!(left, (0, 0, 0), "(questions, subscribers, hooks)");
}
