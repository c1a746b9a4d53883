//! The fair queue against a model, and against what fairness promises.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// Deficit round-robin in its own words: rounds are walked through one by
/// one, and everything is found by a scan.
#[derive(Debug, Default)]
struct Naive {
    flows: Vec<NaiveFlow>,
    seq: u64,
    turns: u64,
}

#[derive(Debug)]
struct NaiveFlow {
    principal: Option<Principal>,
    credit: usize,
    items: Vec<(u64, usize)>,
    /// In how many rounds it is its turn, and its place among those of that
    /// round.
    turn: (usize, u64),
    /// Rounds in vain since it was last served or lost its head.
    in_vain: u64,
}

#[derive(Clone, Debug)]
enum Op {
    Push { principal: usize, bytes: usize },
    Pop,
    DropOldest,
}

type Out = Option<(Option<Principal>, usize, u64)>;

impl Naive {
    fn push(&mut self, principal: Option<&Principal>, bytes: usize) -> u64 {
        let seq = self.seq;
        self.seq += 1;
        let known = self
            .flows
            .iter()
            .position(|f| f.principal.as_ref() == principal);
        let at = known.unwrap_or(self.flows.len());
        if known.is_none() {
            self.flows.push(NaiveFlow {
                principal: principal.cloned(),
                credit: 0,
                items: Vec::new(),
                turn: (0, 0),
                in_vain: 0,
            });
        }
        self.flows[at].items.push((seq, bytes.max(1)));
        if known.is_none() {
            self.find_turn(at);
        }
        seq
    }

    /// The next item, and the rounds it waited for in vain.
    fn pop(&mut self) -> (Out, u64) {
        if self.flows.is_empty() {
            return (None, 0);
        }
        loop {
            let eligible = |f: &NaiveFlow| f.items[0].1 <= f.credit;
            let served = (0..self.flows.len())
                .filter(|at| eligible(&self.flows[*at]))
                .min_by_key(|at| self.flows[*at].turn);
            if let Some(at) = served {
                self.flows[at].credit -= self.flows[at].items[0].1;
                return self.take(at);
            }
            for flow in &mut self.flows {
                flow.credit += Quantum::MIN.get();
                flow.turn.0 -= 1;
                flow.in_vain += u64::from(!eligible(flow));
            }
        }
    }

    fn drop_oldest(&mut self) -> (Out, u64) {
        let oldest = (0..self.flows.len()).min_by_key(|at| self.flows[*at].items[0].0);
        oldest.map_or((None, 0), |at| self.take(at))
    }

    fn find_turn(&mut self, at: usize) {
        let flow = &mut self.flows[at];
        let missing = flow.items[0].1.saturating_sub(flow.credit);
        let rounds = missing.div_ceil(Quantum::MIN.get());
        if flow.turn.0 != rounds || flow.turn.1 == 0 {
            self.turns += 1;
            flow.turn = (rounds, self.turns);
        }
    }

    fn take(&mut self, at: usize) -> (Out, u64) {
        let flow = &mut self.flows[at];
        let principal = flow.principal.clone();
        let in_vain = std::mem::take(&mut flow.in_vain);
        let (seq, bytes) = flow.items.remove(0);
        if flow.items.is_empty() {
            self.flows.remove(at);
        } else {
            self.find_turn(at);
        }
        (Some((principal, bytes, seq)), in_vain)
    }
}

fn principals(numbers: Range<usize>) -> Vec<Option<Principal>> {
    numbers
        .map(|n| (n > 0).then(|| Principal::new(&format!("p{n}")).unwrap()))
        .collect()
}

fn queue<T>() -> FairQueue<T> {
    FairQueue::new(Quantum::MIN)
}

