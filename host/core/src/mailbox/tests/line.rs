//! Who waits for room, in what order, and what is left when they go.

use proptest::prelude::*;

use super::*;

fn full() -> (Sender<u32>, Receiver<u32>) {
    let (sender, receiver) = small(Overflow::Block, 100, 10);
    assert!(sender.push(None, 100, 0).is_queued());
    (sender, receiver)
}

/// Rule: `block`: the publisher waits; others do not.
#[test]
fn waiters_go_in_order_each_woken_when_there_is_room_for_it() {
    let (sender, mut receiver) = small(Overflow::Block, 100, 10);
    for number in 0..10 {
        assert!(sender.push(None, 10, number).is_queued());
    }
    let mut first = Polled::pending(sender.reserve(20));
    let mut second = Polled::pending(sender.reserve(1));
    assert_eq!(sender.stats().waiting, 2);

    receiver.try_recv().unwrap();
    assert_eq!((first.wakes(), second.wakes()), (0, 0), "10 are not 20");
    assert!(second.poll().is_none(), "it is not the second's turn");
    receiver.try_recv().unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    receiver.try_recv().unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));

    let room = first.poll().unwrap().unwrap().unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    let other = second.poll().unwrap().unwrap().unwrap();
    assert_eq!(sender.stats().reserved, tally(2, 21));
    assert_eq!(sender.push_reserved(room, None, 20, 10), Pushed::Queued);
    assert_eq!(sender.push_reserved(other, None, 1, 11), Pushed::Queued);
    assert!(!sender.is_over_budget());
    assert_eq!(sender.stats().waiting, 0);
}

#[test]
fn nobody_jumps_the_line() {
    let (sender, mut receiver) = full();
    let mut waiting = Polled::pending(sender.reserve(100));
    receiver.try_recv().unwrap();
    assert_eq!(sender.try_reserve(1).unwrap_err(), NoRoom::Full);
    let mut later = Polled::pending(sender.room(1));
    assert!(waiting.poll().is_some_and(|room| room.is_ok()));
    assert!(later.poll().is_some(), "the room was given back at once");
}

#[test]
fn a_turn_comes_before_those_behind_it() {
    let (sender, mut receiver) = full();
    let mut first = Polled::pending(sender.room(50));
    let mut second = Polled::pending(sender.reserve(50));
    receiver.try_recv().unwrap();
    let turn = first.poll().unwrap().unwrap();
    assert_eq!(sender.stats().reserved, Tally::default(), "nothing is held");
    assert!(second.poll().is_none());
    assert_eq!(sender.try_reserve(1).unwrap_err(), NoRoom::Full);
    let room = sender.try_reserve_in_turn(100, &turn).unwrap();
    drop(turn);
    assert_eq!(second.wakes(), 0, "there is no room for it");
    drop(room);
    assert_eq!(second.wakes(), 1);
}

/// At each point where a publisher can give up: the room is as before and the
/// next in line is called.
#[test]
fn one_who_gives_up_leaves_nothing_and_the_next_is_called() {
    for point in 0..6 {
        let (sender, mut receiver) = full();
        let mut reserve = Polled::new(sender.reserve(100));
        let mut room = Polled::new(sender.room(100));
        let next;
        match point {
            0 => {
                drop(reserve);
                next = Polled::pending(sender.reserve(100));
                receiver.try_recv().unwrap();
            }
            1 => {
                assert!(reserve.poll().is_none());
                next = Polled::pending(sender.reserve(100));
                drop(reserve);
                assert_eq!(next.wakes(), 0);
                receiver.try_recv().unwrap();
            }
            2 => {
                assert!(reserve.poll().is_none());
                next = Polled::pending(sender.reserve(100));
                receiver.try_recv().unwrap();
                assert_eq!((reserve.wakes(), next.wakes()), (1, 0));
                drop(reserve);
            }
            3 => {
                assert!(reserve.poll().is_none());
                next = Polled::pending(sender.reserve(100));
                receiver.try_recv().unwrap();
                let held = reserve.poll().unwrap().unwrap();
                assert_eq!(next.wakes(), 0);
                drop(held);
            }
            4 => {
                assert!(room.poll().is_none());
                next = Polled::pending(sender.reserve(100));
                receiver.try_recv().unwrap();
                assert_eq!((room.wakes(), next.wakes()), (1, 0));
                drop(room);
            }
            _ => {
                assert!(room.poll().is_none());
                next = Polled::pending(sender.reserve(100));
                receiver.try_recv().unwrap();
                let turn = room.poll().unwrap().unwrap();
                assert_eq!(next.wakes(), 0);
                drop(turn);
            }
        }
        let mut next = next;
        assert_eq!(next.wakes(), 1, "point {point}");
        drop(next.poll().unwrap().unwrap().unwrap());
        let stats = sender.stats();
        assert_eq!((stats.waiting, stats.reserved), (0, Tally::default()));
        assert!(sender.try_reserve(100).is_ok());
    }
}

