use proptest::prelude::*;

use super::*;

/// Hashes alike, so that owners meet in the table.
fn key(capsule: u64, owner: &char) -> Key<'_, char> {
    Key {
        capsule,
        owner,
        hash: 0,
    }
}

/// Takes a slot, and fills it if it is new.
fn put(idle: &mut Idle<char, u32>, capsule: u64, owner: char, new: u32) -> Option<u32> {
    let (taken, instance) = idle.take(&key(capsule, &owner), Instant::now());
    idle.park(taken, instance.unwrap_or(new), Instant::now());
    instance
}

fn parked(instances: &[(u64, char, u32)]) -> Idle<char, u32> {
    let mut idle = Idle::default();
    let take =
        |(capsule, owner, instance)| (idle.take(&key(capsule, &owner), Instant::now()).0, instance);
    let taken: Vec<_> = instances.iter().copied().map(take).collect();
    for (taken, instance) in taken {
        idle.park(taken, instance, Instant::now());
    }
    idle
}

/// That nothing is left in any of the structures.
fn is_empty(idle: &Idle<char, u32>) -> bool {
    idle.slots.is_empty()
        && idle.owners.is_empty()
        && idle.order.is_empty()
        && idle.order_of.is_empty()
}

#[test]
fn an_instance_goes_to_its_owner_alone() {
    let mut idle = parked(&[(1, 'a', 10), (2, 'a', 20), (1, 'b', 11)]);
    let (first, instance) = idle.take(&key(1, &'a'), Instant::now());
    assert_eq!(instance, Some(10));
    let (second, instance) = idle.take(&key(1, &'a'), Instant::now());
    assert_eq!(instance, None, "b's must not serve a");
    assert_eq!(idle.remove(&key(2, &'b')), None, "nor capsule 1's 2");
    assert_eq!(idle.remove(&key(1, &'b')), Some(11));
    idle.park(second, 12, Instant::now());
    idle.park(first, 10, Instant::now());
    assert_eq!(idle.remove(&key(1, &'a')), Some(10), "each into its own");
    assert_eq!(idle.remove(&key(1, &'a')), Some(12));
    assert_eq!(idle.remove(&key(2, &'a')), Some(20));
    assert!(is_empty(&idle));
}

#[test]
fn the_warmest_is_used_and_the_coldest_is_given_up() {
    let mut idle = parked(&[(1, 'a', 1), (2, 'b', 2), (1, 'a', 3), (2, 'b', 4)]);
    let (taken, instance) = idle.take(&key(1, &'a'), Instant::now());
    assert_eq!(instance, Some(3));
    assert_eq!(idle.evict(), Some(1));
    idle.park(taken, 3, Instant::now());
    assert_eq!(idle.evict_of(2), Some(2));
    assert_eq!(idle.evict(), Some(4));
    assert_eq!(idle.evict(), Some(3));
    assert_eq!(idle.evict(), None);
}

#[test]
fn what_is_in_use_is_not_given_up() {
    let mut idle = parked(&[(1, 'a', 1), (1, 'b', 2)]);
    let (a, _) = idle.take(&key(1, &'a'), Instant::now());
    assert_eq!(idle.evict(), Some(2), "a's is older, and in use");
    assert_eq!(idle.evict(), None);
    assert!(idle.purge(1).is_empty());
    assert_eq!(put(&mut idle, 2, 'c', 3), None, "in a slot of its own");
    idle.park(a, 1, Instant::now());
    assert_eq!(put(&mut idle, 1, 'a', 0), Some(1));
    assert_eq!((idle.evict(), idle.evict()), (Some(3), Some(1)));
}

#[test]
fn a_use_moves_nothing() {
    let mut idle = parked(&[(1, 'a', 1), (1, 'b', 2)]);
    let before = (idle.order.clone(), idle.order_of.clone());
    assert_eq!(put(&mut idle, 1, 'a', 0), Some(1));
    assert_eq!((&idle.order, &idle.order_of), (&before.0, &before.1));
    assert_eq!(idle.evict(), Some(2), "and yet it counts");
}

