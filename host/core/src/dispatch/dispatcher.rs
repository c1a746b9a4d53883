//! Takes events in and sets them on their way.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{
    Counters, Delivery, Interceptor, Outcome, Plan, Running,
    plan::{Chain, LaneGroups},
};
use crate::{
    lane::{LaneConfig, Lanes, NoRoom, Tickets, Visit},
    types::{Draft, Topic},
};

/// Takes events in, runs each through the chain of its topic, and says what
/// became of it.
///
/// Events of one principal meet each capsule in the order in which they were
/// taken in; different principals never wait for one another.
#[derive(Debug)]
pub struct Dispatcher {
    config: DispatchConfig,
    plan: ArcSwap<Plan>,
    groups: Mutex<LaneGroups>,
    lanes: Arc<Lanes<Delivery>>,
    counters: Arc<Counters>,
    tasks: TaskTracker,
}

/// The limits of a [`Dispatcher`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchConfig {
    /// How many events may be under way, in each lane and in all; the next one
    /// waits or is refused, as its publisher asks.
    pub lanes: LaneConfig,
    /// How long the hooks of one chain may take together. Waiting for a turn
    /// behind earlier events does not count: their own time-outs bound it.
    /// Default 5 s.
    pub chain_deadline: Duration,
}

/// Why an event was not taken in. The event comes back where it can be tried
/// again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Topics under `host.` are the host's own.
    #[error("topic `{topic}` is reserved: only the host publishes under `host.`")]
    Reserved {
        /// The topic.
        topic: Topic,
    },
    /// There is no room for the event at the moment.
    #[error("{full}")]
    Full {
        /// What is full.
        full: NoRoom,
        /// The event.
        draft: Box<Draft>,
    },
    /// The event alone is larger than all events under way may be.
    #[error(
        "an event of {bytes} bytes is larger than the host takes: {max} bytes (`in_flight_bytes` under [dispatch])"
    )]
    TooLarge {
        /// What the event counts.
        bytes: u64,
        /// What all events under way may count together.
        max: u64,
    },
    /// The host is shutting down.
    #[error("the host is shutting down and takes no more events")]
    Closed {
        /// The event.
        draft: Box<Draft>,
    },
}

// === impl DispatchConfig ===

impl Default for DispatchConfig {
    fn default() -> Self {
        Self {
            lanes: LaneConfig::default(),
            chain_deadline: Duration::from_secs(5),
        }
    }
}

// === impl Dispatcher ===

impl Dispatcher {
    /// A dispatcher with nothing to ask: every event is admitted.
    pub fn new(config: DispatchConfig) -> Self {
        let mut groups = LaneGroups::default();
        Self {
            plan: ArcSwap::from_pointee(Plan::new(Vec::new(), &mut groups)),
            groups: Mutex::new(groups),
            lanes: Arc::new(Lanes::new(config.lanes)),
            counters: Arc::default(),
            tasks: TaskTracker::new(),
            config,
        }
    }

    /// Replaces all interceptors in one step. Events already taken in finish
    /// with those they started with.
    pub fn install(&self, interceptors: Vec<Interceptor>) {
        // The lock is kept over the swap, so that the plan installed last stays.
        let mut groups = self.groups.lock();
        self.plan
            .store(Arc::new(Plan::new(interceptors, &mut groups)));
        groups.prune();
    }

    /// Everything that intercepts at the moment.
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// What has been counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes an event in now, or not at all. Its place in every lane it will
    /// visit is taken when this returns; nothing runs before the result does.
    ///
    /// # Errors
    ///
    /// [`PublishError::Full`] with the event if a lane has no room.
    pub fn try_submit(&self, draft: Draft) -> Result<Running, PublishError> {
        let token = self.tasks.token();
        let draft = self.check(draft)?;
        let chain = self.plan.load().chain(draft.topic());
        match self.lanes.try_enter(&visit(&chain, &draft)) {
            Ok(tickets) => Ok(self.start(draft, chain, tickets, token)),
            Err(full) => {
                self.counters.refused();
                Err(PublishError::Full {
                    full,
                    draft: Box::new(draft),
                })
            }
        }
    }

    /// Takes an event in as soon as every lane it will visit has room. Only
    /// publishers for the same principal wait. Dropping the future leaves the
    /// event untaken.
    ///
    /// # Errors
    ///
    /// [`PublishError::Reserved`] and [`PublishError::Closed`].
    pub async fn submit(&self, draft: Draft) -> Result<Running, PublishError> {
        let token = self.tasks.token();
        let draft = self.check(draft)?;
        let chain = self.plan.load().chain(draft.topic());
        let tickets = self.lanes.enter(&visit(&chain, &draft)).await;
        Ok(self.start(draft, chain, tickets, token))
    }

    /// Publishes and waits for the outcome; waits for room if need be.
    /// Dropping the future cancels the event.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub async fn request(&self, draft: Draft) -> Result<Outcome, PublishError> {
        Ok(self.submit(draft).await?.run().await)
    }

    /// Publishes and does not wait for the outcome; waits for room if need
    /// be. The event runs in a task of its own from then on.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub async fn publish(&self, draft: Draft) -> Result<(), PublishError> {
        let running = self.submit(draft).await?;
        self.tasks.spawn(async move {
            // Counters and logs tell what became of it.
            let _outcome = running.run().await;
        });
        Ok(())
    }

    /// Takes no more events, and waits until all that were taken in are done.
    pub async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// How many lanes exist: none when nothing is under way.
    pub fn lanes(&self) -> usize {
        self.lanes.count()
    }

    fn check(&self, draft: Draft) -> Result<Draft, PublishError> {
        if draft.topic().is_reserved() {
            return Err(PublishError::Reserved {
                topic: draft.topic().clone(),
            });
        }
        let (bytes, max) = (draft.size() as u64, self.lanes.max_in_flight().bytes);
        if bytes > max {
            return Err(PublishError::TooLarge { bytes, max });
        }
        if self.tasks.is_closed() {
            return Err(PublishError::Closed {
                draft: Box::new(draft),
            });
        }
        Ok(draft)
    }

    fn start(
        &self,
        draft: Draft,
        chain: Arc<Chain>,
        tickets: Tickets<Delivery>,
        token: TaskTrackerToken,
    ) -> Running {
        self.counters.published();
        let event = Arc::new(draft.into_event(tickets.entry()));
        let deadline = self.config.chain_deadline;
        Running::new(
            event,
            chain,
            tickets,
            self.counters.clone(),
            deadline,
            token,
        )
    }
}

/// What an event wants of the lanes.
fn visit(chain: &Chain, draft: &Draft) -> Visit {
    Visit {
        principal: draft.principal().cloned(),
        scopes: chain.lanes(draft).collect(),
        announces: false,
        delivers: false,
        bytes: draft.size() as u64,
        is_nested: false,
    }
}
