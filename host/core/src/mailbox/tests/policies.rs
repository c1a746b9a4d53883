//! What is received, what is lost, and how a stream ends.

use super::*;
use crate::mailbox::fair::tests::jain;

/// Rule: `drop-oldest`: the oldest head among all principals goes first, so
/// stream ends survive; each loss is seen in-band by the consumer.
#[test]
fn drop_oldest_keeps_the_ends_and_says_what_is_lost_before_them() {
    let (sender, mut receiver) = small(Overflow::DropOldest, 1000, 3);
    let names = [principal(0), principal(1)];
    for number in 0..9 {
        let pushed = sender.push(Some(&names[number % 2]), 10, number);
        let want = match number {
            0..3 => Pushed::Queued,
            _ => Pushed::DroppedOldest { lost: tally(1, 10) },
        };
        assert_eq!(pushed, want, "number {number}");
    }
    let big = sender.push(Some(&names[0]), 985, 9);
    assert_eq!(big, Pushed::DroppedOldest { lost: tally(2, 20) });

    let received = drain(&mut receiver);
    assert_eq!(
        received,
        [lost(8, 80), Received::Item(8), Received::Item(9)]
    );
    assert_eq!(sender.stats().lost.dropped_oldest, tally(8, 80));
}

/// Rule: `drop-newest`.
#[test]
fn drop_newest_keeps_what_is_queued() {
    let (sender, mut receiver) = small(Overflow::DropNewest, 100, 10);
    assert_eq!(sender.push(None, 60, 0), Pushed::Queued);
    assert_eq!(sender.push(None, 41, 1), Pushed::DroppedNewest);
    assert_eq!(sender.push(None, 40, 2), Pushed::Queued);
    assert_eq!(sender.push(None, 0, 3), Pushed::DroppedNewest);

    let received = drain(&mut receiver);
    assert_eq!(
        received,
        [lost(2, 42), Received::Item(0), Received::Item(2)]
    );
    assert_eq!(sender.stats().lost.dropped_newest, tally(2, 42));
}

/// Rule: `close`: the stream ends, so that a consumer that must not miss
/// anything reconnects.
#[test]
fn close_ends_the_stream_after_what_is_queued() {
    let (sender, mut receiver) = small(Overflow::Close, 100, 2);
    assert_eq!(sender.push(None, 1, 0), Pushed::Queued);
    assert_eq!(sender.push(None, 1, 1), Pushed::Queued);
    assert_eq!(sender.push(None, 5, 2), Pushed::Lagged);
    assert_eq!(sender.push(None, 1, 3), Pushed::Closed);

    let received = drain(&mut receiver);
    assert_eq!(received, [lost(1, 5), Received::Item(0), Received::Item(1)]);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(Polled::new(receiver.recv()).poll(), Some(None));
    assert_eq!(receiver.close_reason(), Some(CloseReason::Lagged));
    drop(receiver);
    assert_eq!(sender.close_reason(), Some(CloseReason::Lagged));
    assert_eq!(sender.stats().pushed, tally(3, 7));
    assert_eq!(sender.stats().lost.lagged, tally(1, 5));
}

#[test]
fn block_lets_unreserved_items_in_over_its_budget() {
    let (sender, mut receiver) = small(Overflow::Block, 10, 2);
    assert!(sender.push(None, 10, 0).is_queued());
    assert!(!sender.is_over_budget());
    assert!(sender.push(None, 10, 1).is_queued());
    assert!(sender.is_over_budget());
    assert_eq!(sender.try_reserve(1).unwrap_err(), NoRoom::Full);

    let received = drain(&mut receiver);
    assert_eq!(received, [Received::Item(0), Received::Item(1)]);
    assert!(!sender.is_over_budget());
}

