//! Takes events in and sets them on their way.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::consume_budget;

use super::{
    DispatchConfig, Gather, Gathered, Interceptor, Outcome, Plan, PublishError, Running, Snapshot,
    Subscription,
    delivery::Delivery,
    routing::Route,
    run::Passage,
    shared::Shared,
    stay::{Seats, Stay},
    trigger::Asks,
};
use crate::{
    lane::{LaneScope, NoRoom, RoomUse, Tickets, Visit},
    observe::{Audit, Category, Observers, Record},
    session::{Registered, Sessions},
    subscribe::{Message, SubscribeOptions, Subscriber, View},
    types::{Draft, Event, Kind, Name, Principal, Topic},
};

/// Takes events in, runs each through the chain of its topic, says what became
/// of it, and hands what is admitted to those who subscribe to it.
///
/// Events of one principal meet each capsule, and reach each subscription, in
/// the order in which they were taken in; different principals never wait for
/// one another.
#[derive(Debug)]
pub struct Dispatcher {
    shared: Seats,
    sessions: Sessions,
}

/// Where an event that may be taken in goes, and what it needs for that.
struct Admission {
    route: Arc<Route>,
    /// Its lanes, if they are not those that all events on its route visit.
    lanes: Option<Arc<[LaneScope]>>,
    announces: bool,
    delivers: bool,
}

/// Why an event is not taken in.
enum Refused<'a> {
    /// It never is.
    Never(PublishError),
    /// There is no room now.
    Now(Box<Waiting<'a>>),
}

/// An event for which there is no room now.
struct Waiting<'a> {
    draft: Draft,
    admission: Admission,
    stay: Stay<'a>,
    full: NoRoom,
}

// === impl Admission ===

impl Admission {
    fn visit<'a>(&'a self, draft: &'a Draft) -> Visit<'a> {
        Visit {
            principal: draft.whose(),
            scopes: self.lanes.as_ref().unwrap_or(self.route.chain.scopes()),
            announces: self.announces,
            delivers: self.delivers,
            bytes: draft.size() as u64,
            is_nested: draft.kind() == Kind::Capsule,
        }
    }
}

// === impl Dispatcher ===

impl Dispatcher {
    /// A dispatcher with nothing to ask and nobody to tell: every event is
    /// admitted.
    pub fn new(config: DispatchConfig) -> Self {
        Self {
            sessions: Sessions::new(config.sessions),
            shared: Seats::new(Shared::new(config)),
        }
    }

    /// What it was made with.
    pub fn config(&self) -> &DispatchConfig {
        &self.shared.config
    }

    /// Replaces all interceptors in one step. Events already handed in, those
    /// that wait for room among them, finish with those they started with.
    /// Publishes `host.capsule.removed` for each capsule that has none any
    /// more.
    pub fn install(&self, interceptors: Vec<Interceptor>) {
        let before = self.plan();
        self.shared.routing.install(interceptors);
        let now = self.plan();
        for capsule in before.capsules().difference(&now.capsules()) {
            self.publish_own("host.capsule.removed", &json!({ "capsule": **capsule }));
        }
        self.tell(Category::Reload, || Record::Reload {
            interceptors: now.interceptors().len(),
        });
    }

    /// Everything that intercepts at the moment.
    pub fn plan(&self) -> Arc<Plan> {
        self.shared.routing.plan()
    }

    /// What has been counted so far.
    pub fn counters(&self) -> Snapshot {
        self.shared.counters.snapshot()
    }

    /// Subscribes to what is handed in from now on: not to what is under way,
    /// nor to what waits for room already.
    pub fn subscribe(&self, options: SubscribeOptions) -> Subscription {
        Subscription::new(&self.shared, options)
    }

    /// Whether anything intercepts events on `topic`, or somebody subscribes to
    /// some of them: whoever pays much for making a payload may ask first. Where
    /// there is neither on any topic that takes about a nanosecond, else one
    /// look-up: some twenty for a topic that is remembered.
    pub fn is_heard(&self, topic: &Topic) -> bool {
        let is_heard = |route: &Arc<Route>| !route.is_deaf() || !route.chain.is_empty();
        let routing = &self.shared.routing;
        routing.is_any() && routing.look_up(topic, is_heard)
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.shared.routing.subscriptions()
    }

