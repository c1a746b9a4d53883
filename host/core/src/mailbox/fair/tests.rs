//! The fair queue against a model, and against what fairness promises.

use std::ops::{Deref, DerefMut, Range};

use proptest::prelude::*;

use super::{
    crowd::{KEPT_CAPACITY, MOST_AHEAD},
    rounds::Rounds,
    *,
};
use crate::mailbox::tests::owned::Owned;

/// Deficit round-robin with newcomers first in its own words: rounds are
/// walked through one by one, and everything is found by a scan.
#[derive(Debug)]
struct Naive {
    /// Those with items or served in this round.
    flows: Vec<NaiveFlow>,
    most_ahead: usize,
    /// What newcomers were served in this round and are to be.
    ahead: usize,
    seq: u64,
    turns: u64,
}

#[derive(Debug)]
struct NaiveFlow {
    principal: Option<Principal>,
    credit: usize,
    items: Vec<(u64, usize)>,
    /// In how many rounds it is its turn, whether it waits for those of the
    /// newcomers, and its place among the others.
    turn: (usize, bool, u64),
    is_served: bool,
    /// Rounds in vain since it was last served or lost its head.
    in_vain: u64,
}

/// A queue of plain items.
#[derive(Debug)]
struct Queue<T>(FairQueue<Owned<T>>);

#[derive(Clone, Debug)]
enum Op {
    Push { principal: usize, bytes: usize },
    Pop,
    DropOldest,
}

type Out = Option<(usize, u64)>;

const QUANTUM: usize = Quantum::MIN.get();

impl Naive {
    fn new(most_ahead: u64) -> Self {
        Self {
            flows: Vec::new(),
            most_ahead: most_ahead as usize * QUANTUM,
            ahead: 0,
            seq: 0,
            turns: 0,
        }
    }

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
                credit: QUANTUM,
                items: Vec::new(),
                turn: (0, true, 0),
                is_served: false,
                in_vain: 0,
            });
        }
        let flow = &mut self.flows[at];
        flow.items.push((seq, bytes.max(1)));
        if flow.items.len() == 1 {
            flow.credit = flow.credit.min(QUANTUM);
            let fits = bytes.max(1) <= flow.credit;
            flow.in_vain = u64::from(flow.credit == QUANTUM && !fits);
            let goes_ahead = fits && self.ahead < self.most_ahead;
            if fits && !goes_ahead {
                flow.credit = 0;
            }
            self.find_turn(at, goes_ahead);
        }
        seq
    }

    /// The next item, and the rounds it waited for in vain.
    fn pop(&mut self) -> (Out, u64) {
        if self.active().next().is_none() {
            return (None, 0);
        }
        loop {
            let next = (0..self.flows.len())
                .filter(|at| !self.flows[*at].items.is_empty() && self.flows[*at].turn.0 == 0)
                .min_by_key(|at| self.flows[*at].turn);
            if let Some(at) = next {
                self.flows[at].credit -= self.flows[at].items[0].1;
                self.flows[at].is_served = true;
                return self.take(at);
            }
            self.ahead = 0;
            self.flows.retain(|flow| !flow.items.is_empty());
            for flow in &mut self.flows {
                flow.credit += QUANTUM;
                flow.turn.0 -= 1;
                flow.in_vain += u64::from(flow.items[0].1 > flow.credit);
                flow.is_served = false;
            }
        }
    }

    fn drop_oldest(&mut self) -> (Out, u64) {
        let oldest = (0..self.flows.len())
            .filter(|at| !self.flows[*at].items.is_empty())
            .min_by_key(|at| self.flows[*at].items[0].0);
        let Some(at) = oldest else {
            return (None, 0);
        };
        if !self.flows[at].turn.1 {
            self.ahead -= self.flows[at].items[0].1;
        }
        self.take(at)
    }

    fn active(&self) -> impl Iterator<Item = &NaiveFlow> {
        self.flows.iter().filter(|flow| !flow.items.is_empty())
    }

    fn find_turn(&mut self, at: usize, goes_ahead: bool) {
        let flow = &mut self.flows[at];
        let missing = flow.items[0].1.saturating_sub(flow.credit);
        let rounds = missing.div_ceil(QUANTUM);
        self.turns += 1;
        flow.turn = (rounds, !goes_ahead, self.turns);
        if goes_ahead {
            self.ahead += flow.items[0].1;
        }
    }

    fn take(&mut self, at: usize) -> (Out, u64) {
        let flow = &mut self.flows[at];
        let in_vain = std::mem::take(&mut flow.in_vain);
        let (seq, bytes) = flow.items.remove(0);
        if let Some((_, next)) = flow.items.first() {
            let (due, waits, _) = flow.turn;
            let rounds = next.saturating_sub(flow.credit).div_ceil(QUANTUM);
            let goes_ahead = !waits && rounds == 0 && self.ahead < self.most_ahead;
            if !waits || rounds != due {
                self.find_turn(at, goes_ahead);
            }
        } else if !flow.is_served {
            self.flows.remove(at);
        }
        if self.active().next().is_none() {
            self.flows.clear();
            self.ahead = 0;
        }
        (Some((bytes, seq)), in_vain)
    }
}

