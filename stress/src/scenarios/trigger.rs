//! Capsules that ask themselves, and each other.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use capsule_core::{
    dispatch::{
        CapsuleOutlet, DispatchConfig, Dispatcher, Gather, Gathered, NoReply, Outcome,
        OutletGrants, Running,
    },
    hook::{Call, Hook, HookFuture, Outlet, OutletError, Verdict},
    types::{Draft, Pattern, Topic},
};
use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    Findings, StressError,
    fixture::{interceptor, principals},
    runtime::{idle, in_virtual_time},
};

/// How long a trigger waits for replies.
const DEADLINE: Duration = Duration::from_secs(1);
/// How long each capsule thinks before it asks: all events of a principal are
/// in their capsules by then.
const THINKS: Duration = Duration::from_millis(10);

/// How many do it at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    principals: usize,
}

pub(crate) const FULL: Scale = Scale { principals: 1_000 };

pub(crate) const SHORT: Scale = Scale { principals: 50 };

/// Who asks whom, and what comes of it.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// The topics on which each principal publishes.
    begins: &'static [&'static str],
    /// Of each capsule: where it is asked, and where it asks then.
    capsules: &'static [(&'static str, Option<&'static str>)],
    claim: &'static str,
    /// What each trigger comes to, and after how long, in the order in which
    /// the triggers of one principal end.
    replies: &'static [(&'static str, Duration)],
    /// How long each event takes.
    took: Duration,
}

const SHAPES: [Shape; 3] = [
    Shape {
        begins: &["ask.self"],
        capsules: &[("ask.self", Some("ask.self"))],
        claim: "a capsule that asks itself is answered at once: it would block",
        replies: &[("would-block", Duration::ZERO)],
        took: THINKS,
    },
    Shape {
        begins: &["ask.one"],
        capsules: &[("ask.one", Some("ask.two")), ("ask.two", Some("ask.one"))],
        claim: "so is one that asks who asks it",
        replies: &[("would-block", Duration::ZERO), ("ok", THINKS)],
        took: Duration::from_millis(20),
    },
    Shape {
        begins: &["begin.one", "begin.two"],
        capsules: &[
            ("begin.one", Some("begin.two")),
            ("begin.two", Some("begin.one")),
        ],
        claim: "two events whose capsules ask each other end at the deadline",
        replies: &[("late", DEADLINE), ("late", DEADLINE)],
        took: Duration::from_millis(1_010),
    },
];

/// A capsule that asks another while it is asked.
#[derive(Debug)]
struct Asker {
    outlet: CapsuleOutlet,
    asks: Option<&'static str>,
    replies: Arc<Replies>,
}

/// What every trigger came to, and after how long.
type Replies = Mutex<Vec<(String, Duration)>>;

/// Runs the scenario.
pub(crate) fn run(scale: Scale) -> Result<Findings, StressError> {
    let mut findings = Findings::new();
    for shape in SHAPES {
        in_virtual_time(play(&mut findings, shape, scale))?;
    }
    Ok(findings)
}

async fn play(findings: &mut Findings, shape: Shape, scale: Scale) -> Result<(), StressError> {
    let dispatcher = Arc::new(Dispatcher::new(DispatchConfig::default()));
    let replies = Arc::new(Replies::default());
    install(&dispatcher, shape, &replies)?;
    let mut taken = Vec::new();
    for principal in principals("p", scale.principals)? {
        for topic in shape.begins {
            let draft = Draft::new(Topic::new(topic)?).with_principal(principal.clone());
            taken.push(dispatcher.try_submit(draft)?);
        }
    }
    let events = taken.len();
    let outcomes: JoinSet<_> = taken.into_iter().map(Running::run).collect();
    let outcomes = outcomes.join_all().await;
    let in_time = |outcome: &&Outcome| outcome.is_admitted() && outcome.duration == shape.took;
    let ended = outcomes.iter().filter(in_time).count();
    idle(&dispatcher).await?;

    let replies = replies.lock();
    let as_claimed = |(word, took): &(&str, Duration)| {
        let same = |reply: &&(String, Duration)| reply.0 == *word && reply.1 == *took;
        replies.iter().filter(same).count()
    };
    let times = |(word, _): &(&str, Duration)| {
        shape
            .replies
            .iter()
            .filter(|other| other.0 == *word)
            .count()
            * scale.principals
    };
    let all_replied = shape
        .replies
        .iter()
        .all(|reply| as_claimed(reply) == times(reply));
    let mut seen: Vec<_> = replies
        .iter()
        .map(|(word, took)| format!("{word} after {took:?}"))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    let left = dispatcher.lanes() + dispatcher.principals();
    findings.exact(
        format!("{} ({} principals at once)", shape.claim, scale.principals),
        format!(
            "{}; {ended} of {events} events ended after {:?}, {left} lanes and principals left",
            seen.join(", "),
            shape.took
        ),
        all_replied
            && replies.len() == shape.replies.len() * scale.principals
            && ended == events
            && left == 0,
    );
    Ok(())
}

fn install(
    dispatcher: &Arc<Dispatcher>,
    shape: Shape,
    replies: &Arc<Replies>,
) -> Result<(), StressError> {
    let mut all = Vec::new();
    for (index, (on, asks)) in shape.capsules.iter().enumerate() {
        let name = format!("asker-{index}");
        let grants = OutletGrants {
            publish: Vec::new(),
            trigger: vec![Pattern::everything()],
            per_second: u32::MAX,
        };
        let hook = Arc::new(Asker {
            outlet: CapsuleOutlet::new(Arc::downgrade(dispatcher), name.as_str().into(), grants),
            asks: *asks,
            replies: replies.clone(),
        });
        all.push(interceptor(&name, on, hook)?);
    }
    dispatcher.install(all);
    Ok(())
}

/// The one reply to a trigger.
fn word(gathered: Result<Gathered, OutletError>) -> String {
    let gathered = match gathered {
        Ok(gathered) => gathered,
        Err(error) => return error.to_string(),
    };
    let words = gathered.replies.iter().map(|reply| match &reply.answer {
        Ok(_) => "ok",
        Err(no_reply) => NoReply::as_str(no_reply),
    });
    words.collect::<Vec<_>>().join(" ")
}

// === impl Asker ===

impl Hook for Asker {
    fn call<'a>(&'a self, call: Call<'a>) -> HookFuture<'a> {
        HookFuture::new(async move {
            sleep(THINKS).await;
            if let Some(topic) = self.asks {
                let gather = Gather {
                    deadline: Some(DEADLINE),
                    ..Gather::default()
                };
                let asked = Instant::now();
                let trigger = self.outlet.trigger(call.event, topic, Bytes::new(), gather);
                let gathered = trigger.await;
                self.replies.lock().push((word(gathered), asked.elapsed()));
            }
            Ok(Verdict::Continue(None))
        })
    }
}