    /// Everybody who subscribes, in no particular order, with what their
    /// queues have counted.
    pub fn subscribers(&self) -> Vec<Arc<Subscriber>> {
        self.shared.routing.subscribers()
    }

    /// Those who are told what it does.
    pub fn observers(&self) -> &Arc<Observers> {
        &self.shared.observers
    }

    /// Says which session of the host a source's own session is: on every
    /// later event of `principal` that names that source and that session of
    /// its own, and no session. See [`Sessions`].
    pub fn register_session(
        &self,
        principal: Option<&Principal>,
        source: &Name,
        native: &Name,
        session: Name,
    ) -> Registered {
        let registered = self
            .sessions
            .register(principal, source, native, session.clone());
        if registered != Registered::Same {
            let payload = json!({
                "principal": principal.map(Principal::as_str),
                "source": source.as_str(),
                "native_session": native.as_str(),
                "session": session.as_str(),
            });
            self.publish_own("host.session.registered", &payload);
        }
        registered
    }

    /// The sessions that are registered.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Takes an event in now, or not at all. Its place in every lane it will
    /// visit is taken when this returns; nothing runs before the result does.
    ///
    /// # Errors
    ///
    /// [`PublishError::Full`] with the event if there is no room for it.
    pub fn try_submit(&self, draft: Draft) -> Result<Running, PublishError> {
        match self.take_in(draft, self.shared.enter()) {
            Ok(passage) => Ok(Running::new(passage)),
            Err(Refused::Never(error)) => Err(error),
            Err(Refused::Now(waiting)) => Err(self.refuse(waiting.draft, waiting.full)),
        }
    }

    /// Takes an event in as soon as there is room for it. Only publishers for
    /// the same principal wait for one another, unless the whole host is full
    /// or an observer that blocks is.
    /// Dropping the future leaves the event untaken.
    ///
    /// # Errors
    ///
    /// All of [`PublishError`] but `Full`.
    pub async fn submit(&self, draft: Draft) -> Result<Running, PublishError> {
        let passage = match self.take_in(draft, self.shared.enter()) {
            Ok(passage) => passage,
            Err(Refused::Never(error)) => return Err(error),
            // Boxed, so that the future of one who finds room is small.
            Err(Refused::Now(waiting)) => Box::pin(self.wait(*waiting)).await,
        };
        Ok(Running::new(passage))
    }

