//! Everything that intercepts, as one immutable snapshot.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::{Interceptor, Meter, Order};
use crate::{
    lane::{LaneGroup, LaneScope},
    topic::TopicTree,
    types::{Draft, Topic},
};

/// Stages that are gathered without allocating for it; few chains have more.
const FEW: usize = 8;

/// Every interceptor of a generation, and which of them a topic meets.
#[derive(Debug)]
pub struct Plan {
    /// In the order in which any two of them run.
    interceptors: Vec<Arc<Interceptor>>,
    /// Indices of `interceptors` by pattern.
    tree: TopicTree<u32>,
    /// What each of them shares with those of other generations.
    lasting: Vec<Lasting>,
}

/// The interceptors that match one topic, in order.
#[derive(Debug)]
pub struct Chain {
    stages: Box<[Stage]>,
    /// The lanes of an event without a session, in the order in which they are
    /// first visited: shared by all such events.
    scopes: Arc<[LaneScope]>,
    /// Which of them are a session's own where there is one, if any is.
    per_session: Option<Box<[bool]>>,
}

/// One interceptor's turn in a chain.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) interceptor: Arc<Interceptor>,
    pub(super) meter: Arc<Meter>,
    /// The index of its lane among the chain's.
    pub(super) lane: usize,
    /// Whether it waits for its turn there. One that needs no order only
    /// counts against the lane's capacity.
    pub(super) waits: bool,
    /// Whether the lane is given back before the next stage: no later one
    /// needs it. Those of the last stage go with the event.
    pub(super) gives_back: bool,
}

/// A lane of a chain that is being made.
struct Lane<'a> {
    group: &'a Arc<LaneGroup>,
    per_session: bool,
    /// The last stage that needs it.
    last: usize,
}

/// What is the same from one plan to the next: the lanes of each capsule, so
/// that the order of its calls holds across a reload, and what is counted of
/// each action.
#[derive(Debug, Default)]
pub(super) struct Registry {
    next: u32,
    groups: HashMap<Arc<str>, Arc<LaneGroup>>,
    meters: HashMap<(Arc<str>, Arc<str>), Arc<Meter>>,
}

/// What an interceptor shares with those of other generations.
#[derive(Clone, Debug)]
struct Lasting {
    group: Arc<LaneGroup>,
    meter: Arc<Meter>,
}

// === impl Plan ===

impl Plan {
    /// Orders `interceptors` as chains run them: by priority, then capsule
    /// id, then their order here, which is that of declaration.
    pub(super) fn new(mut interceptors: Vec<Interceptor>, registry: &mut Registry) -> Self {
        interceptors.sort_by(|a, b| (a.priority, &a.capsule).cmp(&(b.priority, &b.capsule)));
        let mut tree = TopicTree::default();
        for (index, interceptor) in (0..).zip(&interceptors) {
            tree.insert(&interceptor.event, index);
        }
        Self {
            lasting: interceptors
                .iter()
                .map(|interceptor| registry.lasting(interceptor))
                .collect(),
            interceptors: interceptors.into_iter().map(Arc::new).collect(),
            tree,
        }
    }

    /// All interceptors, in the order in which any two of them run.
    pub fn interceptors(&self) -> &[Arc<Interceptor>] {
        &self.interceptors
    }

    /// The ids of all capsules that intercept.
    pub fn capsules(&self) -> BTreeSet<&Arc<str>> {
        self.interceptors.iter().map(|i| &i.capsule).collect()
    }

    /// What is counted of each action of each capsule, each once.
    pub fn meters(&self) -> Vec<(Arc<Interceptor>, Arc<Meter>)> {
        let mut seen = HashSet::new();
        let all = self.interceptors.iter().zip(&self.lasting);
        all.filter(|(interceptor, _)| seen.insert((&interceptor.capsule, &interceptor.action)))
            .map(|(interceptor, lasting)| (interceptor.clone(), lasting.meter.clone()))
            .collect()
    }

