//! Where an event goes: the chain of its topic, and those who subscribe to it.

use std::{collections::HashMap, hash::BuildHasher, num::NonZeroUsize, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use foldhash::fast::RandomState;
use thread_local::ThreadLocal;

use super::{Interceptor, Plan, audience::Audience, plan::Chain, plan::Registry};
use crate::{
    subscribe::{Subscriber, View},
    sync::{AtomicBool, AtomicU64, Mutex, Ordering},
    topic::TopicTree,
    types::Topic,
};

/// How many places a topic has: two busy ones that meet do not look up anew
/// each time.
const WAYS: usize = 2;

/// Everything that decides where an event goes, as a snapshot that readers
/// take without a lock.
#[derive(Debug)]
pub(super) struct Routing {
    snapshot: ArcSwap<Snapshot>,
    /// That of the snapshot.
    version: AtomicU64,
    /// Routes that each thread remembers, each in one of the places that its
    /// topic's hash gives it: a publisher who invents topics fills no memory, and takes
    /// no more from others than a look-up. Threads do not share them, since they
    /// would wait for one another's counts of references.
    cache: ThreadLocal<Box<[ArcSwapOption<Cached>]>>,
    /// How many places each thread has.
    places: NonZeroUsize,
    /// Something is in the cache.
    is_cached: AtomicBool,
    hasher: RandomState,
    writer: Mutex<Writer>,
}

/// Where the events on one topic go.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) chain: Chain,
    /// Those who see what is admitted.
    subscribers: Audience,
    /// Those who see everything before its chain.
    taps: Audience,
}

#[derive(Debug)]
struct Snapshot {
    version: u64,
    plan: Arc<Plan>,
    subscribers: TopicTree<Arc<Subscriber>>,
}

#[derive(Debug)]
struct Cached {
    topic: Topic,
    version: u64,
    route: Arc<Route>,
}

/// What only those who change the snapshot need.
#[derive(Debug, Default)]
struct Writer {
    registry: Registry,
    subscribers: HashMap<u32, Arc<Subscriber>>,
}

// === impl Routing ===

impl Routing {
    /// Nothing intercepts and nobody subscribes. The routes of so many topics
    /// are remembered.
    pub(super) fn new(cached_topics: NonZeroUsize) -> Self {
        let mut writer = Writer::default();
        let snapshot = Snapshot {
            version: 0,
            plan: Arc::new(Plan::new(Vec::new(), &mut writer.registry)),
            subscribers: TopicTree::default(),
        };
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            version: AtomicU64::new(0),
            cache: ThreadLocal::new(),
            places: cached_topics,
            is_cached: AtomicBool::new(false),
            hasher: RandomState::default(),
            writer: Mutex::new(writer),
        }
    }

    pub(super) fn plan(&self) -> Arc<Plan> {
        self.snapshot.load().plan.clone()
    }

    /// Where events on `topic` go.
    pub(super) fn route(&self, topic: &Topic) -> Arc<Route> {
        self.look_up(topic, Arc::clone)
    }

    /// Looks at where events on `topic` go: as [`route`](Self::route), without
    /// a reference to it.
    pub(super) fn look_up<R>(&self, topic: &Topic, look: impl FnOnce(&Arc<Route>) -> R) -> R {
        let version = self.version.load(Ordering::Acquire);
        let places = self.places_of(topic);
        for place in places {
            if let Some(cached) = &*place.load()
                && cached.version == version
                && cached.topic == *topic
            {
                return look(&cached.route);
            }
        }
        let snapshot = self.snapshot.load();
        let route = Arc::new(snapshot.route(topic));
        self.remember(places, topic, snapshot.version, &route);
        look(&route)
    }

    /// Puts a route in the first of the places that its topic has, and what was
    /// there in the next one.
    fn remember(
        &self,
        places: &[ArcSwapOption<Cached>],
        topic: &Topic,
        version: u64,
        route: &Arc<Route>,
    ) {
        let mut next = Some(Arc::new(Cached {
            topic: topic.clone(),
            version,
            route: route.clone(),
        }));
        for place in places {
            next = place.swap(next).filter(|was| was.version == version);
        }
        // What was replaced meanwhile must not be kept alive by a place that
        // was emptied before this was put in it: either whoever replaces it
        // sees the mark, or this sees the new version.
        self.is_cached.store(true, Ordering::SeqCst);
        if self.version.load(Ordering::SeqCst) != version {
            places.iter().for_each(|place| place.store(None));
        }
    }

    /// Replaces all interceptors in one step.
    pub(super) fn install(&self, interceptors: Vec<Interceptor>) {
        let mut writer = self.writer.lock();
        let plan = Arc::new(Plan::new(interceptors, &mut writer.registry));
        self.change(|snapshot| snapshot.plan = plan);
        writer.registry.prune();
    }

    /// A number that no other subscriber and no capsule has.
    pub(super) fn next_id(&self) -> u32 {
        self.writer.lock().registry.next_id()
    }

    pub(super) fn subscribe(&self, subscriber: &Arc<Subscriber>) {
        let mut writer = self.writer.lock();
        writer
            .subscribers
            .insert(subscriber.id(), subscriber.clone());
        self.change(|snapshot| {
            for pattern in subscriber.options().filter.index() {
                snapshot.subscribers.insert(&pattern, subscriber.clone());
            }
        });
    }

    pub(super) fn unsubscribe(&self, subscriber: &Arc<Subscriber>) {
        let mut writer = self.writer.lock();
        writer.subscribers.remove(&subscriber.id());
        self.change(|snapshot| {
            for pattern in subscriber.options().filter.index() {
                snapshot.subscribers.remove(&pattern, subscriber);
            }
        });
    }

    /// Everybody who subscribes, in no particular order.
    pub(super) fn subscribers(&self) -> Vec<Arc<Subscriber>> {
        self.writer.lock().subscribers.values().cloned().collect()
    }

    /// How many that are.
    pub(super) fn subscriptions(&self) -> usize {
        self.writer.lock().subscribers.len()
    }

    /// Makes the next snapshot; the caller holds the writer.
    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        let now = self.snapshot.load();
        let mut next = Snapshot {
            version: now.version + 1,
            plan: now.plan.clone(),
            subscribers: now.subscribers.clone(),
        };
        change(&mut next);
        let version = next.version;
        self.snapshot.store(Arc::new(next));
        self.version.store(version, Ordering::SeqCst);
        // What is remembered is stale, and would keep alive what is gone.
        if self.is_cached.swap(false, Ordering::SeqCst) {
            for place in self.cache.iter().flatten() {
                place.store(None);
            }
        }
    }

    /// The places in which a topic's route may be remembered by this thread.
    fn places_of(&self, topic: &Topic) -> &[ArcSwapOption<Cached>] {
        let empty = || (0..self.places.get()).map(|_| ArcSwapOption::empty());
        let places = self.cache.get_or(|| empty().collect());
        let sets = places.len().div_ceil(WAYS);
        let first = self.hasher.hash_one(topic) as usize % sets * WAYS;
        let end = places.len().min(first + WAYS);
        places.get(first..end).unwrap_or_default()
    }
}