#[test]
fn a_reservation_is_swapped_for_what_the_item_counts() {
    let (sender, mut receiver) = small(Overflow::Block, 100, 10);
    let room = sender.try_reserve(60).unwrap().unwrap();
    let other = sender.try_reserve(40).unwrap().unwrap();
    let waiting = Polled::pending(sender.reserve(50));
    assert_eq!(sender.push_reserved(room, None, 10, 0), Pushed::Queued);
    assert_eq!(waiting.wakes(), 1, "the rest is free again");
    assert_eq!(sender.push_reserved(other, None, 95, 1), Pushed::Queued);
    assert!(sender.is_over_budget(), "by what was not reserved");
    drain(&mut receiver);

    let room = sender.try_reserve(1);
    assert_eq!(room.unwrap_err(), NoRoom::Full, "one waits already");
    drop(waiting);
    let room = sender.try_reserve(1).unwrap().unwrap();
    assert_eq!(sender.push_reserved(room, None, 101, 2), Pushed::TooLarge);
    assert_eq!(sender.stats().reserved, Tally::default());
}

#[test]
fn a_reservation_of_another_mailbox_counts_as_none() {
    let (sender, _receiver) = full();
    let (other, _other_receiver) = small(Overflow::Block, 100, 10);
    let room = other.try_reserve(100).unwrap().unwrap();
    assert_eq!(sender.push_reserved(room, None, 1, 1), Pushed::Queued);
    assert!(sender.is_over_budget());
    assert_eq!(other.stats().reserved, Tally::default());
}

#[test]
fn a_publisher_never_waits_for_a_consumer_that_is_gone() {
    let (sender, receiver) = full();
    let mut first = Polled::pending(sender.reserve(1));
    let mut second = Polled::pending(sender.room(1));
    let (held, _other_receiver) = small::<u32>(Overflow::Block, 1, 1);
    let _elsewhere = held.try_reserve(1);
    drop(receiver);
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert!(second.poll().unwrap().is_ok());
    assert!(first.poll().unwrap().unwrap().is_none());
    assert!(sender.try_reserve(1).unwrap().is_none());
    assert!(
        Polled::new(sender.reserve(1))
            .poll()
            .unwrap()
            .unwrap()
            .is_none()
    );
    assert_eq!(sender.push(None, 1, 1), Pushed::Closed);
    assert_eq!(sender.stats().waiting, 0);
}

#[test]
fn room_that_there_never_will_be_is_refused_at_once() {
    let (sender, _receiver) = full();
    let never = NoRoom::TooLarge {
        bytes: 101,
        max_bytes: 100,
    };
    assert_eq!(sender.try_reserve(101).unwrap_err(), never);
    let waited = Polled::new(sender.reserve(101)).poll().unwrap();
    assert_eq!(waited.unwrap_err(), never);
    let waited = Polled::new(sender.room(101)).poll().unwrap();
    assert_eq!(waited.unwrap_err(), never);
    assert_eq!(
        never.to_string(),
        "101 bytes never fit a mailbox of 100 bytes"
    );
}

#[test]
fn only_block_needs_room() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Close] {
        let (sender, _receiver) = small(overflow, 1, 1);
        assert!(sender.push(None, 1, 0).is_queued());
        assert!(sender.try_reserve(1000).unwrap().is_none());
        let reserved = Polled::new(sender.reserve(1000)).poll().unwrap();
        assert!(reserved.unwrap().is_none());
        assert!(Polled::new(sender.room(1000)).poll().is_some());
    }
}