impl<T> Queue<T> {
    fn push(&mut self, principal: Option<&Principal>, bytes: usize, item: T) {
        self.0.push(bytes, Owned::new(principal, item));
    }

    fn pop(&mut self) -> Option<Taken<T>> {
        self.0.pop().map(Owned::taken)
    }

    fn drop_oldest(&mut self) -> Option<Taken<T>> {
        self.0.drop_oldest().map(Owned::taken)
    }

    fn take(&mut self) -> Self {
        Self(self.0.take())
    }
}

impl<T> Deref for Queue<T> {
    type Target = FairQueue<Owned<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for Queue<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

fn principals(numbers: Range<usize>) -> Vec<Option<Principal>> {
    numbers
        .map(|n| (n > 0).then(|| Principal::new(&format!("p{n}")).unwrap()))
        .collect()
}

fn queue<T>() -> Queue<T> {
    Queue(FairQueue::new(Quantum::MIN))
}

/// One in which newcomers get so many quanta ahead of the others in a round.
fn queue_with<T>(most_ahead: u64) -> Queue<T> {
    let mut queue = queue();
    queue.crowd.rounds = Rounds::new(Quantum::MIN, most_ahead);
    queue
}

/// How many principals have an entry.
fn known<T>(queue: &Queue<T>) -> usize {
    queue.crowd.flows.len() + usize::from(queue.alone.is_some())
}

fn out(taken: Option<Taken<u64>>) -> Out {
    taken.map(|taken| (taken.bytes, taken.item))
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..2_000_usize, 2 => 3_000..5_000_usize, 1 => 5_000..40_000_usize]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (0..6_usize, size()).prop_map(|(principal, bytes)| Op::Push { principal, bytes }),
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
    fn the_queue_does_what_walking_through_the_rounds_does(
        ops in prop::collection::vec(op(), 1..300),
        most_ahead in 0..6_u64,
    ) {
        let names = principals(0..6);
        let mut queue = queue_with(most_ahead);
        let mut naive = Naive::new(most_ahead);
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
            prop_assert_eq!(queue.principals(), naive.active().count());
            prop_assert_eq!(queue.starved_rounds(), in_vain);
            prop_assert_eq!(known(&queue), naive.flows.len());
            prop_assert!(queue.crowd.idle.len() <= queue.crowd.flows.len());
            prop_assert!(queue.crowd.ages.len() <= 2 * queue.len() + KEPT_CAPACITY);
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
            prop_assert!(ahead <= QUANTUM + largest, "{served:?}");
        }
    }

    /// One has items all the time. Another has none again and again, and
    /// chooses when to have some; others come and go.
    #[test]
    fn nobody_gains_by_having_no_items_in_between(
        ops in prop::collection::vec((0..4_usize, size(), any::<bool>()), 1..400),
        most_ahead in 0..6_u64,
    ) {
        let names = principals(0..6);
        let mut queue = queue_with(most_ahead);
        let (steady, clever) = (0, 1);
        let (mut served, mut queued) = ([0_usize; 6], [0; 6]);
        for (number, (copies, bytes, refills)) in ops.into_iter().enumerate() {
            let mut push = |who: usize, bytes: usize| {
                queue.push(names[who].as_ref(), bytes, who);
                queued[who] += 1;
            };
            push(steady, bytes);
            (0..2).for_each(|_| push(steady, 300));
            if refills {
                (0..copies).for_each(|_| push(clever, bytes.min(QUANTUM)));
            }
            push(2 + number % 4, bytes / 2);
            for _ in 0..2 {
                let taken = queue.pop().unwrap();
                served[taken.item] += taken.bytes;
                queued[taken.item] -= 1;
            }
            prop_assert!(queued[steady] > 0);
            let bound = 2 * (QUANTUM + 40_000);
            prop_assert!(served[clever] <= served[steady] + bound, "{served:?}");
        }
    }
}

/// The sharpest form of it: an item is there again as soon as the last has
/// left.
#[test]
fn one_who_comes_back_at_once_gets_what_one_with_a_backlog_gets() {
    let names = principals(0..2);
    let mut queue = queue();
    for _ in 0..10_000 {
        queue.push(names[0].as_ref(), 340, 0);
    }
    let mut served = [0_usize; 2];
    queue.push(names[1].as_ref(), 340, 1);
    for _ in 0..10_000 {
        let taken = queue.pop().unwrap();
        served[taken.item] += taken.bytes;
        if taken.item == 1 {
            queue.push(names[1].as_ref(), 340, 1);
        }
        assert!(served[0].abs_diff(served[1]) <= QUANTUM + 340, "{served:?}");
    }
}

