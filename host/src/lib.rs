//! Runs untrusted WebAssembly capsules as middleware over events.
//!
//! A capsule is a directory with a `Capsule.toml` and a WebAssembly
//! component. Its manifest declares which topics it intercepts; the host asks
//! its hook about every event on them, in a chain ordered by priority, and
//! each answers *continue*, *final* or *deny*.
//!
//! ```no_run
//! use capsule_host::{Decision, Draft, Host, Principal, Topic};
//!
//! # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
//! let host = Host::builder().capsules("capsules").start()?;
//!
//! let event = Draft::new(Topic::new("tool.execute.shell")?)
//!     .with_principal(Principal::new("alice")?)
//!     .with_payload(r#"{"command":"rm -rf /"}"#);
//! let outcome = host.request(event).await?;
//! match outcome.decision {
//!     Decision::Continue { payload } => println!("go on with {payload:?}"),
//!     Decision::Final { by, response } => println!("{by} answered {response:?}"),
//!     Decision::Deny { by, reason } => println!("{by} refused: {reason}"),
//! }
//! host.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is admitted goes to whoever subscribes, fair among principals; what a
//! slow subscriber loses is counted, and told to it before what it receives next:
//!
//! ```no_run
//! use capsule_host::{Condition, Filter, Host, Pattern, Received, SubscribeOptions};
//!
//! # async fn watch(host: Host) -> Result<(), Box<dyn std::error::Error>> {
//! let wanted = Filter::everything().any([Condition::Pattern(Pattern::new("tool.>")?)]);
//! let mut tools = host.subscribe(SubscribeOptions::new("tool-log").with_filter(wanted));
//! while let Some(received) = tools.recv().await {
//!     match received {
//!         Received::Item(message) => println!("{}", message.event.topic),
//!         Received::Lost { items, .. } => println!("{items} lost"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here starts a runtime: the host runs on the caller's tokio runtime,
//! whose timer must be enabled.

mod app;
pub mod cli;
pub mod config;
pub mod registry;
mod telemetry;
pub mod wire;

pub use capsule_core::{
    broker,
    dispatch::{
        Decision, Gather, Gathered, Interceptor, NoReply, Outcome, PublishError, Reply, Running,
        Snapshot, Step, StepVerdict, Subscription,
    },
    hook::{ErrorKind, HookError, Verdict},
    lane::RoomUse,
    mailbox::{MailboxConfig, Overflow, Received},
    observe::{Audit, Categories, Category, Observer, Record},
    session::Registered,
    subscribe::{Condition, Filter, Message, Scope, SubscribeOptions, View},
    text::printable,
    types::{Draft, Event, EventId, Kind, Name, Pattern, Principal, Topic},
};

pub use self::app::{Explanation, Host, HostBuilder, Mismatch, NotAsked, ReloadError, StartError};