    /// The interceptors that an event on `topic` meets. Nothing intercepts
    /// what the host says of itself.
    pub fn chain(&self, topic: &Topic) -> Chain {
        let mut found = SmallVec::<[u32; FEW]>::new();
        if !topic.is_reserved() {
            self.tree.for_each_match(topic, |index| found.push(*index));
        }
        found.sort_unstable();
        let mut stages = Vec::with_capacity(found.len());
        let mut lanes = SmallVec::<[Lane<'_>; FEW]>::new();
        let mut lane_of = HashMap::<_, _, RandomState>::default();
        for index in found.into_iter().map(|index| index as usize) {
            let (Some(interceptor), Some(Lasting { group, meter })) =
                (self.interceptors.get(index), self.lasting.get(index))
            else {
                continue;
            };
            let new = lanes.len();
            let number = *lane_of.entry(group.id()).or_insert(new);
            if number == new {
                lanes.push(Lane {
                    group,
                    per_session: true,
                    last: 0,
                });
            }
            if let Some(lane) = lanes.get_mut(number) {
                // The strictest wins: of two capsules with one name, of which
                // one failed, that one must not loosen the order of the other.
                lane.per_session &= interceptor.order == Order::Session;
                lane.last = stages.len();
            }
            stages.push(Stage {
                interceptor: interceptor.clone(),
                meter: meter.clone(),
                lane: number,
                waits: interceptor.order != Order::None,
                gives_back: false,
            });
        }
        let end = stages.len();
        for last in lanes.iter().map(|lane| lane.last) {
            if let Some(stage) = stages.get_mut(last) {
                stage.gives_back = last + 1 < end;
            }
        }
        let scope = |lane: &Lane<'_>| LaneScope {
            group: lane.group.clone(),
            session: None,
        };
        let per_session = || lanes.iter().map(|lane| lane.per_session);
        Chain {
            stages: stages.into(),
            scopes: lanes.iter().map(scope).collect(),
            per_session: per_session()
                .any(|own| own)
                .then(|| per_session().collect()),
        }
    }
}

// === impl Chain ===

impl Chain {
    /// The interceptors, first to run first.
    pub fn interceptors(&self) -> impl Iterator<Item = &Arc<Interceptor>> {
        self.stages.iter().map(|stage| &stage.interceptor)
    }

    /// Whether nothing intercepts.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// How many lanes it visits.
    pub(super) fn lane_count(&self) -> usize {
        self.scopes.len()
    }

    pub(super) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The lanes that an event without a session visits, as the stages count
    /// them.
    pub(super) fn scopes(&self) -> &Arc<[LaneScope]> {
        &self.scopes
    }

    /// The lanes that `event` visits, if they are others.
    pub(super) fn lanes_of(&self, event: &Draft) -> Option<Arc<[LaneScope]>> {
        let (per_session, session) = (self.per_session.as_ref()?, event.session()?);
        let scopes = self.scopes.iter().zip(per_session);
        let scopes = scopes.map(|(scope, own)| LaneScope {
            group: scope.group.clone(),
            session: own.then(|| session.clone()),
        });
        Some(scopes.collect())
    }
}

// === impl Registry ===

impl Registry {
    /// A number that no group has and none will get.
    pub(super) fn next_id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Forgets what no plan and no event knows any more.
    pub(super) fn prune(&mut self) {
        self.groups.retain(|_, group| Arc::strong_count(group) > 1);
        self.meters.retain(|_, meter| Arc::strong_count(meter) > 1);
    }

    fn lasting(&mut self, interceptor: &Interceptor) -> Lasting {
        let Interceptor {
            capsule, action, ..
        } = interceptor;
        let group = match self.groups.get(capsule) {
            Some(group) => group.clone(),
            None => {
                let group = Arc::new(LaneGroup::new(self.next_id(), capsule.clone()));
                self.groups.insert(capsule.clone(), group.clone());
                group
            }
        };
        let key = (capsule.clone(), action.clone());
        let meter = self.meters.entry(key).or_default().clone();
        Lasting { group, meter }
    }
}
