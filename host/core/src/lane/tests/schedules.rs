//! Threads that meet in the lanes, under random schedules.

use shuttle::{
    future::{block_on, yield_now},
    thread,
};

use super::*;
use crate::sync::schedules;

/// What the threads of one schedule share.
struct World {
    lanes: Arc<Lanes<Note>>,
    groups: [Arc<LaneGroup>; 2],
    /// Entries of the events that a capsule works on, by capsule and tenant.
    inside: Mutex<Vec<(u32, Option<Principal>)>>,
    /// The events that were let in.
    taken_in: Mutex<Vec<(Option<Principal>, u64)>>,
    announced: Arc<Mutex<Vec<usize>>>,
    delivered: Arc<Mutex<Vec<usize>>>,
}

impl World {
    fn new(config: LaneConfig) -> Arc<Self> {
        Arc::new(Self {
            lanes: Arc::new(Lanes::new(config)),
            groups: groups(),
            inside: Mutex::default(),
            taken_in: Mutex::default(),
            announced: Arc::default(),
            delivered: Arc::default(),
        })
    }

    /// One event through both capsules and out; cancelled after `steps`.
    async fn event(&self, tenant: Option<&Principal>, steps: usize) {
        let [one, two] = &self.groups;
        let visit = Wish {
            announces: true,
            delivers: true,
            ..visit(tenant, &[one, two])
        };
        let mut tickets = self.lanes.enter(&visit).await;
        let entry = tickets.entry();
        let tenant_of = |all: &Mutex<Vec<_>>| all.lock().push((tenant.cloned(), entry));
        tenant_of(&self.taken_in);
        if steps != 1 {
            tickets.announce(Note(self.announced.clone(), entry as usize));
        }
        for (index, group) in self.groups.iter().enumerate().take(steps) {
            tickets.turn(index).await;
            let here = (index as u32, tenant.cloned());
            {
                let mut inside = self.inside.lock();
                assert!(!inside.contains(&here), "two at once in {group:?}");
                inside.push(here.clone());
            }
            yield_now().await;
            self.inside.lock().retain(|at| *at != here);
            tickets.release(index);
        }
        if steps == 2 {
            let note = Note(self.delivered.clone(), entry as usize);
            tickets.deliver(note, 2);
        }
    }

    /// What left an outbox left in order and nothing is left of it.
    fn check(&self, announced: usize, delivered: usize) {
        assert_eq!(self.announced.lock().len(), announced);
        assert_eq!(self.delivered.lock().len(), delivered);
        let taken_in = self.taken_in.lock();
        for left in [self.announced.lock(), self.delivered.lock()] {
            let mut last = std::collections::HashMap::new();
            for entry in &*left {
                let of = taken_in.iter().find(|(_, e)| *e == *entry as u64);
                let tenant = &of.expect("it was let in").0;
                let before = last.insert(tenant.clone(), *entry);
                assert!(before < Some(*entry), "{tenant:?}: {before:?}, {entry}");
            }
        }
        assert_empty(&self.lanes);
    }
}