#[test]
fn nothing_is_kept_of_what_is_gone() {
    let mut idle = parked(&[(1, 'a', 1), (1, 'b', 2), (2, 'a', 3), (2, 'b', 4)]);
    let (taken, instance) = idle.take(&key(2, &'a'), Instant::now());
    assert_eq!(instance, Some(3));
    idle.free(taken);
    assert_eq!(idle.purge(1), [1, 2]);
    assert_eq!(
        (idle.owners.len(), idle.slots.len()),
        (1, 1),
        "an owner without instances costs nothing"
    );
    assert_eq!(idle.purge(2), [4]);
    let (never_made, _) = idle.take(&key(3, &'a'), Instant::now());
    idle.free(never_made);
    assert!(is_empty(&idle));
}

#[derive(Clone, Debug)]
enum Op {
    Take(u64, char),
    /// One of those in use.
    Park(prop::sample::Index),
    Free(prop::sample::Index),
    Remove(u64, char),
    Evict,
    EvictOf(u64),
    Purge(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let capsule = 0..3_u64;
    let owner = prop::sample::select(vec!['a', 'b', 'c']);
    let both = (capsule.clone(), owner);
    prop_oneof![
        6 => both.clone().prop_map(|(capsule, owner)| Op::Take(capsule, owner)),
        6 => any::<prop::sample::Index>().prop_map(Op::Park),
        1 => any::<prop::sample::Index>().prop_map(Op::Free),
        1 => both.prop_map(|(capsule, owner)| Op::Remove(capsule, owner)),
        1 => Just(Op::Evict),
        1 => capsule.clone().prop_map(Op::EvictOf),
        1 => capsule.prop_map(Op::Purge),
    ]
}

proptest! {
    /// Against a plain list of the idle ones, least recently used first.
    #[test]
    fn it_does_what_a_list_does(ops in prop::collection::vec(op(), 1..200)) {
        let mut idle = Idle::default();
        let mut list: Vec<(u64, char, usize)> = Vec::new();
        let mut in_use = Vec::new();
        for (number, op) in ops.into_iter().enumerate() {
            match op {
                Op::Take(capsule, owner) => {
                    let at = list.iter().rposition(|p| (p.0, p.1) == (capsule, owner));
                    let want = at.map(|at| list.remove(at).2);
                    let (taken, got) = idle.take(&key(capsule, &owner), Instant::now());
                    prop_assert_eq!(got, want);
                    in_use.push((taken, capsule, owner, got.unwrap_or(number)));
                }
                Op::Park(index) if !in_use.is_empty() => {
                    let at = index.index(in_use.len());
                    let (taken, capsule, owner, instance) = in_use.swap_remove(at);
                    idle.park(taken, instance, Instant::now());
                    list.push((capsule, owner, instance));
                }
                Op::Free(index) if !in_use.is_empty() => {
                    let at = index.index(in_use.len());
                    idle.free(in_use.swap_remove(at).0);
                }
                Op::Park(_) | Op::Free(_) => {}
                Op::Remove(capsule, owner) => {
                    let at = list.iter().rposition(|p| (p.0, p.1) == (capsule, owner));
                    let want = at.map(|at| list.remove(at).2);
                    prop_assert_eq!(idle.remove(&key(capsule, &owner)), want);
                }
                Op::Evict => {
                    let want = (!list.is_empty()).then(|| list.remove(0).2);
                    prop_assert_eq!(idle.evict(), want);
                }
                Op::EvictOf(capsule) => {
                    let at = list.iter().position(|p| p.0 == capsule);
                    let want = at.map(|at| list.remove(at).2);
                    prop_assert_eq!(idle.evict_of(capsule), want);
                }
                Op::Purge(capsule) => {
                    let gone = list.extract_if(.., |p| p.0 == capsule);
                    let gone: Vec<_> = gone.map(|p| p.2).collect();
                    prop_assert_eq!(idle.purge(capsule), gone);
                }
            }
            prop_assert_eq!(idle.slots.len(), list.len() + in_use.len());
            prop_assert_eq!(idle.order.len(), idle.order_of.len());
            prop_assert!((list.len()..=idle.slots.len()).contains(&idle.order.len()));
            let idle_ones = list.iter().map(|p| (p.0, p.1));
            let all = idle_ones.clone().chain(in_use.iter().map(|p| (p.1, p.2)));
            let [idle_ones, all]: [BTreeSet<_>; 2] = [idle_ones.collect(), all.collect()];
            prop_assert!((idle_ones.len()..=all.len()).contains(&idle.owners.len()));
        }
    }
}
