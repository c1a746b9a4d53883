//! Everything that intercepts, as one immutable snapshot.

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use super::{Interceptor, Meter, Order};
use crate::{
    lane::{LaneGroup, LaneScope},
    topic::TopicTree,
    types::{Draft, Name, Topic},
};

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
    lanes: Box<[Lane]>,
    /// The same for an event without a session: shared by all such events.
    scopes: Arc<[LaneScope]>,
    /// Whether one of the lanes is that of a session.
    per_session: bool,
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

#[derive(Debug)]
struct Lane {
    group: Arc<LaneGroup>,
    per_session: bool,
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
        let mut found = Vec::new();
        if !topic.is_reserved() {
            self.tree.for_each_match(topic, |index| found.push(*index));
        }
        found.sort_unstable();
        let mut lanes: Vec<Lane> = Vec::new();
        let mut lane_of = HashMap::new();
        let mut last_use = Vec::new();
        let mut stages = Vec::with_capacity(found.len());
        for index in found.into_iter().map(|index| index as usize) {
            let (Some(interceptor), Some(lasting)) =
                (self.interceptors.get(index), self.lasting.get(index))
            else {
                continue;
            };
            let lane = match lane_of.entry(&interceptor.capsule) {
                Entry::Occupied(lane) => *lane.get(),
                Entry::Vacant(new) => {
                    lanes.push(Lane {
                        group: lasting.group.clone(),
                        per_session: interceptor.order == Order::Session,
                    });
                    last_use.push(0);
                    *new.insert(lanes.len() - 1)
                }
            };
            // The strictest wins: of two capsules with one name, of which one
            // failed, that one must not loosen the order of the other.
            if let Some(lane) = lanes.get_mut(lane) {
                lane.per_session &= interceptor.order == Order::Session;
            }
            if let Some(last) = last_use.get_mut(lane) {
                *last = stages.len();
            }
            stages.push(Stage {
                interceptor: interceptor.clone(),
                meter: lasting.meter.clone(),
                lane,
                waits: interceptor.order != Order::None,
                gives_back: false,
            });
        }
        let end = stages.len();
        for last in last_use.into_iter().filter(|last| last + 1 < end) {
            if let Some(stage) = stages.get_mut(last) {
                stage.gives_back = true;
            }
        }
        let scope = |lane: &Lane| LaneScope {
            group: lane.group.clone(),
            session: None,
        };
        Chain {
            stages: stages.into(),
            scopes: lanes.iter().map(scope).collect(),
            per_session: lanes.iter().any(|lane| lane.per_session),
            lanes: lanes.into(),
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
        self.lanes.len()
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
        let session = event.session().filter(|_| self.per_session)?;
        let scopes = self.lanes.iter().zip(&*self.scopes);
        let scopes = scopes.map(|(lane, scope)| lane.of(scope, session));
        Some(scopes.collect())
    }
}

// === impl Lane ===

impl Lane {
    fn of(&self, scope: &LaneScope, session: &Name) -> LaneScope {
        LaneScope {
            group: scope.group.clone(),
            session: self.per_session.then(|| session.clone()),
        }
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
