//! Threads that meet at a mailbox, under random schedules.

use std::collections::HashMap;

use shuttle::{
    future::{block_on, yield_now},
    thread,
};

use super::*;
use crate::sync::schedules;

const PUBLISHERS: usize = 3;
const ITEMS: u64 = 3;

/// Publishes items of 60 bytes, some of which it gives up if there is no room
/// at once.
async fn publish(sender: Sender<(usize, u64)>, publisher: usize) {
    let name = principal(publisher);
    for number in 0..ITEMS {
        let mut reserving = Box::pin(sender.reserve(60));
        if (publisher as u64 + number).is_multiple_of(3) {
            let mut cx = Context::from_waker(Waker::noop());
            if reserving.as_mut().poll(&mut cx).is_pending() {
                yield_now().await;
                drop(reserving);
                assert!(!sender.give_up(60).total().is_zero());
                continue;
            }
            drop(reserving);
            reserving = Box::pin(sender.reserve(60));
        }
        let item = (publisher, number);
        let pushed = match reserving.await.unwrap() {
            Some(room) => sender.push_reserved(room, Some(&name), 60, item),
            None => sender.push(Some(&name), 60, item),
        };
        assert_ne!(pushed, Pushed::TooLarge);
    }
}

/// Receives to the end, and checks the order of each publisher's items.
async fn consume(mut receiver: Receiver<(usize, u64)>) {
    let mut last = HashMap::new();
    let (mut items, mut lost) = (0, 0);
    while let Some(received) = receiver.recv().await {
        match received {
            Received::Item((publisher, number)) => {
                items += 1;
                let before = last.insert(publisher, number);
                assert!(before < Some(number), "publisher {publisher}");
            }
            Received::Lost { items, .. } => lost += items,
        }
        yield_now().await;
    }
    let stats = receiver.stats();
    assert!(stats.queued.is_zero(), "{stats:?}");
    assert_eq!(stats.delivered.items, items);
    assert_eq!(stats.lost.total().items, lost, "seen in-band");
    assert_eq!((stats.reserved, stats.waiting), (Tally::default(), 0));
    if receiver.close_reason() == Some(CloseReason::Ended) {
        assert_eq!(items + lost, PUBLISHERS as u64 * ITEMS);
    }
}

/// Rule: of everything that is pushed it is known what became of it; each
/// principal's items come in order; and all who wait for room get it.
fn explore(overflow: Overflow) {
    shuttle::check_pct(
        move || {
            let (sender, receiver) = small(overflow, 120, 2);
            let publishers: Vec<_> = (0..PUBLISHERS)
                .map(|publisher| {
                    let sender = sender.clone();
                    thread::spawn(move || block_on(publish(sender, publisher)))
                })
                .collect();
            drop(sender);
            let consumer = thread::spawn(move || block_on(consume(receiver)));
            for thread in publishers {
                thread.join().unwrap();
            }
            consumer.join().unwrap();
        },
        schedules(),
        4,
    );
}

#[test]
fn no_schedule_forgets_one_who_waits_for_room() {
    explore(Overflow::Block);
}

#[test]
fn no_schedule_loses_an_item_unseen() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Close] {
        explore(overflow);
    }
}

/// Rule: whoever waits for room is freed when the mailbox is closed.
#[test]
fn no_schedule_keeps_a_publisher_at_a_closed_mailbox() {
    shuttle::check_pct(
        || {
            let (sender, receiver) = small(Overflow::Block, 60, 1);
            let publishers: Vec<_> = (0..PUBLISHERS)
                .map(|_| {
                    let sender = sender.clone();
                    thread::spawn(move || {
                        block_on(async {
                            let room = sender.reserve(60).await.unwrap();
                            room.map(|room| sender.push_reserved(room, None, 60, ()))
                        });
                    })
                })
                .collect();
            thread::spawn(move || drop(receiver));
            for thread in publishers {
                thread.join().unwrap();
            }
            let stats = sender.stats();
            assert!(stats.queued.is_zero(), "{stats:?}");
            assert_eq!((stats.reserved, stats.waiting), (Tally::default(), 0));
        },
        schedules(),
        4,
    );
}
