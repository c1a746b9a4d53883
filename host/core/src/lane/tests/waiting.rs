//! Publishers that wait for room.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Wake,
};

use tokio::task::{JoinHandle, JoinSet, yield_now};

use super::*;

fn enter(lanes: &Arc<Lanes<Note>>, visit: Wish) -> JoinHandle<Tickets> {
    let lanes = lanes.clone();
    #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
    tokio::spawn(async move { lanes.enter(&visit).await })
}

#[tokio::test]
async fn the_next_ticket_is_woken_when_the_one_before_it_goes() {
    let lanes = lanes(8);
    let [one] = groups();
    let first = lanes.try_enter(&visit(None, &[&one])).unwrap();
    let gone = lanes.try_enter(&visit(None, &[&one])).unwrap();
    let third = lanes.try_enter(&visit(None, &[&one])).unwrap();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { third.turn(0).await });
    yield_now().await;
    drop(gone);
    assert!(waiting.try_join_next().is_none());

    drop(first);

    waiting.join_all().await;
    assert_empty(&lanes);
}

#[tokio::test]
async fn a_full_lane_is_the_publishers_to_see() {
    let lanes = lanes(1);
    let [one, two] = groups();
    let alice = principal("alice");
    let held = lanes.try_enter(&visit(Some(&alice), &[&one])).unwrap();

    let refused = lanes.try_enter(&visit(Some(&alice), &[&two, &one]));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "principal `alice` has 1 events under way to `g0` already"
    );
    assert!(
        lanes.try_enter(&visit(None, &[&one])).is_ok(),
        "others have lanes of their own"
    );

    drop(held);
    let both = visit(Some(&alice), &[&two, &one]);
    assert!(lanes.try_enter(&both).is_ok());
    assert_empty(&lanes);
}

/// Rule: a global bound on events in flight (by count and bytes) gives the
/// same answer.
#[tokio::test]
async fn a_full_host_is_the_publishers_to_see() {
    let bounds = [
        RoomUse {
            events: 2,
            bytes: 100,
        },
        RoomUse {
            events: 100,
            bytes: 2,
        },
    ];
    for in_flight in bounds {
        let lanes = Arc::new(Lanes::new(LaneConfig {
            in_flight,
            ..config(8)
        }));
        let [one] = groups();
        let first = lanes.try_enter(&visit(None, &[&one])).unwrap();
        let free = lanes.try_enter(&visit(None, &[])).unwrap();
        let refused = lanes.try_enter(&visit(Some(&principal("alice")), &[&one]));
        assert_eq!(
            refused.unwrap_err().to_string(),
            format!(
                "the host has 2 events of 2 bytes under way; it may have {} of {} \
                 (`in_flight_events`, `in_flight_bytes` under [dispatch])",
                in_flight.events, in_flight.bytes
            )
        );
        drop(free);
        assert!(lanes.try_enter(&visit(None, &[&one])).is_ok());
        drop(first);
        assert_empty(&lanes);
    }
}

#[tokio::test]
async fn publishers_that_wait_go_in_order_and_none_is_forgotten() {
    let lanes = lanes(1);
    let [one] = groups();
    let held = lanes.try_enter(&visit(None, &[&one])).unwrap();
    let mut waiting = JoinSet::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    for number in 0..10 {
        let (lanes, order, one) = (lanes.clone(), order.clone(), one.clone());
        waiting.spawn(async move {
            let tickets = lanes.enter(&visit(None, &[&one])).await;
            tickets.turn(0).await;
            order.lock().push(number);
        });
        yield_now().await;
    }
    assert!(
        lanes.try_enter(&visit(None, &[&one])).is_err(),
        "nobody jumps the line"
    );

    drop(held);
    waiting.join_all().await;

    assert_eq!(*order.lock(), (0..10).collect::<Vec<_>>());
    assert_empty(&lanes);
}

