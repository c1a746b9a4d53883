//! Every item is accounted for, whatever happens.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Push { who: usize, bytes: usize },
    PushReserved { who: usize, bytes: usize },
    Reserve { bytes: usize },
    GiveBack { which: usize },
    Recv,
    RecvBatch { max_items: usize },
    CloseReceiver,
    DropReceiver,
    DropSenders,
}

fn op() -> impl Strategy<Value = Op> {
    let size = || prop_oneof![8 => 0..60_usize, 1 => 90..110_usize];
    prop_oneof![
        60 => (0..4_usize, size()).prop_map(|(who, bytes)| Op::Push { who, bytes }),
        30 => (0..4_usize, size()).prop_map(|(who, bytes)| Op::PushReserved { who, bytes }),
        30 => size().prop_map(|bytes| Op::Reserve { bytes }),
        10 => (0..4_usize).prop_map(|which| Op::GiveBack { which }),
        60 => Just(Op::Recv),
        10 => (0..5_usize).prop_map(|max_items| Op::RecvBatch { max_items }),
        1 => Just(Op::CloseReceiver),
        1 => Just(Op::DropReceiver),
        1 => Just(Op::DropSenders),
    ]
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        Just(Overflow::DropOldest),
        Just(Overflow::DropNewest),
        Just(Overflow::Block),
        Just(Overflow::Close),
    ]
}

/// What the consumer sees.
#[derive(Debug, Default)]
struct Seen {
    items: u64,
    bytes: u64,
    lost: Tally,
    last: HashMap<usize, u64>,
}

impl Seen {
    fn see(&mut self, received: Received<(usize, u64, usize)>) -> Result<(), TestCaseError> {
        match received {
            Received::Lost { items, bytes } => {
                prop_assert!(items > 0);
                self.lost += tally(items, bytes);
            }
            Received::Item((who, number, bytes)) => {
                self.items += 1;
                self.bytes += bytes.max(1) as u64;
                let before = self.last.insert(who, number);
                prop_assert!(before < Some(number), "in order for each principal");
            }
        }
        Ok(())
    }
}

proptest! {
    /// Rule: each loss is counted, and seen in-band by the consumer.
    #[test]
    fn what_is_pushed_is_delivered_or_lost_or_queued(
        overflow in overflow(),
        ops in prop::collection::vec(op(), 1..150),
    ) {
        let names: Vec<_> = (0..4).map(principal).collect();
        let (sender, receiver) = small(overflow, 100, 5);
        let (mut sender, mut receiver) = (Some(sender), Some(receiver));
        let mut reserved = Vec::new();
        let mut seen = Seen::default();
        let mut pushed = Tally::default();
        for (number, op) in (0..).zip(ops) {
            match (op, &sender, &mut receiver) {
                (Op::Push { who, bytes }, Some(sender), _) => {
                    let result = sender.push(Some(&names[who]), bytes, (who, number, bytes));
                    if result != Pushed::Closed {
                        pushed += Tally::one(bytes.max(1));
                    }
                }
                (Op::PushReserved { who, bytes }, Some(sender), _) => {
                    if let Some((room, _)) = reserved.pop() {
                        let item = (who, number, bytes);
                        let result = sender.push_reserved(room, Some(&names[who]), bytes, item);
                        if result != Pushed::Closed {
                            pushed += Tally::one(bytes.max(1));
                        }
                        let fits = bytes <= 100 && sender.close_reason().is_none();
                        prop_assert_eq!(result == Pushed::Queued, fits);
                    }
                }
                (Op::Reserve { bytes }, Some(sender), _) => match sender.try_reserve(bytes) {
                    Ok(Some(room)) => reserved.push((room, bytes.max(1))),
                    Ok(None) => prop_assert!(
                        overflow != Overflow::Block || sender.close_reason().is_some()
                    ),
                    Err(NoRoom::TooLarge { .. }) => prop_assert!(bytes > 100),
                    Err(NoRoom::Full) => {
                        let Stats { queued, reserved, .. } = sender.stats();
                        let held = queued + reserved;
                        prop_assert!(held.items >= 5 || held.bytes + bytes.max(1) as u64 > 100);
                    }
                },
                (Op::GiveBack { which }, ..) if which < reserved.len() => {
                    drop(reserved.remove(which));
                }
                (Op::Recv, _, Some(receiver)) => {
                    if let Ok(received) = receiver.try_recv() {
                        seen.see(received)?;
                    }
                }
                (Op::RecvBatch { max_items }, _, Some(receiver)) => {
                    let mut out = Vec::new();
                    let count = Polled::new(receiver.recv_batch(max_items, &mut out)).poll();
                    prop_assert_eq!(count.unwrap_or(0), out.len());
                    prop_assert!(out.len() <= max_items.max(1));
                    out.into_iter().try_for_each(|received| seen.see(received))?;
                }
                (Op::CloseReceiver, _, Some(receiver)) => receiver.close(),
                (Op::DropReceiver, Some(_), _) => receiver = None,
                (Op::DropSenders, _, Some(_)) => sender = None,
                _ => {}
            }
            let stats = match (&sender, &receiver) {
                (Some(sender), _) => sender.stats(),
                (None, Some(receiver)) => receiver.stats(),
                (None, None) => unreachable!("one of them stays"),
            };
            prop_assert_eq!(stats.pushed, pushed);
            prop_assert_eq!(stats.delivered, tally(seen.items, seen.bytes));
            let held = reserved.iter().map(|(_, bytes)| *bytes).sum();
            prop_assert_eq!(stats.reserved, Tally::of(reserved.len(), held));
            if overflow != Overflow::Block {
                prop_assert!(stats.queued.items <= 5 && stats.queued.bytes <= 100);
            }
            let closed = receiver.as_ref().is_none_or(|r| r.close_reason() == Some(CloseReason::Closed));
            if !closed {
                prop_assert!(seen.lost.items <= stats.lost.total().items);
            }
        }
        if let Some(receiver) = &mut receiver {
            drain(receiver).into_iter().try_for_each(|received| seen.see(received))?;
            let stats = receiver.stats();
            prop_assert_eq!(stats.pushed, pushed);
            prop_assert_eq!(stats.queued, Tally::default());
            prop_assert_eq!(stats.principals, 0);
            if receiver.close_reason() != Some(CloseReason::Closed) && stats.lost.discarded.is_zero() {
                prop_assert_eq!(seen.lost, stats.lost.total());
            }
        }
    }
}
