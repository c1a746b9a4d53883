//! What a list of events in order of entry allows, against what the lanes do.

use proptest::prelude::*;

use super::*;

const CAPACITY: usize = 3;
const MAX_LANES: usize = 3;
const IN_FLIGHT: u64 = 9;
const CAPSULES: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    Enter {
        tenant: usize,
        capsules: Vec<usize>,
        delivers: bool,
        waits: bool,
    },
    Release {
        event: usize,
        index: usize,
    },
    Deliver {
        event: usize,
    },
    Cancel {
        event: usize,
    },
}

/// An event as a simple list knows it.
struct Known {
    tenant: usize,
    /// Those whose ticket it still holds.
    holds: Vec<Option<usize>>,
    delivers: bool,
    tickets: Option<Tickets>,
    /// Its chain is not at its end.
    is_under_way: bool,
    /// It has left the outbox, or never stood in it.
    has_left: bool,
    is_admitted: bool,
}

fn op() -> impl Strategy<Value = Op> {
    let capsules = prop::collection::btree_set(0..CAPSULES, 0..4);
    prop_oneof![
        4 => (0..5_usize, capsules, any::<bool>(), any::<bool>()).prop_map(
            |(tenant, capsules, delivers, waits)| Op::Enter {
                tenant,
                capsules: capsules.into_iter().collect(),
                delivers,
                waits,
            }
        ),
        3 => (0..20_usize, 0..3_usize).prop_map(|(event, index)| Op::Release { event, index }),
        2 => (0..20_usize).prop_map(|event| Op::Deliver { event }),
        1 => (0..20_usize).prop_map(|event| Op::Cancel { event }),
    ]
}

/// The events of one (capsule, principal) under way, oldest first.
fn lane(events: &[Known], tenant: usize, capsule: usize) -> Vec<usize> {
    let in_it = |known: &Known| known.tenant == tenant && known.holds.contains(&Some(capsule));
    (0..events.len()).filter(|e| in_it(&events[*e])).collect()
}

/// The places in a principal's outbox that have not left it.
fn outbox(events: &[Known], tenant: usize) -> Vec<usize> {
    let in_it = |known: &Known| known.tenant == tenant && known.delivers && !known.has_left;
    (0..events.len()).filter(|e| in_it(&events[*e])).collect()
}

/// Lets leave what may, in order.
fn leave(events: &mut [Known], tenant: usize, delivered: &mut Vec<usize>) {
    for event in outbox(events, tenant) {
        if events[event].is_under_way {
            return;
        }
        events[event].has_left = true;
        if events[event].is_admitted {
            delivered.push(event);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Rule: deliveries to one (capsule, principal) never overlap and happen
    /// in publish order, whatever mix of chains they belong to; admitted
    /// events of one principal reach a subscription in publish order; a lane
    /// exists only while it has tickets.
    #[test]
    fn lanes_do_what_a_list_of_events_allows(ops in prop::collection::vec(op(), 1..80)) {
        let lanes = Arc::new(Lanes::new(LaneConfig {
            max_lanes_per_capsule: MAX_LANES,
            in_flight: RoomUse { events: IN_FLIGHT, bytes: u64::MAX },
            ..config(CAPACITY)
        }));
        let groups = groups::<CAPSULES>();
        let tenants = ["a", "b", "c", "d"].map(|name| Some(principal(name)));
        let tenants = [&tenants[..], &[None]].concat();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let mut delivered = Vec::new();
        let mut events: Vec<Known> = Vec::new();
        for op in ops {
            match op {
                Op::Enter { tenant, capsules, delivers, waits } => {
                    let in_flight = events.iter().filter(|known| {
                        known.is_under_way || (known.delivers && !known.has_left && known.is_admitted)
                    });
                    let fits = capsules.iter().all(|c| lane(&events, tenant, *c).len() < CAPACITY)
                        && (!delivers || outbox(&events, tenant).len() < CAPACITY)
                        && (in_flight.count() as u64) < IN_FLIGHT;
                    let visited: Vec<_> = capsules.iter().map(|c| &groups[*c]).collect();
                    let visit = Wish { delivers, ..visit(tenants[tenant].as_ref(), &visited) };
                    let entered = if waits {
                        let mut entering = Box::pin(lanes.enter(&visit));
                        let mut context = Context::from_waker(Waker::noop());
                        match entering.as_mut().poll(&mut context) {
                            std::task::Poll::Ready(tickets) => Some(tickets),
                            std::task::Poll::Pending => None,
                        }
                    } else {
                        lanes.try_enter(&visit).ok()
                    };
                    prop_assert_eq!(entered.is_some(), fits);
                    if let Some(tickets) = entered {
                        events.push(Known {
                            tenant,
                            holds: capsules.into_iter().map(Some).collect(),
                            delivers,
                            tickets: Some(tickets),
                            is_under_way: true,
                            has_left: false,
                            is_admitted: false,
                        });
                    }
                }
                Op::Release { event, index } => {
                    if let Some(known) = events.get_mut(event)
                        && let Some(tickets) = &mut known.tickets
                    {
                        tickets.release(index);
                        if let Some(held) = known.holds.get_mut(index) {
                            *held = None;
                        }
                    }
                }
                Op::Deliver { event } | Op::Cancel { event } => {
                    let admits = matches!(op, Op::Deliver { .. });
                    let Some(known) = events.get_mut(event) else { continue };
                    let Some(mut tickets) = known.tickets.take() else { continue };
                    known.holds.clear();
                    known.is_under_way = false;
                    known.is_admitted = admits;
                    let (tenant, delivers) = (known.tenant, known.delivers);
                    if admits {
                        tickets.deliver(Note(notes.clone(), event), 1);
                        if !delivers {
                            delivered.push(event);
                        }
                    }
                    drop(tickets);
                    leave(&mut events, tenant, &mut delivered);
                }
            }
            prop_assert_eq!(&*notes.lock(), &delivered);
            let open = (0..CAPSULES).map(|capsule| {
                (0..5).filter(|tenant| !lane(&events, *tenant, capsule).is_empty()).count()
            });
            prop_assert_eq!(lanes.count(), open.sum::<usize>(), "one for each that has tickets");
            for group in &groups {
                prop_assert!(group.open() <= MAX_LANES);
            }
            for (event, known) in events.iter().enumerate() {
                let Some(tickets) = &known.tickets else { continue };
                for (index, capsule) in known.holds.iter().enumerate() {
                    let Some(capsule) = capsule else { continue };
                    let is_first = lane(&events, known.tenant, *capsule)[0] == event;
                    if has_turn(tickets, index) {
                        prop_assert!(is_first, "two of one lane at once, or out of order");
                    } else {
                        // In a lane of one's own the first never waits.
                        prop_assert!(!is_first || tickets.shares_a_lane());
                    }
                }
            }
        }
        drop(events);
        assert_empty(&lanes);
    }
}