/// Of two who wait at two places, neither goes back to stand behind the other:
/// they would change places for ever, and nobody else would ever run.
#[tokio::test]
async fn publishers_that_wait_at_several_places_all_come_through_in_order() {
    const EVENTS: usize = 40;
    let lanes = lanes(4);
    let groups = groups::<4>();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut publishers = JoinSet::new();
    for number in 0..EVENTS {
        let (lanes, order, groups) = (lanes.clone(), order.clone(), groups.clone());
        publishers.spawn(async move {
            let groups: Vec<_> = groups.iter().collect();
            let visit = Wish {
                delivers: true,
                ..visit(None, &groups)
            };
            let mut tickets = lanes.enter(&visit).await;
            for index in 0..groups.len() {
                tickets.turn(index).await;
                yield_now().await;
                tickets.release(index);
            }
            tickets.deliver(Note(order, number), 1);
        });
    }
    // In a livelock everybody is always ready, so no clock would end it.
    for _ in 0..100_000 {
        yield_now().await;
        while publishers.try_join_next().is_some() {}
    }
    assert_eq!(*order.lock(), (0..EVENTS).collect::<Vec<_>>());
    assert_empty(&lanes);
}

#[tokio::test]
async fn one_who_is_called_and_leaves_calls_the_next() {
    let lanes = lanes(1);
    let [one, two] = groups();
    let held = lanes.try_enter(&visit(None, &[&one])).unwrap();
    let other = lanes.try_enter(&visit(None, &[&two])).unwrap();
    // The first in line is called, finds the other lane full and waits there.
    let moves_on = enter(&lanes, visit(None, &[&one, &two]));
    yield_now().await;
    let next = enter(&lanes, visit(None, &[&one]));
    yield_now().await;

    drop(held);
    drop(next.await.unwrap());

    moves_on.abort();
    assert!(moves_on.await.is_err());
    drop(other);
    assert_empty(&lanes);
}

/// Polls those who wait until nobody is woken any more. Says who entered, in
/// that order.
fn poll_all(waiting: &mut Vec<(usize, Entering<'_>)>) -> Vec<(usize, Tickets)> {
    let mut entered = Vec::new();
    for _round in 0..100 {
        let mut woken = false;
        waiting.retain_mut(|(number, entering)| {
            if !entering.is_woken() {
                return true;
            }
            woken = true;
            match entering.poll() {
                Some(tickets) => entered.push((*number, tickets)),
                None => return true,
            }
            false
        });
        if !woken {
            return entered;
        }
    }
    panic!("they make way for one another for ever");
}

/// One who waits, polled by hand.
struct Entering<'a> {
    future: Pin<Box<dyn Future<Output = Tickets> + 'a>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<'a> Entering<'a> {
    fn new(lanes: &'a Arc<Lanes<Note>>, visit: &'a Wish) -> Self {
        Self {
            future: Box::pin(lanes.enter(visit)),
            woken: Arc::new(Woken(AtomicBool::new(true))),
        }
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }

    fn poll(&mut self) -> Option<Tickets> {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(self.woken.clone());
        let mut context = Context::from_waker(&waker);
        match self.future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(tickets) => Some(tickets),
            std::task::Poll::Pending => None,
        }
    }
}

/// Rule: publishers that wait for the same lane go in the order in which they
/// came, and one who must go to another line makes nobody go in circles.
#[test]
fn those_who_wait_for_several_lanes_do_not_chase_one_another() {
    let lanes = lanes(2);
    let [one, two, three] = groups();
    let both = visit(None, &[&one, &two, &three]);
    let wants = [&both, &visit(None, &[&two, &three]), &both, &both, &both];
    // What lets them go on, in every order of three lanes.
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for order in orders {
        let mut held: Vec<_> = [&one, &two, &three]
            .map(|group| [(); 2].map(|()| lanes.try_enter(&visit(None, &[group])).unwrap()))
            .into_iter()
            .map(Some)
            .collect();
        let mut waiting: Vec<_> = wants
            .iter()
            .map(|visit| Entering::new(&lanes, visit))
            .enumerate()
            .collect();
        assert!(poll_all(&mut waiting).is_empty());
        let mut under_way = Vec::new();
        for lane in order {
            under_way.extend(poll_all(&mut waiting));
            held[lane] = None;
        }
        let mut entered = Vec::new();
        while entered.len() < wants.len() {
            under_way.extend(poll_all(&mut waiting));
            assert!(!under_way.is_empty(), "none of them is called");
            entered.extend(under_way.drain(..).map(|(number, _)| number));
        }
        // The second wants less: it may go before the first.
        entered.retain(|number| *number != 1);
        assert_eq!(entered, [0, 2, 3, 4], "{order:?}");
        assert_empty(&lanes);
    }
}

