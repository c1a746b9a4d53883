//! The paths: what is prepared, and what is done for each event.

use std::{hint::black_box, io};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher, Interceptor, PublishError},
    mailbox::{Item, MailboxConfig, Received, mailbox},
    observe::{Categories, Category},
    subscribe::SubscribeOptions,
    topic::TopicTree,
    types::{Pattern, Principal, PrincipalError, TopicError},
};
use tokio::runtime::{Builder, Runtime};

use crate::fixture::{MANY_PATTERNS, Publisher, interceptor, pattern, topics};

/// How many events are counted: a multiple of how often tokio has a task that
/// never waits give way, which costs a little each time.
pub const EVENTS: usize = 4096;

/// What is done for so many events.
pub type Run = Box<dyn FnMut(usize) -> Result<(), PathError>>;

/// One way of an event through the core.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// What it is called in the baseline.
    pub name: &'static str,
    /// What one event is there.
    pub about: &'static str,
    /// Makes what it needs.
    pub prepare: fn() -> Result<Run, PathError>,
}

/// What lies in a mailbox, and whose it is.
struct Parcel(Principal);

/// Why a path cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A topic or pattern of the fixture is none.
    #[error("bad topic: {0}")]
    Topic(#[from] TopicError),
    /// The fixture's principal is none.
    #[error("bad principal: {0}")]
    Principal(#[from] PrincipalError),
    /// An event that nothing refuses was not taken in.
    #[error("not taken in: {0}")]
    Publish(#[from] PublishError),
    /// There is no runtime.
    #[error("no runtime: {0}")]
    Runtime(#[from] io::Error),
    /// What is counted did not happen.
    #[error("{0} has gone missing")]
    Missing(&'static str),
}

/// Every path, in the order of the baseline.
pub const PATHS: [Path; 11] = [
    Path {
        name: "request-0",
        about: "a request that nothing intercepts",
        prepare: || request(Vec::new()),
    },
    Path {
        name: "request-1",
        about: "a request with one hook that does nothing",
        prepare: || request(hooks(1)?),
    },
    Path {
        name: "request-1-of-1025",
        about: "a request with one hook that does nothing, and 1,024 other capsules loaded",
        prepare: || {
            let mut all = hooks(1)?;
            for index in 0..1024 {
                all.push(interceptor(&format!("other-{index}"), "other.*")?);
            }
            request(all)
        },
    },
    Path {
        name: "request-8",
        about: "a request with a chain of eight hooks that do nothing",
        prepare: || request(hooks(8)?),
    },
    Path {
        name: "request-0-of-10000",
        about: "a request that nothing intercepts, with 10,000 patterns loaded: the look-up is remembered",
        prepare: || request(many()?),
    },
    Path {
        name: "chain-of-10000",
        about: "the chain of a topic among 10,000 patterns, made anew",
        prepare: chain,
    },
    Path {
        name: "match-of-10000",
        about: "the patterns that match a topic among 10,000",
        prepare: matches,
    },
    Path {
        name: "publish-1",
        about: "published, until one subscriber has it",
        prepare: || publish(1),
    },
    Path {
        name: "publish-10",
        about: "published, until ten subscribers have it",
        prepare: || publish(10),
    },
    Path {
        name: "mailbox",
        about: "into a mailbox and out of it",
        prepare: through_a_mailbox,
    },
    Path {
        name: "observers",
        about: "whether somebody observes, where nobody does",
        prepare: observers,
    },
];

/// Runs `run` for `events`. Callgrind counts what happens in here, so this
/// stays a function of its own, unlike any other.
///
/// # Errors
///
/// As `run`.
#[inline(never)]
pub fn counted(run: &mut Run, events: usize) -> Result<(), PathError> {
    let done = run(black_box(events));
    // A call in last place would be a jump, and this function the same as others
    // that do so.
    black_box(&done);
    done
}

fn runtime() -> Result<Runtime, PathError> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}

fn hooks(count: usize) -> Result<Vec<Interceptor>, PathError> {
    (0..count)
        .map(|index| interceptor(&format!("capsule-{index}"), "tool.execute.*"))
        .collect()
}

/// One interceptor for each of many patterns, ten to a capsule.
fn many() -> Result<Vec<Interceptor>, PathError> {
    (0..MANY_PATTERNS)
        .map(|index| interceptor(&format!("capsule-{}", index / 10), &pattern(index)))
        .collect()
}

fn request(interceptors: Vec<Interceptor>) -> Result<Run, PathError> {
    let runtime = runtime()?;
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    dispatcher.install(interceptors);
    let publisher = Publisher::new()?;
    Ok(Box::new(move |events| {
        runtime.block_on(async {
            for _ in 0..events {
                let outcome = dispatcher.request(publisher.draft()).await?;
                if !black_box(outcome).is_admitted() {
                    return Err(PathError::Missing("an event"));
                }
            }
            Ok(())
        })
    }))
}

fn publish(subscribers: usize) -> Result<Run, PathError> {
    let runtime = runtime()?;
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    let mut subscriptions: Vec<_> = (0..subscribers)
        .map(|index| dispatcher.subscribe(SubscribeOptions::new(&format!("subscriber-{index}"))))
        .collect();
    let publisher = Publisher::new()?;
    Ok(Box::new(move |events| {
        runtime.block_on(async {
            for _ in 0..events {
                dispatcher.publish(publisher.draft()).await?;
                for subscription in &mut subscriptions {
                    let Some(Received::Item(_)) = black_box(subscription.recv().await) else {
                        return Err(PathError::Missing("a message"));
                    };
                }
            }
            Ok(())
        })
    }))
}

fn chain() -> Result<Run, PathError> {
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    dispatcher.install(many()?);
    let plan = dispatcher.plan();
    let topics = topics()?;
    Ok(Box::new(move |events| {
        for topic in topics.iter().cycle().take(events) {
            if black_box(plan.chain(topic)).is_empty() {
                return Err(PathError::Missing("a chain"));
            }
        }
        Ok(())
    }))
}

fn matches() -> Result<Run, PathError> {
    let mut tree = TopicTree::default();
    for index in 0..MANY_PATTERNS {
        tree.insert(&Pattern::new(&pattern(index))?, index);
    }
    let topics = topics()?;
    Ok(Box::new(move |events| {
        for topic in topics.iter().cycle().take(events) {
            let mut found = 0;
            tree.for_each_match(topic, |_| found += 1);
            if black_box(found) != 2 {
                return Err(PathError::Missing("a pattern"));
            }
        }
        Ok(())
    }))
}

fn through_a_mailbox() -> Result<Run, PathError> {
    let (sender, mut receiver) = mailbox(MailboxConfig::default());
    let principal = Principal::new("alice")?;
    Ok(Box::new(move |events| {
        for _ in 0..events {
            let pushed = sender.push(64, Parcel(principal.clone()));
            let received = black_box(receiver.try_recv());
            if !pushed.is_queued() || !matches!(received, Ok(Received::Item(_))) {
                return Err(PathError::Missing("a message"));
            }
        }
        Ok(())
    }))
}

fn observers() -> Result<Run, PathError> {
    let dispatcher = Dispatcher::new(DispatchConfig::default());
    // One that came and went must not cost more than one that never came.
    let observer =
        dispatcher
            .observers()
            .observe("gone", Categories::all(), MailboxConfig::default());
    drop(observer);
    Ok(Box::new(move |events| {
        for _ in 0..events {
            if dispatcher.observers().want(black_box(Category::Step)) {
                return Err(PathError::Missing("nobody"));
            }
        }
        Ok(())
    }))
}

// === impl Parcel ===

impl Item for Parcel {
    fn principal(&self) -> Option<&Principal> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_path_runs_and_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for path in PATHS {
            assert!(names.insert(path.name), "twice: {}", path.name);
            let mut run = (path.prepare)().unwrap();
            counted(&mut run, 2).unwrap_or_else(|error| panic!("{}: {error}", path.name));
        }
    }
}
