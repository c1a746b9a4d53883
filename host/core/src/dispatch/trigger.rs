//! Scatter and gather: an event to all matching interceptors at once, and
//! their replies.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, SelectAll},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Interceptor, StepVerdict, ask::Question, config::LONGEST_WAIT, plan::Chain, shared::Shared,
    stay::Stay,
};
use crate::{
    hook::{HookError, Verdict},
    lane::{LaneTicket, Refused},
    observe::{Category, Record},
    types::Event,
};

/// When to stop gathering replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gather {
    /// How long to wait for all of them, waiting for turns included. `None` is
    /// what [`DispatchConfig::trigger_deadline`](super::DispatchConfig) says.
    pub deadline: Option<Duration>,
    /// How many replies are enough; skips and failures do not count. `None`
    /// waits for all.
    pub quorum: Option<NonZeroUsize>,
}

/// The replies to a trigger.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// The event.
    pub event: Arc<Event>,
    /// One from each interceptor, in the order of the chain.
    pub replies: Vec<Reply>,
    /// From the event's being taken in.
    pub duration: Duration,
}

/// What one interceptor said to a trigger.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Which interceptor.
    pub interceptor: Arc<Interceptor>,
    /// What it said, or why it said nothing.
    pub answer: Result<Verdict, NoReply>,
    /// How long the call took; zero for one that was not made or not ended.
    pub duration: Duration,
}

/// Why an interceptor did not reply to a trigger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoReply {
    /// It failed.
    #[error(transparent)]
    Failed(#[from] HookError),
    /// An event that waits for this trigger is in its lane.
    #[error("would-block: the event that triggers holds its lane")]
    WouldBlock,
    /// Its lane is full.
    #[error("full: its lane has no room")]
    Full,
    /// The trigger's deadline passed first.
    #[error("late: the trigger's deadline passed")]
    Late,
    /// Enough others replied first.
    #[error("not needed: enough others replied")]
    NotNeeded,
}

/// What one lane's interceptors are asked, one after the other.
struct Queue<'a> {
    ticket: LaneTicket<Stay<'static>>,
    waits: bool,
    /// Their places in the chain.
    left: std::vec::IntoIter<usize>,
    asks: &'a Asks<'a>,
}

/// What all of them are asked.
pub(super) struct Asks<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) event: &'a Arc<Event>,
    pub(super) chain: &'a Chain,
}

type Answered = (usize, Result<Verdict, HookError>, Duration);

// === impl NoReply ===

impl NoReply {
    /// The word for it in replies and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Failed(error) => error.kind.as_str(),
            Self::WouldBlock => "would-block",
            Self::Full => "full",
            Self::Late => "late",
            Self::NotNeeded => "not-needed",
        }
    }
}

// === impl Asks ===

impl Asks<'_> {
    /// Asks everybody at once and gathers. `tickets` has one for each lane of
    /// the chain, or why there is none.
    pub(super) async fn gather(
        &self,
        tickets: Vec<Result<LaneTicket<Stay<'static>>, Refused>>,
        gather: Gather,
    ) -> Gathered {
        let started = Instant::now();
        let mut replies: Vec<_> = self.chain.interceptors().map(Reply::none).collect();
        let mut answers = SelectAll::new();
        for (lane, ticket) in tickets.into_iter().enumerate() {
            let stages = (0..).zip(self.chain.stages());
            let of_lane = stages.filter(|(_, stage)| stage.lane == lane);
            match ticket {
                Ok(ticket) => {
                    let waits = of_lane.clone().any(|(_, stage)| stage.waits);
                    let left: Vec<_> = of_lane.map(|(index, _)| index).collect();
                    let queue = Queue {
                        ticket,
                        waits,
                        left: left.into_iter(),
                        asks: self,
                    };
                    answers.push(Box::pin(queue.answers()));
                }
                Err(refused) => {
                    for (index, _) in of_lane {
                        if let Some(reply) = replies.get_mut(index) {
                            reply.answer = Err(refused.into());
                        }
                    }
                }
            }
        }
        let quorum = gather.quorum.map_or(usize::MAX, NonZeroUsize::get);
        let mut enough = 0;
        let gathering = async {
            while let Some((index, answer, duration)) = answers.next().await {
                enough += usize::from(answer.as_ref().is_ok_and(|said| *said != Verdict::Skip));
                if let Some(reply) = replies.get_mut(index) {
                    reply.answer = answer.map_err(NoReply::Failed);
                    reply.duration = duration;
                }
                if enough >= quorum {
                    return;
                }
            }
        };
        let deadline = gather
            .deadline
            .unwrap_or(self.shared.config.trigger_deadline);
        let in_time = timeout_at(started + deadline.min(LONGEST_WAIT), gathering)
            .await
            .is_ok();
        if in_time {
            for reply in &mut replies {
                if reply.answer == Err(NoReply::Late) {
                    reply.answer = Err(NoReply::NotNeeded);
                }
            }
        }
        Gathered {
            event: self.event.clone(),
            replies,
            duration: started.elapsed(),
        }
    }

    async fn ask(&self, index: usize) -> Option<Answered> {
        let stage = self.chain.stages().get(index)?;
        let interceptor = &stage.interceptor;
        let started = Instant::now();
        let question = Question {
            interceptor,
            meter: &stage.meter,
            event: self.event,
            payload: &self.event.payload,
            started,
            budget: interceptor.timeout,
            deadline: interceptor.timeout,
        };
        let answer = question.ask(self.shared).await;
        let duration = started.elapsed();
        let verdict = StepVerdict::of(&answer);
        self.shared.counters.step(&verdict);
        stage.meter.count(&verdict, duration);
        self.shared.tell(Category::Step, || Record::Step {
            event: self.event.clone(),
            capsule: interceptor.capsule.clone(),
            action: interceptor.action.clone(),
            verdict: verdict.as_str(),
            duration,
        });
        Some((index, answer, duration))
    }
}

// === impl Queue ===

impl<'a> Queue<'a> {
    /// The answers, as they come.
    fn answers(self) -> impl stream::Stream<Item = Answered> + use<'a> {
        stream::unfold(self, |mut this| async move {
            let index = this.left.next()?;
            if this.waits {
                this.ticket.turn().await;
            }
            Some((this.asks.ask(index).await?, this))
        })
    }
}

// === impl Reply ===

impl Reply {
    fn none(interceptor: &Arc<Interceptor>) -> Self {
        Self {
            interceptor: interceptor.clone(),
            answer: Err(NoReply::Late),
            duration: Duration::ZERO,
        }
    }

    /// What it wants the payload or the response to be, where it says so.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.answer {
            Ok(Verdict::Continue(Some(bytes)) | Verdict::Final(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

// === impl NoReply ===

impl From<Refused> for NoReply {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::WouldBlock => Self::WouldBlock,
        }
    }
}