#[tokio::test]
async fn a_principal_stands_once_in_the_line_for_the_host() {
    let lanes = Arc::new(Lanes::new(LaneConfig {
        in_flight: RoomUse {
            events: 1,
            bytes: 100,
        },
        ..config(64)
    }));
    let [one] = groups();
    let (mallory, alice) = (principal("mallory"), principal("alice"));
    let held = lanes.try_enter(&visit(Some(&mallory), &[&one])).unwrap();
    let mut flood = JoinSet::new();
    let let_in = Arc::new(Mutex::new(0));
    for _ in 0..50 {
        let (lanes, visit) = (lanes.clone(), visit(Some(&mallory), &[&one]));
        let let_in = let_in.clone();
        flood.spawn(async move {
            let tickets = lanes.enter(&visit).await;
            *let_in.lock() += 1;
            tickets
        });
        yield_now().await;
    }
    assert_eq!(lanes.room.waiting(), 1);
    let quiet = enter(&lanes, visit(Some(&alice), &[&one]));
    yield_now().await;
    assert_eq!(lanes.room.waiting(), 2);

    drop(held);
    drop(flood.join_next().await);
    let entered = quiet.await.unwrap();
    assert_eq!(
        *let_in.lock(),
        1,
        "the second that is let in is not mallory's"
    );
    drop(entered);
    while flood.join_next().await.is_some() {}
    assert_empty(&lanes);
}

#[tokio::test]
async fn what_a_hook_makes_goes_before_those_who_may_wait_for_that_hook() {
    let lanes = lanes(1);
    let [one, two] = groups();
    let held = lanes.try_enter(&visit(None, &[&one])).unwrap();
    let other = lanes.try_enter(&visit(None, &[&two])).unwrap();
    let waits = enter(&lanes, visit(None, &[&two, &one]));
    yield_now().await;
    drop(other);
    let nested = Wish {
        is_nested: true,
        ..visit(None, &[&two])
    };
    assert!(lanes.try_enter(&visit(None, &[&two])).is_err());
    drop(lanes.try_enter(&nested).unwrap());
    drop(held);
    drop(waits.await.unwrap());
    assert_empty(&lanes);
}

/// Rule: a trigger waits in lanes, but never in one that its own chain of
/// calls holds.
#[tokio::test]
async fn a_lane_that_an_ancestor_holds_is_not_waited_for() {
    for max_lanes_per_capsule in [10, 0] {
        let lanes = Arc::new(Lanes::new(LaneConfig {
            max_lanes_per_capsule,
            ..config(1)
        }));
        let [own, full, free] = groups();
        let ancestor = lanes.try_enter(&visit(None, &[&own])).unwrap();
        let other = lanes.try_enter(&visit(None, &[&full])).unwrap();
        let wanted = visit(None, &[&own, &full, &free]);
        let entered = Tickets::enter_some(lanes.clone(), wanted.visit(), &[ancestor.entry()]);
        let (tickets, refused) = entered.unwrap();
        assert_eq!(
            refused,
            [Some(Refused::WouldBlock), Some(Refused::Full), None]
        );
        assert!(has_turn(&tickets, 0), "the one that is left");
        drop((ancestor, other, tickets));
        assert_empty(&lanes);
    }
}

