//! Everything that events do with their tickets, in random mixes: against
//! plain lists, and on threads.

#![expect(clippy::disallowed_methods, reason = "each test waits for its tasks")]

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::types::Name;

#[test]
fn an_idle_shard_keeps_no_memory_for_the_lanes_of_one_principal() {
    let lanes: Arc<Lanes<Note>> = Arc::new(Lanes::new(config(64)));
    let [group] = groups();
    let alice = principal("alice");
    let tickets: Vec<_> = (0..10_000)
        .map(|n| {
            let scope = LaneScope {
                group: group.clone(),
                session: Some(Name::new(&format!("s{n}")).unwrap()),
            };
            let visit = Wish {
                principal: Some(alice.clone()),
                scopes: [scope].into(),
                bytes: 1,
                ..Wish::default()
            };
            lanes.try_enter(&visit).unwrap()
        })
        .collect();
    drop(tickets);
    assert_empty(&lanes);
    let (_, kept, found) = lanes.kept();
    assert!(kept <= 64 * 16 && found <= 64 * 16, "{kept} {found}");
}

#[derive(Clone, Debug)]
enum Op {
    Enter {
        tenant: usize,
        scopes: Vec<(usize, usize)>,
        delivers: bool,
        announces: bool,
        nested: bool,
    },
    Some {
        tenant: usize,
        scopes: Vec<(usize, usize)>,
        ancestors: Vec<usize>,
    },
    Release {
        event: usize,
        index: usize,
    },
    Take {
        event: usize,
        index: usize,
    },
    Give {
        ticket: usize,
    },
    Finish {
        event: usize,
    },
    Deliver {
        event: usize,
    },
    Drop {
        event: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let scopes = || {
        prop::collection::btree_map(0..4_usize, 0..3_usize, 0..4)
            .prop_map(|m| m.into_iter().collect::<Vec<_>>())
    };
    prop_oneof![
        6 => (0..3_usize, scopes(), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(tenant, scopes, delivers, announces, nested)| Op::Enter { tenant, scopes, delivers, announces, nested }),
        2 => (0..3_usize, scopes(), prop::collection::vec(0..20_usize, 0..3))
            .prop_map(|(tenant, scopes, ancestors)| Op::Some { tenant, scopes, ancestors }),
        4 => (0..20_usize, 0..4_usize).prop_map(|(event, index)| Op::Release { event, index }),
        3 => (0..20_usize, 0..4_usize).prop_map(|(event, index)| Op::Take { event, index }),
        3 => (0..20_usize).prop_map(|ticket| Op::Give { ticket }),
        2 => (0..20_usize).prop_map(|event| Op::Finish { event }),
        1 => (0..20_usize).prop_map(|event| Op::Deliver { event }),
        2 => (0..20_usize).prop_map(|event| Op::Drop { event }),
    ]
}

struct Known {
    tenant: usize,
    entry: u64,
    /// By index: the scope, and whether it is in the event (0), taken (1) or gone (2).
    scopes: Vec<((usize, usize), u8)>,
    tickets: Option<Tickets>,
}

fn ready<F: Future>(f: F) -> bool {
    Box::pin(f)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

fn play(ops: Vec<Op>, max_lanes: usize, capacity: usize) -> Result<(), TestCaseError> {
    let lanes: Arc<Lanes<Note>> = Arc::new(Lanes::new(LaneConfig {
        max_lanes_per_capsule: max_lanes,
        ..config(capacity)
    }));
    let groups = groups::<4>();
    let tenants = [Some(principal("a")), Some(principal("b")), None];
    let notes = Arc::new(Mutex::new(Vec::new()));
    let mut events: Vec<Known> = Vec::new();
    let mut loose: Vec<(usize, usize, LaneTicket)> = Vec::new();
    let visit_of = |tenant: usize, scopes: &[(usize, usize)]| Wish {
        principal: tenants[tenant].clone(),
        scopes: scopes
            .iter()
            .map(|(g, s)| LaneScope {
                group: groups[*g].clone(),
                session: (*s > 0).then(|| Name::new(&format!("s{s}")).unwrap()),
            })
            .collect(),
        bytes: 1,
        ..Wish::default()
    };
    for op in ops {
        // Held in a lane: events in order.
        let holders = |events: &[Known], tenant: usize, scope: (usize, usize)| -> Vec<usize> {
            events
                .iter()
                .enumerate()
                .filter(|(_, k)| {
                    k.tenant == tenant && k.scopes.iter().any(|(s, st)| *s == scope && *st < 2)
                })
                .map(|(i, _)| i)
                .collect()
        };
        match op {
            Op::Enter {
                tenant,
                scopes,
                delivers,
                announces,
                nested,
            } => {
                let visit = Wish {
                    delivers,
                    announces,
                    is_nested: nested,
                    ..visit_of(tenant, &scopes)
                };
                let full = scopes
                    .iter()
                    .any(|s| holders(&events, tenant, *s).len() >= capacity);
                match lanes.try_enter(&visit) {
                    Ok(mut tickets) => {
                        prop_assert!(!full);
                        if announces {
                            tickets.announce(Note(notes.clone(), events.len()));
                        }
                        events.push(Known {
                            tenant,
                            entry: tickets.entry(),
                            scopes: scopes.into_iter().map(|s| (s, 0)).collect(),
                            tickets: Some(tickets),
                        });
                    }
                    Err(NoRoom::Lane { .. }) => prop_assert!(full),
                    Err(NoRoom::Outbox { .. }) => prop_assert!(delivers),
                    Err(other) => prop_assert!(false, "{:?}", other),
                }
            }
            Op::Some {
                tenant,
                scopes,
                ancestors,
            } => {
                let entries: Vec<_> = ancestors
                    .iter()
                    .filter_map(|a| events.get(*a))
                    .filter(|k| k.tenant == tenant)
                    .map(|k| k.entry)
                    .collect();
                let wish = visit_of(tenant, &scopes);
                let entered = Tickets::enter_some(lanes.clone(), wish.visit(), &entries);
                let (mut tickets, refused) = entered.unwrap();
                let mut known = Vec::new();
                let event = events.len();
                let mut index = 0;
                for (scope, refused) in scopes.iter().zip(refused) {
                    let held = holders(&events, tenant, *scope);
                    let want = if held.iter().any(|h| entries.contains(&events[*h].entry)) {
                        Some(Refused::WouldBlock)
                    } else if held.len() >= capacity {
                        Some(Refused::Full)
                    } else {
                        None
                    };
                    prop_assert_eq!(refused, want);
                    if refused.is_none() {
                        loose.push((event, index, tickets.take(index)));
                        known.push((*scope, 1));
                        index += 1;
                    }
                }
                events.push(Known {
                    tenant,
                    entry: tickets.entry(),
                    scopes: known,
                    tickets: Some(tickets),
                });
            }
            Op::Release { event, index } => {
                if let Some(k) = events.get_mut(event)
                    && let Some(t) = &mut k.tickets
                {
                    t.release(index);
                    if let Some(s) = k.scopes.get_mut(index)
                        && s.1 == 0
                    {
                        s.1 = 2;
                    }
                }
            }
            Op::Take { event, index } => {
                if let Some(k) = events.get_mut(event)
                    && let Some(t) = &mut k.tickets
                    && let Some(s) = k.scopes.get_mut(index)
                    && s.1 == 0
                {
                    s.1 = 1;
                    loose.push((event, index, t.take(index)));
                }
            }
            Op::Give { ticket } => {
                if ticket < loose.len() {
                    let (event, index, t) = loose.remove(ticket);
                    drop(t);
                    events[event].scopes[index].1 = 2;
                }
            }
            Op::Finish { event } | Op::Deliver { event } | Op::Drop { event } => {
                let Some(k) = events.get_mut(event) else {
                    continue;
                };
                let Some(mut t) = k.tickets.take() else {
                    continue;
                };
                match op {
                    Op::Finish { .. } => {
                        if let Some(_turn) = t.first_out() {
                            notes.lock().push(event);
                        } else {
                            t.finish(Note(notes.clone(), event), 2);
                        }
                    }
                    Op::Deliver { .. } => t.deliver(Note(notes.clone(), event), 2),
                    _ => {}
                }
                drop(t);
                for s in &mut k.scopes {
                    if s.1 == 0 {
                        s.1 = 2;
                    }
                }
            }
        }
        // Check.
        let mut heads: HashMap<(usize, (usize, usize)), usize> = HashMap::new();
        for (i, k) in events.iter().enumerate() {
            for (s, st) in &k.scopes {
                if *st < 2 {
                    heads.entry((k.tenant, *s)).or_insert(i);
                }
            }
        }
        prop_assert_eq!(lanes.count(), heads.len());
        for (g, group) in groups.iter().enumerate() {
            // Those of an event that is alone are only marks.
            let own = heads.keys().filter(|(_, s)| s.0 == g && s.1 == 0).count();
            prop_assert!(group.open() <= max_lanes.min(own));
        }
        for (i, k) in events.iter().enumerate() {
            let Some(t) = &k.tickets else { continue };
            for (index, (s, st)) in k.scopes.iter().enumerate() {
                if *st != 0 {
                    continue;
                }
                let first = heads[&(k.tenant, *s)] == i;
                let turn = ready(t.turn(index));
                if turn {
                    prop_assert!(first);
                } else {
                    prop_assert!(!first || t.shares_a_lane() || max_lanes <= 3);
                }
                if t.is_first(index) {
                    prop_assert!(turn);
                }
            }
        }
        for (event, index, t) in &loose {
            let (s, _) = events[*event].scopes[*index];
            let first = heads[&(events[*event].tenant, s)] == *event;
            let turn = ready(t.turn());
            if turn {
                prop_assert!(first);
            } else {
                prop_assert!(!first || max_lanes <= 3);
            }
        }
        // Somebody always has a turn: no deadlock in the shared lane.
        for g in 0..4 {
            let mut any = false;
            let mut turn = false;
            for k in &events {
                let Some(t) = &k.tickets else { continue };
                for (index, (s, st)) in k.scopes.iter().enumerate() {
                    if *st == 0 && s.0 == g {
                        any = true;
                        turn |= ready(t.turn(index));
                    }
                }
            }
            for (event, index, t) in &loose {
                if events[*event].scopes[*index].0.0 == g {
                    any = true;
                    turn |= ready(t.turn());
                }
            }
            prop_assert!(turn || !any, "nobody of {g} may go");
        }
    }
    drop(events);
    drop(loose);
    assert_empty(&lanes);
    for group in &groups {
        prop_assert_eq!(group.open(), 0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn events_in_lanes_of_their_own_do_what_lists_allow(ops in prop::collection::vec(op(), 1..60)) { play(ops, 100, 3)?; }
    #[test]
    fn events_in_lanes_that_some_share_do_what_lists_allow(ops in prop::collection::vec(op(), 1..60)) { play(ops, 1, 3)?; }
    #[test]
    fn events_in_lanes_that_all_share_do_what_lists_allow(ops in prop::collection::vec(op(), 1..60)) { play(ops, 0, 2)?; }
}

#[test]
fn no_thread_overlaps_or_overtakes_in_a_lane() {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .worker_threads(4)
        .build()
        .unwrap();
    for max_lanes in [100, 1, 0] {
        let lanes: Arc<Lanes<Note>> = Arc::new(Lanes::new(LaneConfig {
            max_lanes_per_capsule: max_lanes,
            ..config(3)
        }));
        let groups = Arc::new(groups::<3>());
        let inside: Arc<Vec<AtomicUsize>> = Arc::new((0..6).map(|_| AtomicUsize::new(0)).collect());
        let last: Arc<Vec<AtomicU64>> = Arc::new((0..6).map(|_| AtomicU64::new(0)).collect());
        let notes = Arc::new(Mutex::new(Vec::new()));
        runtime.block_on(async {
            let tasks: Vec<_> = (0..12_usize)
                .map(|task| {
                    let (lanes, groups, inside, last, notes) = (
                        lanes.clone(),
                        groups.clone(),
                        inside.clone(),
                        last.clone(),
                        notes.clone(),
                    );
                    tokio::spawn(async move {
                        let who = task % 2;
                        let me = principal(["a", "b"][who]);
                        let mut rng = fastrand::Rng::with_seed(task as u64);
                        for _ in 0..1000 {
                            let chosen: Vec<usize> = (0..3).filter(|_| rng.bool()).collect();
                            let picked: Vec<_> = chosen.iter().map(|g| &groups[*g]).collect();
                            let visit = Wish {
                                delivers: rng.bool(),
                                ..visit(Some(&me), &picked)
                            };
                            let mut tickets = if rng.u8(..10) == 0 {
                                let entering = lanes.enter(&visit);
                                match tokio::time::timeout(std::time::Duration::ZERO, entering)
                                    .await
                                {
                                    Ok(t) => t,
                                    Err(_) => continue,
                                }
                            } else {
                                lanes.enter(&visit).await
                            };
                            let entry = tickets.entry() + 1;
                            let cut = rng.usize(..10);
                            for (index, g) in chosen.iter().enumerate() {
                                if index == cut {
                                    break;
                                }
                                let at = who * 3 + g;
                                let taken = rng.u8(..4) == 0;
                                let loose = taken.then(|| tickets.take(index));
                                match &loose {
                                    Some(t) => t.turn().await,
                                    None => tickets.turn(index).await,
                                }
                                assert_eq!(inside[at].fetch_add(1, Ordering::SeqCst), 0, "overlap");
                                assert!(
                                    last[at].swap(entry, Ordering::SeqCst) < entry,
                                    "inversion"
                                );
                                if rng.bool() {
                                    tokio::task::yield_now().await;
                                }
                                inside[at].fetch_sub(1, Ordering::SeqCst);
                                drop(loose);
                                if !taken && rng.bool() {
                                    tickets.release(index);
                                }
                            }
                            match rng.u8(..3) {
                                0 => tickets.finish(Note(notes.clone(), entry as usize), 2),
                                1 => tickets.deliver(Note(notes.clone(), entry as usize), 2),
                                _ => {}
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_empty(&lanes);
        for group in groups.iter() {
            assert_eq!(group.open(), 0);
        }
    }
}

/// What leaves a line calls the next one there, for the outbox and for the
/// host's room too: two places came free before the first had run.
#[tokio::test(start_paused = true)]
async fn two_places_that_come_free_at_once_call_two() {
    for delivers in [false, true] {
        let lanes: Arc<Lanes<Note>> = Arc::new(Lanes::new(LaneConfig {
            in_flight_per_principal: RoomUse {
                events: if delivers { 100 } else { 2 },
                bytes: 100,
            },
            ..config(2)
        }));
        let alice = principal("alice");
        let groups = groups::<4>();
        let mut held = Vec::new();
        let mut waiting = Vec::new();
        for (n, group) in groups.iter().enumerate() {
            let visit = Wish {
                delivers,
                ..visit(Some(&alice), &[group])
            };
            if n < 2 {
                held.push(lanes.try_enter(&visit).unwrap());
            } else {
                let lanes = lanes.clone();
                waiting.push(tokio::spawn(async move { lanes.enter(&visit).await }));
            }
        }
        tokio::task::yield_now().await;
        drop(held);
        let mut entered = Vec::new();
        for waiting in waiting {
            let within = std::time::Duration::from_secs(1);
            entered.push(
                tokio::time::timeout(within, waiting)
                    .await
                    .expect("it is called")
                    .unwrap(),
            );
        }
        drop(entered);
        assert_empty(&lanes);
    }
}

/// A bit a lane: an event of more has tickets.
#[test]
fn an_event_may_visit_more_lanes_than_there_are_marks() {
    let lanes = lanes(64);
    let groups = groups::<70>();
    let all: Vec<_> = groups.iter().collect();
    let tickets = lanes.try_enter(&visit(None, &all)).unwrap();
    assert_eq!(lanes.count(), 70);
    drop(tickets);
    assert_empty(&lanes);
    assert!(groups.iter().all(|group| group.open() == 0));
}