/// Rule: a flood takes nothing from the others; and they take no more than
/// their share from it.
#[test]
fn one_with_a_backlog_has_its_turns_whoever_else_comes() {
    let mut queue = queue();
    let most = 1 + (MOST_AHEAD as usize * QUANTUM).div_ceil(4000);
    for _ in 0..100 {
        queue.push(None, 4000, "backlog");
    }
    queue.pop();
    let names = principals(1..20 * most);
    let mut between = 0;
    let mut turns = 0;
    for name in &names {
        queue.push(name.as_ref(), 4000, "newcomer");
        if queue.pop().unwrap().item == "backlog" {
            (between, turns) = (0, turns + 1);
        } else {
            between += 1;
        }
        // Those who come too late for this round have a turn in the next.
        assert!(between <= most + turns, "{between} after {turns} turns");
        assert!(
            queue.crowd.flows.len() <= 2 * (most + turns),
            "nobody is kept"
        );
    }
    assert!(turns >= 15, "{turns}");
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
    for _ in 0..100_000 {
        queue.push(system.as_ref(), 0, "empty");
    }
    queue.push(alice.as_ref(), QUANTUM, "full");
    queue.push(alice.as_ref(), QUANTUM, "full");

    let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|t| t.item).collect();
    let full: Vec<_> = (0..order.len()).filter(|at| order[*at] == "full").collect();
    assert_eq!(
        full,
        [1, QUANTUM + 1],
        "a quantum between them, a byte each"
    );
}

/// Rule: a principal at fifty times the rate of others does not make them
/// wait.
#[test]
fn a_newcomer_goes_ahead_of_a_backlog_until_it_had_its_quantum() {
    let [system, alice, bob] = <[_; 3]>::try_from(principals(0..3)).unwrap();
    let mut queue = queue();
    for _ in 0..100 {
        queue.push(system.as_ref(), 1024, "system");
    }
    for _ in 0..6 {
        queue.pop();
    }
    for _ in 0..6 {
        queue.push(alice.as_ref(), 1024, "alice");
    }
    queue.push(bob.as_ref(), 1, "bob");
    let mut next = |count| -> Vec<_> { (0..count).map(|_| queue.pop().unwrap().item).collect() };
    assert_eq!(next(2), ["alice", "bob"], "each one item at a time");
    assert_eq!(next(3), ["alice"; 3], "her quantum");
    assert_eq!(next(2), ["system"; 2], "the rest of its turn");
    assert_eq!(next(2), ["alice"; 2], "her next turn was due first");
    assert_eq!(next(1), ["system"]);
    queue.push(bob.as_ref(), 1, "bob");
    assert_eq!(queue.pop().unwrap().item, "bob", "it had not had all");
}

#[test]
fn one_without_items_is_forgotten_when_the_round_is_over() {
    let names = principals(0..1001);
    let mut queue = queue();
    for number in 0..20 {
        queue.push(names[0].as_ref(), 1024, number);
    }
    for _ in 0..5 {
        queue.pop();
    }
    for name in &names[1..] {
        queue.push(name.as_ref(), 1, 0);
        queue.pop();
    }
    assert_eq!((queue.principals(), queue.crowd.flows.len()), (1, 1001));
    assert!(queue.crowd.ages.len() <= 2 * queue.len() + KEPT_CAPACITY);
    for _ in 0..3 {
        queue.pop();
    }
    assert_eq!(queue.crowd.flows.len(), 1001, "the round is not over");
    queue.pop();
    assert_eq!(queue.crowd.flows.len(), 1);
    assert!(queue.crowd.idle.is_empty() && queue.crowd.flows.capacity() <= KEPT_CAPACITY);

    queue.push(names[1].as_ref(), 1, 0);
    while queue.pop().is_some() {}
    assert_eq!(known(&queue), 0, "an empty queue knows nobody");
}

#[test]
fn one_who_was_served_nothing_is_not_remembered() {
    let names = principals(0..10_000);
    let mut queue = queue();
    queue.push(None, 1, 0);
    for name in &names {
        queue.push(name.as_ref(), 1000, 0);
        queue.drop_oldest();
        assert_eq!((known(&queue), queue.principals()), (1, 1));
    }
    assert!(queue.crowd.ages.len() <= 2 + KEPT_CAPACITY && queue.crowd.idle.is_empty());
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
        if round == 0 {
            assert!(queue.crowd.flows.capacity() <= KEPT_CAPACITY);
        }
    }
    assert_eq!((queue.len(), queue.principals()), (1, 1));
    queue.pop();
    assert!(queue.crowd.flows.capacity() <= KEPT_CAPACITY);
    assert!(queue.crowd.idle.capacity() <= KEPT_CAPACITY);
    assert!(queue.crowd.ages.capacity() <= KEPT_CAPACITY);

    // The one whose items are left had many in its time.
    let kept = principals(100_000..100_001).remove(0);
    for number in 0..100_000 {
        queue.push(kept.as_ref(), 1, number);
    }
    while queue.len() > 1 {
        queue.drop_oldest();
    }
    let flow = queue.crowd.flows.iter().next().unwrap();
    assert!(flow.rest.capacity() <= KEPT_CAPACITY);
    assert!(queue.crowd.ages.capacity() <= 4 * KEPT_CAPACITY);
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