#[tokio::test]
async fn a_panic_while_delivering_holds_up_no_later_event() {
    struct Panics(bool, Arc<Mutex<u32>>);
    impl Deliver for Panics {
        fn deliver(self) {
            assert!(!self.0, "as it was told");
            *self.1.lock() += 1;
        }
    }
    let lanes = Arc::new(Lanes::new(config(8)));
    let delivers = Wish {
        delivers: true,
        ..visit(None, &[])
    };
    let delivered = Arc::new(Mutex::new(0));
    let [mut first, mut second] = [true, false].map(|panics| {
        let tickets = lanes.try_enter(&delivers).unwrap();
        (tickets, Panics(panics, delivered.clone()))
    });
    let panics = std::panic::AssertUnwindSafe(|| first.0.deliver(first.1, 1));
    assert!(std::panic::catch_unwind(panics).is_err());
    second.0.deliver(second.1, 1);
    assert_eq!(*delivered.lock(), 1);
    assert_eq!(lanes.principals(), 0);
    assert_eq!(lanes.in_flight(), RoomUse::default());
}

/// Rule: different principals never wait for one another: one cannot take all
/// of the host's room.
#[tokio::test]
async fn one_principal_takes_no_more_than_its_share_of_the_host() {
    let lanes = Arc::new(Lanes::new(LaneConfig {
        in_flight: RoomUse {
            events: 10,
            bytes: 100,
        },
        in_flight_per_principal: RoomUse {
            events: 2,
            bytes: 100,
        },
        ..config(64)
    }));
    let [one] = groups();
    let (mallory, alice) = (principal("mallory"), principal("alice"));
    let flood = visit(Some(&mallory), &[&one]);
    let first = lanes.try_enter(&flood).unwrap();
    let second = lanes.try_enter(&flood).unwrap();
    let refused = lanes.try_enter(&flood).unwrap_err().to_string();
    assert_eq!(
        refused,
        "principal `mallory` has 2 events of 2 bytes under way; one principal may have 2 of 100 \
         (`in_flight_events_per_principal`, `in_flight_bytes_per_principal` under [dispatch])"
    );
    let waiting = [flood.clone(), flood].map(|visit| enter(&lanes, visit));
    yield_now().await;
    drop(lanes.try_enter(&visit(Some(&alice), &[&one])).unwrap());
    drop(first);
    yield_now().await;
    drop(second);
    for entered in waiting {
        drop(entered.await.unwrap());
    }
    let huge = Wish {
        bytes: 100,
        ..visit(Some(&mallory), &[&one])
    };
    drop(lanes.try_enter(&huge).unwrap());
    assert_empty(&lanes);
}

#[tokio::test]
async fn tickets_given_back_behind_a_slow_one_leave_nothing_there() {
    let lanes = lanes(4);
    let [one] = groups();
    let slow = lanes.try_enter(&visit(None, &[&one])).unwrap();
    let waits = lanes.try_enter(&visit(None, &[&one])).unwrap();
    for _ in 0..1000 {
        drop(lanes.try_enter(&visit(None, &[&one])).unwrap());
    }
    assert!(!has_turn(&waits, 0));
    drop(slow);
    assert!(has_turn(&waits, 0));
    drop(waits);
    assert_empty(&lanes);
}

/// Rule: admitted events of one principal reach a subscription in publish order.
#[tokio::test]
async fn nobody_leaves_before_the_first_whose_caller_hands_it_out() {
    let (lanes, [one]) = (lanes(4), groups());
    let notes = Arc::new(Mutex::new(Vec::new()));
    let delivers = Wish {
        delivers: true,
        ..visit(None, &[&one])
    };
    let [mut first, mut second, third] = [(); 3].map(|()| lanes.try_enter(&delivers).unwrap());
    second.finish(Note(notes.clone(), 2), 1);
    assert!(second.first_out().is_none(), "it has left already");
    let turn = first.first_out().unwrap();
    assert!(notes.lock().is_empty(), "the second waits");
    let mut fourth = lanes.try_enter(&delivers).unwrap();
    assert!(fourth.first_out().is_none());
    fourth.finish(Note(notes.clone(), 4), 1);
    notes.lock().push(1);
    drop(turn);
    assert_eq!(*notes.lock(), [1, 2]);
    drop(first);
    assert_eq!((lanes.count(), lanes.in_flight().events), (1, 2));
    drop(third);
    assert_eq!(*notes.lock(), [1, 2, 4], "the third was cancelled");
    assert_empty(&lanes);
}