/// Rule: deliveries to one (capsule, principal) never overlap; admitted events
/// of one principal are delivered in publish order; cancelling leaves nothing.
fn explore(config: LaneConfig) {
    shuttle::check_pct(
        move || {
            let world = World::new(config);
            let tenants = [None, None, Some("a"), Some("a"), Some("b")];
            let threads: Vec<_> = (0..)
                .zip(tenants)
                .map(|(number, tenant)| {
                    let world = world.clone();
                    thread::spawn(move || {
                        let tenant = tenant.map(principal);
                        block_on(async {
                            world.event(tenant.as_ref(), 2).await;
                            world.event(tenant.as_ref(), number % 3).await;
                        });
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            // All ten but two are announced; four end before they deliver.
            world.check(8, 6);
        },
        schedules(),
        4,
    );
}

#[test]
fn no_schedule_breaks_the_order_of_lanes() {
    explore(config(2));
}

#[test]
fn no_schedule_breaks_the_line_for_a_full_lane() {
    explore(config(1));
}

#[test]
fn no_schedule_breaks_the_line_for_a_full_host() {
    let config = LaneConfig {
        in_flight: RoomUse {
            events: 1,
            bytes: 100,
        },
        ..config(2)
    };
    explore(config);
}

/// Rule: an event waits for what is under way, not for room that is put by: a
/// large one that just fits, when the last small one of another lock has gone.
#[test]
fn no_schedule_has_an_event_wait_for_room_that_is_put_by() {
    shuttle::check_pct(
        || {
            let lanes = Arc::new(Lanes::new(LaneConfig {
                in_flight: RoomUse {
                    events: 64,
                    bytes: 640,
                },
                ..config(2)
            }));
            let [group] = groups();
            let threads: Vec<_> = [("a", 1, 2), ("b", 640, 1)]
                .into_iter()
                .map(|(tenant, bytes, times)| {
                    let (lanes, group) = (lanes.clone(), group.clone());
                    thread::spawn(move || {
                        let wish = Wish {
                            bytes,
                            ..visit(Some(&principal(tenant)), &[&group])
                        };
                        block_on(async {
                            for _ in 0..times {
                                drop(lanes.enter(&wish).await);
                            }
                        });
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_empty(&lanes);
        },
        schedules(),
        4,
    );
}

#[test]
fn no_schedule_breaks_the_shared_lane() {
    let config = LaneConfig {
        max_lanes_per_capsule: 1,
        ..config(2)
    };
    explore(config);
}

#[test]
fn no_schedule_loses_a_call_when_one_who_waits_gives_up() {
    shuttle::check_pct(
        || {
            let world = World::new(config(1));
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let world = world.clone();
                    thread::spawn(move || {
                        block_on(async {
                            let visit = visit(None, &[&world.groups[0]]);
                            let mut entering = Box::pin(world.lanes.enter(&visit));
                            if number % 2 == 0 {
                                let mut context = Context::from_waker(Waker::noop());
                                let first = entering.as_mut().poll(&mut context);
                                yield_now().await;
                                drop((entering, first));
                            } else {
                                drop(entering.await);
                            }
                        });
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_empty(&world.lanes);
        },
        schedules(),
        4,
    );
}

/// Rule: those who wait for several lanes go on when there is room, whoever
/// else waits for some of them.
#[test]
fn no_schedule_has_those_who_wait_for_several_lanes_chase_one_another() {
    shuttle::check_pct(
        || {
            let lanes = lanes(1);
            let groups = groups::<3>();
            let wants: [&[usize]; 5] = [&[0, 1, 2], &[1, 2], &[0, 1], &[2], &[0, 2]];
            let threads: Vec<_> = wants
                .into_iter()
                .map(|wants| {
                    let (lanes, groups) = (lanes.clone(), groups.clone());
                    thread::spawn(move || {
                        let wants: Vec<_> = wants.iter().map(|at| &groups[*at]).collect();
                        block_on(async {
                            for _ in 0..2 {
                                let tickets = lanes.enter(&visit(None, &wants)).await;
                                yield_now().await;
                                drop(tickets);
                            }
                        });
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_empty(&lanes);
        },
        schedules(),
        4,
    );
}

/// Rule: no two events can wait for each other, also where each keeps one
/// shared lane until it has been through another.
#[test]
fn no_schedule_makes_two_events_in_shared_lanes_wait_for_each_other() {
    shuttle::check_pct(
        || {
            let config = LaneConfig {
                max_lanes_per_capsule: 0,
                ..config(8)
            };
            let world = World::new(config);
            let threads: Vec<_> = ["a", "b", "c"]
                .into_iter()
                .map(|tenant| {
                    let world = world.clone();
                    thread::spawn(move || {
                        let [one, two] = &world.groups;
                        let visit = visit(Some(&principal(tenant)), &[one, two]);
                        // The first is alone until the second comes.
                        let both = [(); 2].map(|()| world.lanes.try_enter(&visit).unwrap());
                        block_on(async {
                            for tickets in both {
                                tickets.turn(0).await;
                                tickets.turn(1).await;
                                yield_now().await;
                                tickets.turn(0).await;
                            }
                        });
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_empty(&world.lanes);
        },
        schedules(),
        4,
    );
}

/// Rule: an event is refused for what is under way, not for room that is put
/// by: also where another who was refused has just had that given back.
#[test]
fn no_schedule_refuses_an_event_for_room_that_another_had_given_back() {
    shuttle::check_pct(
        || {
            const EVENTS: u64 = 64;
            let lanes = Arc::new(Lanes::new(LaneConfig {
                in_flight: RoomUse {
                    events: EVENTS,
                    bytes: 1 << 20,
                },
                ..config(EVENTS as usize)
            }));
            let [group] = groups();
            // One of each of the two locks.
            let of_lock = |lock| {
                let mut names = (0..).map(|n| principal(&format!("p{n}")));
                let is_its = |p: &Principal| lanes.shard_of(&Some(p.clone())).0 == lock;
                names.find(is_its).unwrap()
            };
            let (idle, busy) = (of_lock(0), of_lock(1));
            let put_by = lanes.try_enter(&visit(Some(&idle), &[&group])).unwrap();
            let held = || lanes.shard(0).lock().reserve.held().events;
            assert_eq!(held(), 2, "the reserve of a lock that nobody uses now");
            let busy = visit(Some(&busy), &[&group]);
            let under_way: Vec<_> = (0..EVENTS - 3)
                .map(|_| lanes.try_enter(&busy).unwrap())
                .collect();
            assert_eq!(lanes.room.used().events, EVENTS);
            // There is room for two.
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (lanes, busy) = (lanes.clone(), busy.clone());
                    thread::spawn(move || lanes.try_enter(&busy))
                })
                .collect();
            let entered: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
            for entered in &entered {
                assert!(entered.is_ok(), "{:?}", entered.as_ref().err());
            }
            drop((put_by, under_way, entered));
            assert_empty(&lanes);
        },
        schedules(),
        4,
    );
}