#[derive(Clone, Debug)]
enum Op {
    Reserve { bytes: usize },
    Room { bytes: usize },
    Poll { which: usize },
    GiveUp { which: usize },
    Release { which: usize },
    PassOn { which: usize },
    Push { bytes: usize },
    Recv,
}

fn op() -> impl Strategy<Value = Op> {
    let size = || 1..=100_usize;
    prop_oneof![
        4 => size().prop_map(|bytes| Op::Reserve { bytes }),
        3 => size().prop_map(|bytes| Op::Room { bytes }),
        6 => (0..6_usize).prop_map(|which| Op::Poll { which }),
        2 => (0..6_usize).prop_map(|which| Op::GiveUp { which }),
        3 => (0..4_usize).prop_map(|which| Op::Release { which }),
        3 => (0..2_usize).prop_map(|which| Op::PassOn { which }),
        3 => size().prop_map(|bytes| Op::Push { bytes }),
        3 => Just(Op::Recv),
    ]
}

enum Got<'a> {
    Room(Option<Reservation<u32>>),
    Turn(Turn<'a, u32>),
}

proptest! {
    /// Whatever they do, no call is lost: the first in line is called as soon
    /// as there is room for it.
    #[test]
    fn the_first_in_line_never_waits_beside_room(ops in prop::collection::vec(op(), 1..120)) {
        let (sender, mut receiver) = small::<u32>(Overflow::Block, 100, 4);
        // Those that were polled at least once, in order, with their size.
        let mut line: Vec<(usize, Polled<'_, Got<'_>>)> = Vec::new();
        let (mut rooms, mut turns) = (Vec::new(), Vec::new());
        for op in ops {
            let joins = match op {
                Op::Reserve { bytes } => {
                    let sender = &sender;
                    Some((bytes, Polled::new(async move {
                        Got::Room(sender.reserve(bytes).await.unwrap())
                    })))
                }
                Op::Room { bytes } => {
                    let sender = &sender;
                    Some((bytes, Polled::new(async move {
                        Got::Turn(sender.room(bytes).await.unwrap())
                    })))
                }
                Op::Poll { which } if which < line.len() => Some(line.remove(which)),
                Op::GiveUp { which } if which < line.len() => {
                    drop(line.remove(which));
                    None
                }
                Op::Release { which } if which < rooms.len() => {
                    drop(rooms.remove(which));
                    None
                }
                Op::PassOn { which } if which < turns.len() => {
                    drop(turns.remove(which));
                    None
                }
                Op::Push { bytes } => {
                    let pushed = sender.push(None, bytes, 0);
                    // Beyond twice the budget it is lost.
                    prop_assert!(matches!(pushed, Pushed::Queued | Pushed::DroppedNewest));
                    None
                }
                Op::Recv => {
                    let _ = receiver.try_recv();
                    None
                }
                _ => None,
            };
            if let (Some((bytes, mut polled)), place) = (joins, match op {
                Op::Poll { which } => which,
                _ => line.len(),
            }) {
                match polled.poll() {
                    Some(got) => {
                        prop_assert_eq!(place, 0, "in order");
                        prop_assert!(turns.is_empty(), "a turn is waited for");
                        match got {
                            Got::Room(room) => rooms.push(room.unwrap()),
                            Got::Turn(turn) => turns.push(turn),
                        }
                    }
                    None => {
                        polled.wakes = Arc::new(Wakes::default());
                        // Leaves the waker of the new count behind.
                        match polled.poll() {
                            Some(_) => prop_assert!(false, "it was not ready just now"),
                            None => line.insert(place, (bytes, polled)),
                        }
                    }
                }
            }
            let stats = sender.stats();
            prop_assert_eq!(stats.waiting, line.len() + turns.len());
            let held = stats.queued + stats.reserved;
            if let Some((bytes, first)) = line.first() && turns.is_empty() {
                let has_room = held.items < 4 && held.bytes + *bytes as u64 <= 100;
                prop_assert!(!has_room || first.wakes() == 1, "the first is not called");
                prop_assert!(first.wakes() <= 1);
            }
            prop_assert!(line.iter().skip(1).all(|(_, polled)| polled.wakes() == 0 ));
        }
        drop((line, turns, rooms));
        let stats = sender.stats();
        prop_assert_eq!((stats.waiting, stats.reserved), (0, Tally::default()));
    }
}