    /// Publishes and waits for the outcome; waits for room if need be.
    /// Dropping the future cancels the event.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub async fn request(&self, draft: Draft) -> Result<Outcome, PublishError> {
        // As in `submit`, whose future would be another copy of all this.
        let mut passage = match self.take_in(draft, self.shared.enter_here()) {
            Ok(passage) => passage,
            Err(Refused::Never(error)) => return Err(error),
            Err(Refused::Now(waiting)) => Box::pin(self.wait(*waiting)).await,
        };
        let end = passage.run_at_once().await;
        Ok(end.of(passage.work.event, passage.route))
    }

    /// Publishes and does not wait for the outcome; waits for room if need
    /// be. An event that something intercepts, or that waits for a subscriber,
    /// runs in a task of its own from then on, on the tokio runtime that this
    /// is called in; any other is delivered when this returns.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub async fn publish(&self, draft: Draft) -> Result<(), PublishError> {
        // A publisher in a loop would keep its thread from everybody else.
        consume_budget().await;
        self.let_go(self.submit(draft).await?);
        Ok(())
    }

    /// Publishes now, or not at all, and does not wait for the outcome.
    ///
    /// # Errors
    ///
    /// As [`try_submit`](Self::try_submit).
    pub fn try_publish(&self, draft: Draft) -> Result<(), PublishError> {
        self.let_go(self.try_submit(draft)?);
        Ok(())
    }

    /// Asks all interceptors of a topic at once, each with the event as it is,
    /// and gathers their replies. It waits for its turn in the lane of each
    /// capsule, but not for room in one that is full, and never in a lane that
    /// is held by an event which waits for this one.
    ///
    /// Nothing is decided by it, and nobody who subscribes sees the event.
    /// Dropping the future stops the calls that are under way.
    ///
    /// # Errors
    ///
    /// All of [`PublishError`] but `TooLargeFor`; `Full` only if the whole host
    /// is, or an observer that publishers wait for.
    pub async fn trigger(
        &self,
        mut draft: Draft,
        gather: Gather,
    ) -> Result<Gathered, PublishError> {
        let Some(stay) = self.shared.enter() else {
            return Err(closed(draft));
        };
        let admission = self.check(&mut draft)?;
        let entered = match self.shared.observers.blocked_by() {
            Some(observer) => Err(NoRoom::Observer { observer }),
            None => Tickets::enter_some(stay, admission.visit(&draft), draft.ancestors()),
        };
        let (mut tickets, refused) = match entered {
            Ok(entered) => entered,
            Err(full) => return Err(self.refuse(draft, full)),
        };
        self.shared.counters.triggered();
        let event = self.event(draft, tickets.entry());
        self.tell_sharing(&event, &tickets);
        let mut taken = 0..;
        let tickets: Vec<_> = refused
            .into_iter()
            .map(|refused| match refused {
                Some(refused) => Err(refused),
                None => Ok(tickets.take(taken.next().unwrap_or_default())),
            })
            .collect();
        let asks = Asks {
            shared: &self.shared,
            event: &event,
            chain: &admission.route.chain,
        };
        Ok(asks.gather(tickets, gather).await)
    }

    /// Publishes an event of the host about itself, on a topic under `host.`.
    /// It meets no chain, and no bound but those of each consumer's queue.
    /// Nothing is published on any other topic.
    pub fn publish_own(&self, topic: &'static str, payload: &Value) {
        self.shared.publish_own(topic, payload);
    }

    /// Takes no more events, and waits until all that were taken in are done.
    pub async fn drain(&self) {
        self.shared.gate.close().await;
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// How many lanes exist: none when nothing is under way. Takes each
    /// lock of the lanes in turn.
    pub fn lanes(&self) -> usize {
        self.shared.lanes.count()
    }

    /// How many principals have events under way.
    pub fn principals(&self) -> usize {
        self.shared.lanes.principals()
    }

    /// What is under way. Takes each lock of the lanes in turn.
    pub fn in_flight(&self) -> RoomUse {
        self.shared.lanes.in_flight()
    }

    /// How many principals wait because the whole host is full.
    pub fn waiting(&self) -> usize {
        self.shared.lanes.waiting()
    }

    /// How many consumers lag: have lost something since they were last
    /// reported, or were reported within the interval.
    pub fn lagging(&self) -> usize {
        self.shared.lagging.causes()
    }

    pub(super) fn tell(&self, category: Category, record: impl FnOnce() -> Record) {
        self.shared.tell(category, record);
    }

    /// Takes an event in now, or says why not.
    fn take_in<'a>(
        &self,
        mut draft: Draft,
        stay: Option<Stay<'a>>,
    ) -> Result<Passage<'a>, Refused<'a>> {
        let Some(stay) = stay else {
            return Err(Refused::Never(closed(draft)));
        };
        let admission = self.admission(&mut draft).map_err(Refused::Never)?;
        let (stay, full) = match self.shared.observers.blocked_by() {
            Some(observer) => (stay, NoRoom::Observer { observer }),
            None => match Tickets::try_enter(stay, admission.visit(&draft)) {
                Ok(tickets) => return Ok(self.start(draft, admission, tickets)),
                Err(refused) => refused,
            },
        };
        Err(Refused::Now(Box::new(Waiting {
            draft,
            admission,
            stay,
            full,
        })))
    }

    /// Takes an event in as soon as there is room.
    async fn wait<'a>(&self, waiting: Waiting<'a>) -> Passage<'a> {
        let Waiting {
            draft,
            admission,
            stay,
            ..
        } = waiting;
        self.shared.observers.room().await;
        let tickets = Tickets::enter(stay, admission.visit(&draft)).await;
        self.start(draft, admission, tickets)
    }

    /// Whether an event may be taken in, and what its chain needs for that.
    fn check(&self, draft: &mut Draft) -> Result<Admission, PublishError> {
        if draft.topic().is_reserved() {
            return Err(PublishError::Reserved {
                topic: draft.topic().clone(),
            });
        }
        self.sessions.bind(draft);
        let (bytes, max) = (draft.size() as u64, self.shared.lanes.max_in_flight().bytes);
        if bytes > max {
            return Err(PublishError::TooLarge { bytes, max });
        }
        let route = self.shared.routing.route(draft.topic());
        Ok(Admission {
            lanes: route.chain.lanes_of(draft),
            route,
            announces: false,
            delivers: false,
        })
    }

    /// As [`check`](Self::check), with what those who subscribe need.
    fn admission(&self, draft: &mut Draft) -> Result<Admission, PublishError> {
        let mut admission = self.check(draft)?;
        let route = &admission.route;
        if route.is_deaf() {
            return Ok(admission);
        }
        let (facts, bytes) = (draft.facts(), draft.size());
        let audience = route.audience(View::Admitted);
        if audience.is_too_small_for(bytes)
            && let Some(small) = audience
                .wanting(facts)
                .find(|subscriber| bytes > subscriber.mailbox().max_bytes.get())
        {
            return Err(PublishError::TooLargeFor {
                subscription: small.options().name.clone(),
                bytes,
                max: small.mailbox().max_bytes.get(),
            });
        }
        admission.delivers = audience.wanting(facts).any(|s| s.lanes().is_none());
        if audience.is_waited_for() {
            let waited_for = audience.waited_for(facts).map(|(_, lane)| lane);
            let lanes = admission.lanes.as_ref().unwrap_or(route.chain.scopes());
            admission.lanes = Some(lanes.iter().cloned().chain(waited_for).collect());
        }
        admission.announces = route.audience(View::Raw).wanting(facts).next().is_some();
        Ok(admission)
    }

    fn refuse(&self, draft: Draft, full: NoRoom) -> PublishError {
        self.shared.counters.refused();
        PublishError::Full { full, draft }
    }

    fn event(&self, draft: Draft, entry: u64) -> Arc<Event> {
        let event = draft.into_event(entry);
        self.tell(Category::Published, || Record::Published {
            event: event.clone(),
        });
        event
    }

    fn start<'a>(
        &self,
        draft: Draft,
        admission: Admission,
        mut tickets: Tickets<Stay<'a>>,
    ) -> Passage<'a> {
        let Admission {
            route, announces, ..
        } = admission;
        self.shared.counters.published();
        let event = self.event(draft, tickets.entry());
        self.tell_sharing(&event, &tickets);
        if announces {
            tickets.announce(Delivery {
                route: route.clone(),
                message: Arc::new(Message {
                    event: event.clone(),
                    payload: event.payload.clone(),
                }),
                view: View::Raw,
            });
        }
        Passage::new(event, route, tickets)
    }

    /// Counts and tells that an event is in a lane which principals share.
    fn tell_sharing(&self, event: &Arc<Event>, tickets: &Tickets<Stay<'_>>) {
        if tickets.shares_a_lane() {
            self.shared.counters.shared_lane();
        }
        if tickets.begins_to_share() {
            self.tell(Category::Audit, || {
                Record::Audit(Audit::LaneShared {
                    principal: event.principal.clone(),
                    event: event.clone(),
                })
            });
        }
    }

    /// Runs an event whose outcome nobody waits for: counters, observers and
    /// logs tell what became of it.
    fn let_go(&self, running: Running) {
        if let Some(running) = running.pass_on() {
            self.shared.tasks.spawn(async move {
                let _outcome = running.run().await;
            });
        }
    }
}

fn closed(draft: Draft) -> PublishError {
    PublishError::Closed { draft }
}