#[tokio::test]
async fn what_grew_on_its_way_counts_until_it_is_delivered() {
    let lanes = lanes(4);
    let notes = Arc::new(Mutex::new(Vec::new()));
    let delivers = Wish {
        delivers: true,
        ..visit(None, &[])
    };
    let mut first = lanes.try_enter(&delivers).unwrap();
    let mut second = lanes.try_enter(&delivers).unwrap();
    second.deliver(Note(notes.clone(), 2), 1000);
    drop(second);
    let used = lanes.in_flight();
    assert_eq!((used.events, used.bytes), (2, 1001));
    first.deliver(Note(notes.clone(), 1), 1);
    drop(first);
    assert_eq!(*notes.lock(), [1, 2]);
    assert_empty(&lanes);
}

/// Rule: a principal with one event under way needs no lane, so it does not
/// wait in one that others share; also where its tickets are taken out.
#[tokio::test]
async fn one_that_is_alone_waits_for_no_other_principal() {
    let lanes = Arc::new(Lanes::new(LaneConfig {
        max_lanes_per_capsule: 0,
        ..config(8)
    }));
    let [one] = groups();
    let taken = ["alice", "bob"].map(|who| {
        let wish = visit(Some(&principal(who)), &[&one]);
        let (mut tickets, _) = Tickets::enter_some(lanes.clone(), wish.visit(), &[]).unwrap();
        let ticket = tickets.take(0);
        (tickets, ticket)
    });
    for (who, (_, ticket)) in ["alice", "bob"].iter().zip(&taken) {
        let mut turn = Box::pin(ticket.turn());
        let mut context = Context::from_waker(Waker::noop());
        assert!(turn.as_mut().poll(&mut context).is_ready(), "{who}");
    }
    drop(taken);
    assert_empty(&lanes);
}

/// A host with room for 100 bytes, of which 60 are taken.
fn with_room_for_40() -> (Arc<Lanes<Note>>, Tickets) {
    let lanes = Arc::new(Lanes::new(LaneConfig {
        in_flight: RoomUse {
            events: 10,
            bytes: 100,
        },
        ..config(8)
    }));
    let held = lanes.try_enter(&of_bytes("alice", 60)).unwrap();
    (lanes, held)
}

fn of_bytes(who: &str, bytes: u64) -> Wish {
    let [one] = groups();
    Wish {
        bytes,
        ..visit(Some(&principal(who)), &[&one])
    }
}

/// Rule: of those who wait for the host's room the first is the next: who comes
/// later does not take it in small pieces.
#[test]
fn nobody_takes_the_hosts_room_before_those_who_wait_for_it() {
    let (lanes, held) = with_room_for_40();
    let (large, small) = (of_bytes("bob", 60), of_bytes("carol", 10));
    let mut waits = Entering::new(&lanes, &large);
    assert!(waits.poll().is_none());
    let free = Wish {
        scopes: [].into(),
        ..small.clone()
    };
    for wish in [&small, &free] {
        let refused = lanes.try_enter(wish);
        assert!(matches!(refused, Err(NoRoom::Host { .. })), "{refused:?}");
    }
    let some = Tickets::enter_some(lanes.clone(), small.visit(), &[]);
    assert!(matches!(some, Err(NoRoom::Host { .. })), "{some:?}");
    drop(held);
    assert!(waits.is_woken());
    drop(waits.poll().unwrap());
    drop(lanes.try_enter(&small).unwrap());
    drop(waits);
    assert_empty(&lanes);
}

