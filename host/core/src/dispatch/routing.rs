//! Where an event goes: the chain of its topic, and those who subscribe to it.

use std::{collections::HashMap, hash::BuildHasher, mem, num::NonZeroUsize, ops::Range, sync::Arc};

use arc_swap::ArcSwap;
use crossbeam_utils::CachePadded;
use foldhash::fast::RandomState;

use super::{Interceptor, Plan, audience::Audience, plan::Chain, plan::Registry};
use crate::{
    striped::PerThread,
    subscribe::{Subscriber, View},
    sync::{AtomicBool, AtomicU64, Mutex, Ordering},
    topic::TopicTree,
    types::Topic,
};

/// How many places a topic has: two busy ones that meet do not look up anew
/// each time.
const WAYS: usize = 2;
/// How many stages and subscribers the routes of a thread may have, for each
/// place: about a hundred bytes. No setting: few routes come near it.
const WEIGHT: usize = 4;

/// Everything that decides where an event goes, as a snapshot that readers
/// take without a lock.
#[derive(Debug)]
pub(super) struct Routing {
    snapshot: ArcSwap<Snapshot>,
    /// That of the snapshot.
    version: AtomicU64,
    /// Whether it has any interceptor or subscriber.
    is_any: AtomicBool,
    /// Routes that each thread remembers. Threads do not share them, since they
    /// would wait for one another's counts of references.
    cache: PerThread<CachePadded<Mutex<Remembered>>>,
    /// How many places each thread has.
    places: NonZeroUsize,
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

/// The routes that one thread remembers, each in one of the places that its
/// topic's hash gives it: a publisher who invents topics takes no more from
/// others than a look-up, and no more memory than there may be.
#[derive(Debug, Default)]
struct Remembered {
    /// None before the first.
    places: Box<[Option<Cached>]>,
    /// How many stages and subscribers the routes have.
    weight: usize,
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
            is_any: AtomicBool::new(false),
            cache: PerThread::default(),
            places: cached_topics,
            hasher: RandomState::default(),
            writer: Mutex::new(writer),
        }
    }

    pub(super) fn plan(&self) -> Arc<Plan> {
        self.snapshot.load().plan.clone()
    }

    /// Whether events on any topic go anywhere.
    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    /// Where events on `topic` go.
    pub(super) fn route(&self, topic: &Topic) -> Arc<Route> {
        self.look_up(topic, Arc::clone)
    }

    /// Looks at where events on `topic` go: as [`route`](Self::route), without
    /// a reference to it.
    pub(super) fn look_up<R>(&self, topic: &Topic, look: impl FnOnce(&Arc<Route>) -> R) -> R {
        let version = self.version.load(Ordering::Acquire);
        let hash = self.hasher.hash_one(topic);
        let own = self.cache.get_or(CachePadded::default);
        if let Some(own) = own
            && let Some(route) = own.lock().find(hash, topic, version)
        {
            return look(route);
        }
        look(&self.make(topic, hash, own.map(|own| &**own)))
    }

    /// Finds where events on `topic` go, and has it remembered.
    #[inline(never)]
    fn make(&self, topic: &Topic, hash: u64, own: Option<&Mutex<Remembered>>) -> Arc<Route> {
        let snapshot = self.snapshot.load();
        let route = Arc::new(snapshot.route(topic));
        if let Some(own) = own {
            let mut own = own.lock();
            // Either whoever replaces the snapshot empties this after, or the
            // new version is seen here: what was replaced is not kept alive.
            if self.version.load(Ordering::SeqCst) == snapshot.version {
                let cached = Cached {
                    topic: topic.clone(),
                    version: snapshot.version,
                    route: route.clone(),
                };
                own.insert(hash, cached, self.places.get());
            }
        }
        route
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
        let is_any = !next.plan.interceptors().is_empty() || !next.subscribers.is_empty();
        self.is_any.store(is_any, Ordering::SeqCst);
        self.snapshot.store(Arc::new(next));
        self.version.store(version, Ordering::SeqCst);
        // What is remembered is stale, and would keep alive what is gone.
        for of_thread in self.cache.iter() {
            let stale = mem::take(&mut *of_thread.lock());
            drop(stale);
        }
    }
}

// === impl Remembered ===

impl Remembered {
    fn find(&self, hash: u64, topic: &Topic, version: u64) -> Option<&Arc<Route>> {
        let range = places_of(hash, self.places.len());
        let mut found = self.places.get(range)?.iter().flatten();
        let found = found.find(|cached| cached.version == version && cached.topic == *topic)?;
        Some(&found.route)
    }

    /// Puts one in the first of its places, and what was there in the next one.
    /// With all that they may have, it forgets all: that happens to those only
    /// whose topics each have many subscribers.
    fn insert(&mut self, hash: u64, cached: Cached, places: usize) {
        self.weight += cached.route.weight();
        if self.weight > places * WEIGHT {
            *self = Self::default();
            self.weight = cached.route.weight();
        }
        if self.places.is_empty() {
            self.places = (0..places).map(|_| None).collect();
        }
        let mut next = Some(cached);
        let range = places_of(hash, places);
        for place in self.places.get_mut(range).into_iter().flatten() {
            next = mem::replace(place, next);
        }
        self.weight -= next.map_or(0, |forgotten| forgotten.route.weight());
    }
}

/// The places that a topic with this hash has, of so many.
fn places_of(hash: u64, places: usize) -> Range<usize> {
    let sets = places.div_ceil(WAYS).max(1);
    let first = hash as usize % sets * WAYS;
    first..places.min(first + WAYS)
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

    /// What it takes in memory: how many stages and subscribers it has.
    fn weight(&self) -> usize {
        self.chain.stages().len() + self.subscribers.len() + self.taps.len()
    }

    /// Whether nobody subscribes.
    pub(super) fn is_deaf(&self) -> bool {
        self.subscribers.is_empty() && self.taps.is_empty()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::dispatch::tests::{interceptor, keep};

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

    /// Rule: a queue of a hundred thousand topics fills no memory.
    #[test]
    fn routes_with_many_stages_are_not_all_remembered() {
        let topics = const { NonZeroUsize::new(8).unwrap() };
        let routing = Routing::new(topics);
        let hook = || interceptor("a", keep());
        routing.install((0..10).map(|_| hook()).collect());
        let all: Vec<_> = ["a.b", "c", "d", "e"]
            .iter()
            .map(|topic| routing.route(&Topic::new(topic).unwrap()))
            .collect();
        assert!(all.iter().any(|route| route.weight() > 0));
        let own = routing.cache.get_or(CachePadded::default).unwrap().lock();
        let kept: usize = own.places.iter().flatten().map(|c| c.route.weight()).sum();
        assert_eq!(kept, own.weight);
        assert!(kept <= topics.get() * WEIGHT, "{kept}");
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