/// Rule: each loss is counted and seen in-band, also that of an item which
/// waited for room in vain.
#[test]
fn an_item_that_is_given_up_is_a_loss() {
    let (sender, mut receiver) = small::<()>(Overflow::Block, 10, 2);
    let mut waiting = Polled::pending(receiver.recv());
    assert_eq!(sender.give_up(0).total(), tally(1, 1));
    assert_eq!(waiting.wakes(), 1, "a loss is something to receive");
    assert_eq!(waiting.poll(), Some(Some(lost(1, 1))));
    drop(waiting);
    let stats = sender.stats();
    assert_eq!(
        (stats.lost.given_up, stats.pushed),
        (tally(1, 1), tally(1, 1))
    );
    receiver.close();
    assert_eq!(
        sender.give_up(1).total(),
        tally(0, 0),
        "nobody is there to lose it"
    );
}

/// Rule: an event larger than the budget is an error to the publisher.
#[test]
fn an_item_larger_than_the_mailbox_is_lost_under_every_policy() {
    for overflow in [
        Overflow::DropOldest,
        Overflow::DropNewest,
        Overflow::Block,
        Overflow::Close,
    ] {
        let (sender, mut receiver) = small(overflow, 10, 2);
        assert_eq!(sender.push(None, 1, 0), Pushed::Queued);
        assert_eq!(receiver.try_recv(), Ok(Received::Item(0)));
        let mut waiting = Polled::pending(receiver.recv());
        assert_eq!(sender.push(None, 11, 1), Pushed::TooLarge, "{overflow}");
        assert_eq!(waiting.wakes(), 1, "a loss is something to receive");
        assert_eq!(waiting.poll(), Some(Some(lost(1, 11))));
        drop(waiting);
        assert_eq!(sender.stats().lost.too_large, tally(1, 11));
        assert_eq!(receiver.close_reason(), None);
    }
}

#[test]
fn the_stream_ends_after_the_last_sender() {
    let (sender, mut receiver) = small(Overflow::DropOldest, 10, 2);
    let clone = sender.clone();
    assert!(sender.push(None, 1, 0).is_queued());
    drop(sender);
    assert_eq!(receiver.try_recv(), Ok(Received::Item(0)));
    let mut waiting = Polled::pending(receiver.recv());
    assert!(clone.push(None, 1, 1).is_queued());
    drop(clone);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.poll(), Some(Some(Received::Item(1))));
    drop(waiting);
    assert_eq!(Polled::new(receiver.recv()).poll(), Some(None));
    assert_eq!(receiver.close_reason(), Some(CloseReason::Ended));
}

#[test]
fn a_receiver_that_closes_throws_away_what_is_queued() {
    let item = Arc::new(());
    let (sender, mut receiver) = small(Overflow::DropOldest, 100, 2);
    for _ in 0..3 {
        assert!(sender.push(None, 7, item.clone()).is_queued());
    }
    receiver.close();
    assert_eq!(Arc::strong_count(&item), 1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(sender.push(None, 7, item.clone()), Pushed::Closed);
    assert_eq!(Arc::strong_count(&item), 1);
    assert_eq!(sender.close_reason(), Some(CloseReason::Closed));
    let stats = sender.stats();
    assert_eq!(stats.lost.discarded, tally(2, 14));
    assert_eq!(stats.pushed, tally(3, 21));
}

#[test]
fn a_batch_is_what_there_is_up_to_a_limit() {
    let (sender, mut receiver) = small(Overflow::DropOldest, 100, 4);
    let mut out = Vec::new();
    let mut waiting = Polled::pending(receiver.recv_batch(3, &mut out));
    for number in 0..6 {
        assert!(sender.push(None, 1, number).is_queued());
    }
    assert_eq!(waiting.wakes(), 1, "one wake for all");
    assert_eq!(waiting.poll(), Some(3));
    drop(waiting);
    let mut rest = Polled::new(receiver.recv_batch(100, &mut out));
    assert_eq!(rest.poll(), Some(2));
    drop(rest);
    drop(sender);
    let mut end = Polled::new(receiver.recv_batch(0, &mut out));
    assert_eq!(end.poll(), Some(0));
    drop(end);
    let items = (2..6).map(Received::Item);
    assert!(out.into_iter().eq(std::iter::once(lost(2, 2)).chain(items)));
}

#[test]
fn a_receive_that_is_dropped_loses_nothing() {
    let (sender, mut receiver) = small(Overflow::DropOldest, 100, 4);
    let waiting = Polled::pending(receiver.recv());
    assert!(sender.push(None, 1, 0).is_queued());
    assert_eq!(waiting.wakes(), 1);
    drop(waiting);
    assert_eq!(receiver.try_recv(), Ok(Received::Item(0)));
}

/// An item whose drop uses the mailbox it was in.
struct Reentrant(Sender<Reentrant>);

impl Drop for Reentrant {
    fn drop(&mut self) {
        self.0.stats();
    }
}

#[test]
fn items_are_dropped_outside_of_the_lock() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Close] {
        let (sender, mut receiver) = small(overflow, 100, 1);
        for bytes in [1, 1, 101] {
            let _ = sender.push(None, bytes, Reentrant(sender.clone()));
        }
        receiver.close();
        let pushed = if overflow == Overflow::Close { 2 } else { 3 };
        assert_eq!(receiver.stats().pushed.items, pushed, "{overflow}");
    }
}