// === impl Snapshot ===

impl Snapshot {
    fn route(&self, topic: &Topic) -> Route {
        let mut found = Vec::new();
        self.subscribers
            .for_each_match(topic, |subscriber| found.push(subscriber.clone()));
        // One under several patterns is found once for each.
        found.sort_unstable_by_key(|subscriber| subscriber.id());
        found.dedup();
        let mut route = Route {
            chain: self.plan.chain(topic),
            subscribers: Audience::default(),
            taps: Audience::default(),
        };
        for subscriber in found {
            let audience = match subscriber.options().view {
                View::Admitted => &mut route.subscribers,
                View::Raw => &mut route.taps,
            };
            audience.add(topic, &subscriber);
        }
        route
    }
}

// === impl Route ===

impl Route {
    /// Those who see events as `view` says.
    pub(super) fn audience(&self, view: View) -> &Audience {
        match view {
            View::Admitted => &self.subscribers,
            View::Raw => &self.taps,
        }
    }

    /// Whether nobody subscribes.
    pub(super) fn is_deaf(&self) -> bool {
        self.subscribers.is_empty() && self.taps.is_empty()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn two_topics_that_meet_are_both_remembered_and_a_third_takes_over() {
        let routing = Routing::new(const { NonZeroUsize::new(2).unwrap() });
        let [a, b, c] = ["a", "b", "c"].map(|topic| Topic::new(topic).unwrap());
        let (first, second) = (routing.route(&a), routing.route(&b));
        for _ in 0..3 {
            assert!(Arc::ptr_eq(&routing.route(&a), &first));
            assert!(Arc::ptr_eq(&routing.route(&b), &second));
        }
        let third = routing.route(&c);
        assert!(Arc::ptr_eq(&routing.route(&c), &third));
        assert!(Arc::ptr_eq(&routing.route(&b), &second));
        assert!(!Arc::ptr_eq(&routing.route(&a), &first));
    }

    #[test]
    fn nothing_that_was_replaced_is_remembered() {
        let routing = Routing::new(const { NonZeroUsize::new(2).unwrap() });
        let [a, b] = ["a", "b"].map(|topic| Topic::new(topic).unwrap());
        let routes = [routing.route(&a), routing.route(&b)].map(|route| Arc::downgrade(&route));
        routing.install(Vec::new());
        assert!(routes.iter().all(|route| route.upgrade().is_none()));
    }
}