/// Rule: one who gives up makes way for those behind, for whom there may be
/// room already; and when nobody waits, the room is open to all again.
#[test]
fn one_who_gives_up_for_the_hosts_room_makes_way() {
    let (lanes, held) = with_room_for_40();
    let (large, small) = (of_bytes("bob", 60), of_bytes("carol", 10));
    let mut gives_up = Entering::new(&lanes, &large);
    assert!(gives_up.poll().is_none());
    let mut next = Entering::new(&lanes, &small);
    assert!(next.poll().is_none());
    drop(gives_up);
    assert!(next.is_woken(), "there is room for it");
    let entered = next.poll().unwrap();
    let another = lanes.try_enter(&of_bytes("dave", 10)).unwrap();
    let mut gives_up = Entering::new(&lanes, &large);
    assert!(gives_up.poll().is_none());
    drop(gives_up);
    drop(lanes.try_enter(&of_bytes("erin", 10)).unwrap());
    drop((held, entered, another, next));
    assert_empty(&lanes);
}

/// Rule: an event is refused for what is under way, not for room that is put
/// by: one that just fits is let in at once, however it comes.
#[test]
fn room_that_is_put_by_refuses_nobody() {
    let in_flight = LaneConfig::default().in_flight;
    let lanes = Arc::new(Lanes::new(LaneConfig {
        in_flight_per_principal: in_flight,
        ..config(8)
    }));
    let small = ["a", "b", "c"].map(|who| lanes.try_enter(&of_bytes(who, 1)).unwrap());
    assert!(lanes.room.used().bytes > 3, "there is room put by");
    assert_eq!(lanes.in_flight().bytes, 3);
    let rest = of_bytes("large", in_flight.bytes - 3);
    let free = Wish {
        scopes: [].into(),
        ..rest.clone()
    };
    drop(lanes.try_enter(&rest).unwrap());
    for who in ["a", "b", "c"] {
        drop(lanes.try_enter(&of_bytes(who, 1)).unwrap());
    }
    drop(lanes.try_enter(&free).unwrap());
    for who in ["a", "b", "c"] {
        drop(lanes.try_enter(&of_bytes(who, 1)).unwrap());
    }
    let some = Tickets::enter_some(lanes.clone(), rest.visit(), &[]);
    assert!(some.is_ok(), "{:?}", some.err());
    drop((some, small));
    assert_empty(&lanes);
}

/// Rule: room of the host is not kept while waiting for something else.
#[test]
fn one_who_must_wait_for_a_lane_again_gives_the_hosts_room_back() {
    let lanes = Arc::new(Lanes::new(LaneConfig {
        in_flight: RoomUse {
            events: 2,
            bytes: 100,
        },
        ..config(1)
    }));
    let wish = of_bytes("alice", 1);
    let [bob, carol] = ["bob", "carol"].map(|who| lanes.try_enter(&of_bytes(who, 1)).unwrap());
    let mut waits = Entering::new(&lanes, &wish);
    assert!(waits.poll().is_none());
    drop((bob, carol));
    assert!(waits.is_woken(), "it is granted room");
    let nested = Wish {
        is_nested: true,
        ..wish.clone()
    };
    let nested = lanes.try_enter(&nested).unwrap();
    assert!(waits.poll().is_none(), "its lane is full");
    drop(lanes.try_enter(&of_bytes("dave", 1)).unwrap());
    drop(nested);
    assert!(waits.is_woken());
    drop(waits.poll().unwrap());
    drop(waits);
    assert_empty(&lanes);
}

/// Rule: one principal takes no more than its share, with what its hooks
/// trigger neither.
#[test]
fn what_is_triggered_counts_against_the_share() {
    let lanes = Arc::new(Lanes::new(LaneConfig {
        in_flight_per_principal: RoomUse {
            events: 1,
            bytes: 100,
        },
        ..config(8)
    }));
    let wish = of_bytes("alice", 1);
    let held = lanes.try_enter(&wish).unwrap();
    let some = Tickets::enter_some(lanes.clone(), wish.visit(), &[]);
    assert!(matches!(some, Err(NoRoom::Share { .. })), "{some:?}");
    drop((some, held));
    assert_empty(&lanes);
}
