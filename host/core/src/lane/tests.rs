//! The lanes against a model: what a list of tickets in order of entry allows.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    sync::Arc,
    task::{Context, Waker},
};

use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use super::*;
use crate::types::Principal;

fn lanes(capacity: usize) -> Arc<Lanes> {
    Arc::new(Lanes::new(NonZeroUsize::new(capacity).unwrap()))
}

fn scope(capsule: u32) -> LaneScope {
    LaneScope {
        capsule,
        session: None,
    }
}

fn alice() -> Principal {
    Principal::new("alice").unwrap()
}

/// Whether the ticket has its turn now.
fn has_turn(tickets: &Tickets, index: usize) -> bool {
    let mut turn = Box::pin(tickets.turn(index));
    turn.as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[derive(Clone, Debug)]
enum Op {
    Enter { tenant: usize, capsules: Vec<u32> },
    Release { event: usize, index: usize },
    Cancel { event: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let capsules = prop::collection::btree_set(0..4_u32, 1..4);
    prop_oneof![
        3 => (0..2_usize, capsules).prop_map(|(tenant, capsules)| Op::Enter {
            tenant,
            capsules: capsules.into_iter().collect(),
        }),
        4 => (0..8_usize, 0..3_usize).prop_map(|(event, index)| Op::Release { event, index }),
        1 => (0..8_usize).prop_map(|event| Op::Cancel { event }),
    ]
}

proptest! {
    /// Rule: deliveries to one (capsule, principal) never overlap and happen
    /// in publish order, whatever mix of chains they belong to.
    #[test]
    fn only_the_oldest_ticket_of_a_lane_has_its_turn(ops in prop::collection::vec(op(), 1..80)) {
        const CAPACITY: usize = 3;
        let lanes = lanes(CAPACITY);
        let tenants = [Some(alice()), None];
        let mut model: HashMap<(usize, u32), VecDeque<usize>> = HashMap::new();
        let mut events: Vec<(usize, Vec<u32>, Option<Tickets>)> = Vec::new();
        for op in ops {
            match op {
                Op::Enter { tenant, capsules } => {
                    let fits = capsules
                        .iter()
                        .all(|c| model.get(&(tenant, *c)).is_none_or(|lane| lane.len() < CAPACITY));
                    let tickets = lanes.try_enter(
                        tenants[tenant].as_ref(),
                        capsules.iter().map(|c| scope(*c)),
                    );
                    prop_assert_eq!(tickets.is_ok(), fits);
                    if let Ok(tickets) = tickets {
                        for capsule in &capsules {
                            model.entry((tenant, *capsule)).or_default().push_back(events.len());
                        }
                        events.push((tenant, capsules, Some(tickets)));
                    }
                }
                Op::Release { event, index } => {
                    if let Some((tenant, capsules, Some(tickets))) = events.get_mut(event) {
                        tickets.release(index);
                        if let Some(capsule) = capsules.get(index)
                            && let Some(lane) = model.get_mut(&(*tenant, *capsule)) {
                                lane.retain(|e| *e != event);
                            }
                    }
                }
                Op::Cancel { event } => {
                    if let Some((_, _, tickets)) = events.get_mut(event) {
                        *tickets = None;
                        model.values_mut().for_each(|lane| lane.retain(|e| *e != event));
                    }
                }
            }
            model.retain(|_, lane| !lane.is_empty());
            prop_assert_eq!(lanes.count(), model.len(), "a lane exists only while it has tickets");
            for (event, (tenant, capsules, tickets)) in events.iter().enumerate() {
                let Some(tickets) = tickets else { continue };
                for (index, capsule) in capsules.iter().enumerate() {
                    let lane = model.get(&(*tenant, *capsule));
                    let held = lane.is_some_and(|lane| lane.contains(&event));
                    if held {
                        let first = lane.and_then(|lane| lane.front()) == Some(&event);
                        prop_assert_eq!(has_turn(tickets, index), first);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_next_ticket_is_woken_when_the_one_before_it_goes() {
    let lanes = lanes(8);
    let first = lanes.try_enter(None, [scope(1)]).unwrap();
    let gone = lanes.try_enter(None, [scope(1)]).unwrap();
    let third = lanes.try_enter(None, [scope(1)]).unwrap();
    let waiting = TaskTracker::new().spawn(async move { third.turn(0).await });
    tokio::task::yield_now().await;
    drop(gone);
    assert!(!waiting.is_finished());

    drop(first);

    waiting.await.unwrap();
    assert_eq!(lanes.count(), 0);
}

#[tokio::test]
async fn a_full_lane_is_the_publishers_to_see() {
    let lanes = lanes(1);
    let alice = alice();
    let held = lanes.try_enter(Some(&alice), [scope(1)]).unwrap();

    let refused = lanes
        .try_enter(Some(&alice), [scope(2), scope(1)])
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "principal `alice` has 1 events in its lane already"
    );
    assert!(
        lanes.try_enter(None, [scope(1)]).is_ok(),
        "others have lanes of their own"
    );

    drop(held);
    assert!(lanes.try_enter(Some(&alice), [scope(2), scope(1)]).is_ok());
    assert_eq!(lanes.count(), 0);
}

#[tokio::test]
async fn publishers_that_wait_go_in_order_and_none_is_forgotten() {
    let lanes = lanes(1);
    let held = lanes.try_enter(None, [scope(1)]).unwrap();
    let mut waiting = JoinSet::new();
    let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
    for number in 0..10 {
        let (lanes, order) = (lanes.clone(), order.clone());
        waiting.spawn(async move {
            let tickets = lanes.enter(None, [scope(1)]).await;
            tickets.turn(0).await;
            order.lock().push(number);
        });
        tokio::task::yield_now().await;
    }
    assert!(
        lanes.try_enter(None, [scope(1)]).is_err(),
        "nobody jumps the line"
    );

    drop(held);
    waiting.join_all().await;

    assert_eq!(*order.lock(), (0..10).collect::<Vec<_>>());
    assert_eq!(lanes.count(), 0);
}

#[tokio::test]
async fn one_who_is_called_and_leaves_calls_the_next() {
    let lanes = lanes(1);
    let held = lanes.try_enter(None, [scope(1)]).unwrap();
    let other = lanes.try_enter(None, [scope(2)]).unwrap();
    // The first in line is called, finds the other lane full and waits there.
    let moves_on = TaskTracker::new().spawn({
        let lanes = lanes.clone();
        async move { drop(lanes.enter(None, [scope(1), scope(2)]).await) }
    });
    tokio::task::yield_now().await;
    let next = TaskTracker::new().spawn({
        let lanes = lanes.clone();
        async move { drop(lanes.enter(None, [scope(1)]).await) }
    });
    tokio::task::yield_now().await;

    drop(held);
    next.await.unwrap();

    moves_on.abort();
    assert!(moves_on.await.is_err());
    drop(other);
    assert_eq!(lanes.count(), 0, "one who waits no more leaves nothing");
}