fn out(taken: Option<Taken<u64>>) -> Out {
    taken.map(|taken| (taken.principal, taken.bytes, taken.item))
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..2_000_usize, 2 => 3_000..5_000_usize, 1 => 5_000..40_000_usize]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (0..5_usize, size()).prop_map(|(principal, bytes)| Op::Push { principal, bytes }),
        3 => Just(Op::Pop),
        1 => Just(Op::DropOldest),
    ]
}

/// Jain's index: 1 if all are equal, 1/n if one has everything.
pub(in crate::mailbox) fn jain(served: &[f64]) -> f64 {
    let sum: f64 = served.iter().sum();
    let squares: f64 = served.iter().map(|s| s * s).sum();
    sum * sum / (served.len() as f64 * squares)
}

proptest! {
    /// Rule: draining is deficit round-robin by bytes over principals; an
    /// idle principal costs nothing and keeps no credit.
    #[test]
    fn the_queue_does_what_walking_through_the_rounds_does(ops in prop::collection::vec(op(), 1..200)) {
        let names = principals(0..5);
        let mut queue = queue();
        let mut naive = Naive::default();
        let mut in_vain = 0;
        for op in ops {
            match op {
                Op::Push { principal, bytes } => {
                    let principal = names[principal].as_ref();
                    let seq = naive.push(principal, bytes);
                    queue.push(principal, bytes, seq);
                }
                Op::Pop => {
                    let (want, rounds) = naive.pop();
                    prop_assert_eq!(out(queue.pop()), want);
                    in_vain += rounds;
                }
                Op::DropOldest => {
                    let (want, rounds) = naive.drop_oldest();
                    prop_assert_eq!(out(queue.drop_oldest()), want);
                    in_vain += rounds;
                }
            }
            let items = || naive.flows.iter().flat_map(|flow| &flow.items);
            prop_assert_eq!(queue.len(), items().count());
            prop_assert_eq!(queue.bytes(), items().map(|(_, bytes)| bytes).sum::<usize>());
            prop_assert_eq!(queue.principals(), naive.flows.len());
            prop_assert_eq!(queue.starved_rounds(), in_vain);
            prop_assert_eq!(queue.turns.len(), queue.flows.len());
            prop_assert_eq!(queue.heads.len(), queue.flows.len());
        }
    }

    #[test]
    fn of_two_with_items_neither_is_ahead_by_more_than_a_quantum_and_an_item(
        sizes in prop::array::uniform3(prop::collection::vec(size(), 1..150)),
    ) {
        let names = principals(0..3);
        let mut queue = queue();
        let mut left = [0; 3];
        for (who, sizes) in sizes.iter().enumerate() {
            for bytes in sizes {
                queue.push(names[who].as_ref(), *bytes, who);
                left[who] += 1;
            }
        }
        let largest = sizes.iter().flatten().copied().max().unwrap();
        let mut served = [0_usize; 3];
        while left.iter().all(|left| *left > 0) {
            let taken = queue.pop().unwrap();
            served[taken.item] += taken.bytes;
            left[taken.item] -= 1;
            let ahead = served.iter().max().unwrap() - served.iter().min().unwrap();
            prop_assert!(ahead <= Quantum::MIN.get() + largest, "{served:?}");
        }
    }
}

/// Rule: a subscription is fair among principals.
#[test]
fn a_flood_does_not_change_what_the_others_are_served() {
    let names = principals(0..100);
    let mut queue = queue();
    let mut left = [0_usize; 100];
    let mut seed = 1_u64;
    for (who, name) in names.iter().enumerate() {
        let items = if who == 7 { 50 * 400 } else { 400 };
        for _ in 0..items {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Each principal has a mean of its own, from 300 B to 10 KiB.
            let bytes = 200 + (seed >> 33) as usize % (200 + 200 * who);
            queue.push(name.as_ref(), bytes, who);
            left[who] += 1;
        }
    }
    let mut served = [0.0; 100];
    while left.iter().all(|left| *left > 0) {
        let taken = queue.pop().unwrap();
        served[taken.item] += taken.bytes as f64;
        left[taken.item] -= 1;
    }
    assert!(jain(&served) >= 0.99, "{}", jain(&served));
}

