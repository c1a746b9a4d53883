//! Everything that intercepts, as one immutable snapshot.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use foldhash::fast::RandomState;
use parking_lot::RwLock;

use super::{Interceptor, Order};
use crate::{
    lane::LaneScope,
    topic::TopicTree,
    types::{Draft, Topic},
};

/// Topics whose chain is remembered; more than that are looked up anew, so
/// that a publisher who invents topics cannot fill the memory.
const CACHED_TOPICS: usize = 4096;

/// Every interceptor of a generation, and which of them a topic meets.
#[derive(Debug)]
pub struct Plan {
    /// In the order in which any two of them run.
    interceptors: Vec<Arc<Interceptor>>,
    /// Indices of `interceptors` by pattern.
    tree: TopicTree<u32>,
    /// A number for each capsule; the number of an interceptor's capsule.
    capsules: Vec<u32>,
    chains: RwLock<HashMap<Topic, Arc<Chain>, RandomState>>,
}

/// The interceptors that match one topic, in order.
#[derive(Debug)]
pub struct Chain {
    stages: Box<[Stage]>,
    lanes: Box<[Lane]>,
}

/// One interceptor's turn in a chain.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) interceptor: Arc<Interceptor>,
    /// The index of its lane among the chain's.
    pub(super) lane: usize,
    /// Whether it waits for its turn there. One that needs no order only
    /// counts against the lane's capacity.
    pub(super) waits: bool,
    /// Whether no later stage of the chain needs that lane.
    pub(super) last_in_lane: bool,
}

#[derive(Debug)]
struct Lane {
    capsule: u32,
    per_session: bool,
}

/// Numbers for capsules that stay the same from one plan to the next, so that
/// the order of a capsule's calls holds across a reload.
#[derive(Debug, Default)]
pub(super) struct CapsuleNumbers(HashMap<Arc<str>, u32>);

// === impl Plan ===

impl Plan {
    /// Orders `interceptors` as chains run them: by priority, then capsule
    /// id, then their order here, which is that of declaration.
    pub(super) fn new(mut interceptors: Vec<Interceptor>, numbers: &mut CapsuleNumbers) -> Self {
        interceptors.sort_by(|a, b| (a.priority, &a.capsule).cmp(&(b.priority, &b.capsule)));
        let mut tree = TopicTree::default();
        for (index, interceptor) in (0..).zip(&interceptors) {
            tree.insert(&interceptor.event, index);
        }
        Self {
            capsules: interceptors
                .iter()
                .map(|i| numbers.number(&i.capsule))
                .collect(),
            interceptors: interceptors.into_iter().map(Arc::new).collect(),
            tree,
            chains: RwLock::default(),
        }
    }

    /// All interceptors, in the order in which any two of them run.
    pub fn interceptors(&self) -> &[Arc<Interceptor>] {
        &self.interceptors
    }

    /// The interceptors that an event on `topic` meets.
    pub fn chain(&self, topic: &Topic) -> Arc<Chain> {
        if let Some(chain) = self.chains.read().get(topic) {
            return chain.clone();
        }
        let chain = Arc::new(self.look_up(topic));
        let mut chains = self.chains.write();
        if chains.len() >= CACHED_TOPICS {
            chains.clear();
        }
        chains.insert(topic.clone(), chain.clone());
        chain
    }

    fn look_up(&self, topic: &Topic) -> Chain {
        let mut found = Vec::new();
        self.tree.for_each_match(topic, |index| found.push(*index));
        found.sort_unstable();
        let mut lanes = Vec::new();
        let mut lane_of = HashMap::new();
        let mut last_use = Vec::new();
        let mut stages = Vec::with_capacity(found.len());
        for index in found.into_iter().map(|index| index as usize) {
            let (Some(interceptor), Some(&capsule)) =
                (self.interceptors.get(index), self.capsules.get(index))
            else {
                continue;
            };
            let lane = match lane_of.entry(capsule) {
                Entry::Occupied(lane) => *lane.get(),
                Entry::Vacant(new) => {
                    lanes.push(Lane {
                        capsule,
                        per_session: interceptor.order == Order::Session,
                    });
                    last_use.push(0);
                    *new.insert(lanes.len() - 1)
                }
            };
            if let Some(last) = last_use.get_mut(lane) {
                *last = stages.len();
            }
            stages.push(Stage {
                interceptor: interceptor.clone(),
                lane,
                waits: interceptor.order != Order::None,
                last_in_lane: false,
            });
        }
        for last in last_use {
            if let Some(stage) = stages.get_mut(last) {
                stage.last_in_lane = true;
            }
        }
        Chain {
            stages: stages.into(),
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

    pub(super) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The lanes that `event` visits, as the stages count them.
    pub(super) fn lanes(&self, event: &Draft) -> impl Iterator<Item = LaneScope> {
        self.lanes.iter().map(|lane| LaneScope {
            capsule: lane.capsule,
            session: event.session().filter(|_| lane.per_session).cloned(),
        })
    }
}

// === impl CapsuleNumbers ===

impl CapsuleNumbers {
    fn number(&mut self, capsule: &Arc<str>) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(capsule.clone()).or_insert(next)
    }
}
