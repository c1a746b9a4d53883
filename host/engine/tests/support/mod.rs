//! Capsules written as component text, and events to ask them about.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file is a crate of its own and uses its share"
)]

use std::{sync::Arc, time::Duration};

use capsule_core::{
    hook::{Call, Hook, HookError, Verdict},
    types::{Draft, Event, Principal, Topic},
};
use capsule_engine::{Capsule, CapsuleSpec, Engine, EngineConfig, InstanceMode};
use tokio::time::Instant;

#[path = "../../../../tests/wat/mod.rs"]
mod guests;

pub use guests::{ENDLESS, FAILING, bytes as wasm, fields, shell, text};

/// All modes.
pub const MODES: [InstanceMode; 3] = [
    InstanceMode::Principal,
    InstanceMode::Fresh,
    InstanceMode::Shared,
];

/// An engine for tests: few instances, so that limits are near.
pub fn engine(max_instances: u32) -> Engine {
    Engine::new(EngineConfig {
        max_instances,
        ..EngineConfig::default()
    })
    .expect("an engine")
}

/// The defaults for a capsule in some mode.
pub fn spec(id: &str, instance: InstanceMode) -> CapsuleSpec {
    CapsuleSpec {
        id: id.into(),
        instance,
        limits: Default::default(),
        grants: Default::default(),
        config_json: "{}".into(),
        outlet: None,
    }
}

/// The capsule around a guest, loaded.
pub fn load(engine: &Engine, guest: &str, mode: InstanceMode) -> Capsule {
    engine
        .load(&wasm(&text(guest)), spec(guest, mode), None)
        .unwrap_or_else(|e| panic!("{guest}: {e}"))
}

/// An event of a principal.
pub fn event(principal: Option<&str>) -> Arc<Event> {
    let principal = principal.map(|name| Principal::new(name).expect("a principal"));
    let topic = Topic::new("test.event").expect("a topic");
    Draft::new(topic).with_principal(principal).into_event(0)
}

/// Asks with a deadline that no test reaches.
pub async fn ask(hook: &Capsule, principal: &str, payload: &str) -> Result<Verdict, HookError> {
    ask_within(hook, principal, payload, Duration::from_secs(600)).await
}

/// Asks, and leaves the deadline to the engine.
pub async fn ask_within(
    hook: &Capsule,
    principal: &str,
    payload: &str,
    time: Duration,
) -> Result<Verdict, HookError> {
    let call = Call {
        action: "check",
        event: &event(Some(principal)),
        payload: &payload.to_owned().into(),
        started: Instant::now(),
        deadline: Instant::now() + time,
    };
    hook.call(call).await
}

/// The number of calls that the instance of a `count` guest has had.
pub fn count(answer: Result<Verdict, HookError>) -> u8 {
    match answer {
        Ok(Verdict::Final(bytes)) => bytes[0],
        other => panic!("not a count: {other:?}"),
    }
}