#[test]
fn empty_items_are_not_free() {
    let [system, alice] = <[_; 2]>::try_from(principals(0..2)).unwrap();
    let mut queue = queue();
    for number in 0..100_000 {
        queue.push(system.as_ref(), 0, number);
    }
    queue.push(alice.as_ref(), 4096, 0);

    let before = std::iter::from_fn(|| queue.pop())
        .take_while(|taken| taken.principal != alice)
        .count();
    assert_eq!(before, Quantum::MIN.get(), "one quantum, a byte each");
}

#[test]
fn a_newcomer_waits_for_one_turn_of_each_other() {
    let [system, alice, bob] = <[_; 3]>::try_from(principals(0..3)).unwrap();
    let mut queue = queue();
    for _ in 0..100 {
        queue.push(system.as_ref(), 4096, "system");
        queue.push(alice.as_ref(), 4096, "alice");
    }
    queue.pop();
    queue.push(bob.as_ref(), 1, "bob");
    let next: Vec<_> = (0..3).map(|_| queue.pop().unwrap().item).collect();
    assert_eq!(next, ["alice", "system", "bob"]);
}

#[test]
fn credit_ends_with_the_last_item() {
    let [system, alice] = <[_; 2]>::try_from(principals(0..2)).unwrap();
    let mut queue = queue();
    for _ in 0..10 {
        queue.push(alice.as_ref(), 1, 1);
        queue.pop();
    }
    queue.push(alice.as_ref(), 4097, 2);
    queue.push(system.as_ref(), 4096, 3);
    assert_eq!(queue.pop().map(|taken| taken.item), Some(3));
    assert_eq!(queue.pop().map(|taken| taken.item), Some(2));
    assert_eq!(queue.starved_rounds(), 1);
}

#[test]
fn the_oldest_head_goes_first_and_the_ends_survive() {
    let names = principals(0..3);
    let mut queue = queue();
    for number in 0..30 {
        queue.push(names[number % 3].as_ref(), 10_000 * (number % 3), number);
    }
    let dropped: Vec<_> = (0..27).map(|_| queue.drop_oldest().unwrap().item).collect();
    assert_eq!(dropped, (0..27).collect::<Vec<_>>());
    let mut left: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|t| t.item).collect();
    left.sort_unstable();
    assert_eq!(left, [27, 28, 29]);
}

#[test]
fn principals_that_are_gone_leave_no_memory() {
    let mut queue = queue();
    queue.push(None, 1, 0);
    for round in 0..2 {
        for name in principals(1..100_001) {
            queue.push(name.as_ref(), 1 << 20, 1);
        }
        for _ in 0..100_000 {
            match round {
                0 => queue.drop_oldest(),
                _ => queue.pop(),
            };
        }
    }
    assert_eq!((queue.len(), queue.principals()), (1, 1));
    assert!(queue.flows.capacity() <= KEPT_CAPACITY);

    // The one whose items are left had many in its time.
    let kept = principals(100_000..100_001).remove(0);
    for number in 0..100_000 {
        queue.push(kept.as_ref(), 1, number);
    }
    while queue.len() > 1 {
        queue.drop_oldest();
    }
    let flow = queue.flows.values().next().unwrap();
    assert!(flow.items.capacity() <= KEPT_CAPACITY);
}

#[test]
fn what_is_taken_out_leaves_an_empty_queue() {
    let mut queue = queue();
    queue.push(None, 5000, 0);
    queue.push(None, 5000, 1);
    queue.pop();
    let starved = queue.starved_rounds();

    let mut taken = queue.take();

    assert!(queue.is_empty() && queue.bytes() == 0 && queue.principals() == 0);
    assert_eq!(queue.starved_rounds(), starved);
    assert_eq!(taken.pop().map(|taken| taken.item), Some(1));
}