/// Rule: fair among principals, also when most of what is pushed is lost.
#[test]
fn a_flood_into_a_full_mailbox_does_not_starve_the_others() {
    let (sender, mut receiver) = mailbox(MailboxConfig::default());
    let names: Vec<_> = (0..100).map(principal).collect();
    let mut served = [0.0; 100];
    for round in 0..2000_usize {
        for (who, name) in names.iter().enumerate() {
            for copy in 0..if who == 0 { 50 } else { 1 } {
                let bytes = 100 + (round * 31 + who * 17 + copy * 7) % 400;
                let _ = sender.push(Some(name), bytes, (who, bytes));
            }
        }
        for _ in 0..50 {
            if let Ok(Received::Item((who, bytes))) = receiver.try_recv() {
                served[who] += bytes as f64;
            }
        }
    }
    assert!(jain(&served) >= 0.99, "{} {served:?}", jain(&served));
    assert_eq!(sender.stats().pushed.items, 2000 * (50 + 99));
}

/// One at fifty times the rate of the others, who fill three quarters of what
/// the receiver takes: one item in each unit of time.
#[test]
fn a_flood_into_a_saturated_mailbox_does_not_make_the_others_wait() {
    let names: Vec<_> = (0..100).map(principal).collect();
    let p99 = |has_noise: bool| {
        let (sender, mut receiver) = mailbox(MailboxConfig::default());
        let mut waits = Vec::new();
        let mut seed = 1_u64;
        for now in 0..15_000_u64 {
            for (who, name) in names.iter().enumerate() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let often = if who == 0 { 50 } else { 1 };
                if (seed >> 33) % 132 < often && (who > 0 || has_noise) {
                    assert_eq!(sender.push(Some(name), 340, (who, now)), Pushed::Queued);
                }
            }
            if let Ok(Received::Item((1.., since))) = receiver.try_recv() {
                waits.push(now - since);
            }
        }
        waits.sort_unstable();
        waits[waits.len() * 99 / 100]
    };
    let (without, with) = (p99(false), p99(true));
    assert!(with <= 2 * without, "{without} without it, {with} with it");
}

#[test]
fn what_waits_for_nobody_fills_a_mailbox_that_blocks_twice_and_no_more() {
    let (sender, mut receiver) = small(Overflow::Block, 100, 100);
    for number in 0..25 {
        let want = if number < 20 {
            Pushed::Queued
        } else {
            Pushed::DroppedNewest
        };
        assert_eq!(sender.push(None, 10, number), want, "number {number}");
    }
    let received = drain(&mut receiver);
    assert_eq!(received.len(), 21);
    assert_eq!(received[0], lost(5, 50));
}
