//! The same under real threads.

use std::{collections::HashMap, slice, thread};

use tokio::task::JoinSet;

use super::*;

/// Room in all of the mailboxes or in none, as the module's docs have it.
async fn reserve_all(mailboxes: &[Sender<u64>], bytes: usize) -> Vec<Option<Reservation<u64>>> {
    let mut turn = None;
    loop {
        let mut reserved = Vec::new();
        let full = mailboxes.iter().find(|mailbox| {
            let attempt = match &turn {
                None => mailbox.try_reserve(bytes),
                Some(turn) => mailbox.try_reserve_in_turn(bytes, turn),
            };
            attempt.map(|room| reserved.push(room)).is_err()
        });
        let Some(full) = full else { return reserved };
        drop(reserved);
        drop(turn.take());
        turn = Some(full.room(bytes).await.unwrap());
    }
}

/// Receives to the end, and checks the order of each publisher's items.
async fn check(mut receiver: Receiver<u64>) -> (u64, Stats) {
    let mut last: HashMap<u64, u64> = HashMap::new();
    let (mut count, mut batch) = (0, Vec::new());
    while receiver.recv_batch(7, &mut batch).await > 0 {
        for received in batch.drain(..) {
            let Received::Item(item) = received else {
                continue;
            };
            count += 1;
            let (publisher, number) = (item >> 32, item & 0xffff_ffff);
            let before = last.insert(publisher, number);
            assert!(before < Some(number), "publisher {publisher}");
        }
    }
    (count, receiver.stats())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_that_need_room_in_several_mailboxes_all_get_through() {
    const PUBLISHERS: u64 = 8;
    const ITEMS: u64 = 300;
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..3).map(|_| small(Overflow::Block, 100, 3)).unzip();
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let senders = senders.clone();
        publishers.spawn(async move {
            let name = principal(usize::try_from(publisher).unwrap());
            for number in 0..ITEMS {
                // Some need two of the mailboxes, others all three.
                let from = usize::from(publisher % 2 == 0);
                let senders = senders.get(from..).unwrap_or_default();
                let rooms = reserve_all(senders, 30 + usize::try_from(publisher).unwrap()).await;
                for (sender, room) in senders.iter().zip(rooms) {
                    let item = publisher << 32 | number;
                    let pushed = sender.push_reserved(room.unwrap(), Some(&name), 30, item);
                    assert_eq!(pushed, Pushed::Queued);
                }
            }
        });
    }
    drop(senders);
    let mut consumers = JoinSet::new();
    for receiver in receivers {
        consumers.spawn(check(receiver));
    }
    publishers.join_all().await;
    let mut counts = Vec::new();
    for (count, stats) in consumers.join_all().await {
        assert!(stats.lost.total().is_zero(), "{stats:?}");
        assert_eq!(stats.pushed.items, count);
        assert_eq!(stats.reserved, Tally::default());
        counts.push(count);
    }
    counts.sort_unstable();
    let all = PUBLISHERS * ITEMS;
    assert_eq!(counts, [all / 2, all, all]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn waits_that_are_given_up_cost_nobody_else_a_call() {
    let (sender, receiver) = small(Overflow::Block, 100, 2);
    let mut publishers = JoinSet::new();
    for publisher in 0..8_u64 {
        let sender = sender.clone();
        publishers.spawn(async move {
            for number in 0..500 {
                // Every other attempt is dropped wherever it happens to be.
                let given_up = async {
                    tokio::select! {
                        biased;
                        room = sender.reserve(60) => drop(room),
                        () = tokio::task::yield_now() => {}
                    }
                };
                given_up.await;
                let room = sender.reserve(60).await.unwrap().unwrap();
                let pushed = sender.push_reserved(room, None, 60, publisher << 32 | number);
                assert_eq!(pushed, Pushed::Queued);
            }
        });
    }
    drop(sender);
    let mut consumer = JoinSet::new();
    consumer.spawn(check(receiver));
    publishers.join_all().await;
    let (count, stats) = consumer.join_all().await.remove(0);
    assert_eq!(count, 8 * 500);
    assert_eq!((stats.waiting, stats.reserved), (0, Tally::default()));
}

#[test]
fn threads_that_push_at_once_lose_nothing_unseen() {
    const THREADS: u64 = 4;
    const ITEMS: u64 = 20_000;
    let (sender, receiver) = small(Overflow::DropOldest, 10_000, 64);
    let stats = thread::scope(|scope| {
        for publisher in 0..THREADS {
            let sender = sender.clone();
            scope.spawn(move || {
                let name = principal(usize::try_from(publisher).unwrap());
                for number in 0..ITEMS {
                    assert!(
                        sender
                            .push(Some(&name), 100, publisher << 32 | number)
                            .is_queued()
                    );
                }
            });
        }
        drop(sender);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let (count, stats) = runtime.unwrap().block_on(check(receiver));
        assert_eq!(stats.delivered.items, count);
        stats
    });
    assert_eq!(stats.pushed.items, THREADS * ITEMS);
    assert!(stats.queued.is_zero(), "{stats:?}");
}

#[test]
fn a_single_mailbox_is_the_same_as_reserve() {
    let (sender, _receiver) = small(Overflow::Block, 100, 1);
    let mut reserving = Polled::new(reserve_all(slice::from_ref(&sender), 100));
    assert!(reserving.poll().is_some_and(|rooms| rooms.len() == 1));
}
