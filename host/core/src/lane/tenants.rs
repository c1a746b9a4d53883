//! The principals of one lock, by number.

#![expect(
    clippy::indexing_slicing,
    reason = "numbers of what exists come from here; a wrong one is a mistake, not an input"
)]

use std::ops::{Index, IndexMut};

use hashbrown::{HashTable, hash_table::OccupiedEntry};
use slab::Slab;

use super::tenant::{Queues, Tenant};
use crate::types::Principal;

/// Most locks protect one principal at a time: it needs no search.
const FIRST: usize = 0;
/// So many queues are kept for the next principal that needs some.
const SPARE: usize = 2;

/// The principals of one lock, each with a number as long as it has anything
/// under way.
#[derive(Debug)]
pub(super) struct Tenants<D> {
    /// Number 0.
    first: Option<Tenant<D>>,
    /// The numbers from 1.
    others: Slab<Tenant<D>>,
    /// Which of the others is whose.
    by_principal: HashTable<usize>,
    /// Empty, so that an event does not allocate them.
    spare: Vec<Box<Queues<D>>>,
}

// === impl Tenants ===

impl<D> Tenants<D> {
    /// The number of a principal with this hash, which is given one if need be.
    pub(super) fn enter(&mut self, principal: &Option<Principal>, hash: u64) -> usize {
        let is_it = |tenant: &Tenant<D>| tenant.hash == hash && tenant.principal == *principal;
        if self.first.as_ref().is_some_and(is_it) {
            return FIRST;
        }
        let Self { others, .. } = self;
        if !others.is_empty() {
            let found = self.by_principal.find(hash, |at| is_it(&others[*at]));
            if let Some(at) = found {
                return at + 1;
            }
        }
        let tenant = Tenant::new(principal.clone(), hash);
        if self.first.is_none() {
            self.first = Some(tenant);
            return FIRST;
        }
        if others.len() == others.capacity() {
            // By a half: doubled, a quarter of all memory would be unused.
            others.reserve_exact(others.len() / 2 + 1);
        }
        let at = others.insert(tenant);
        self.by_principal
            .insert_unique(hash, at, |at| others[*at].hash);
        at + 1
    }

    /// The queues of one of them, which is given some if need be.
    pub(super) fn queues(&mut self, tenant: usize) -> &mut Queues<D> {
        let Self {
            first,
            others,
            spare,
            ..
        } = self;
        let tenant = match tenant.checked_sub(1) {
            None => &mut first.as_mut_slice()[0],
            Some(at) => &mut others[at],
        };
        tenant
            .queues
            .get_or_insert_with(|| spare.pop().unwrap_or_default())
    }

    /// Takes one of them out.
    pub(super) fn remove(&mut self, tenant: usize) {
        let removed = match tenant.checked_sub(1) {
            None => self.first.take(),
            Some(at) => {
                let removed = self.others.remove(at);
                let entry = self.by_principal.find_entry(removed.hash, |it| *it == at);
                entry.map(OccupiedEntry::remove).ok();
                Some(removed)
            }
        };
        if let Some(queues) = removed.and_then(|tenant| tenant.queues)
            && self.spare.len() < SPARE
            && queues.keeps_nothing()
        {
            self.spare.push(queues);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Tenant<D>> {
        self.first
            .iter()
            .chain(self.others.iter().map(|(_, tenant)| tenant))
    }

    /// For how many memory is kept.
    pub(super) fn capacity(&self) -> usize {
        self.others.capacity()
    }
}

impl<D> Default for Tenants<D> {
    fn default() -> Self {
        Self {
            first: None,
            others: Slab::new(),
            by_principal: HashTable::new(),
            spare: Vec::new(),
        }
    }
}

impl<D> Index<usize> for Tenants<D> {
    type Output = Tenant<D>;

    fn index(&self, tenant: usize) -> &Tenant<D> {
        match tenant.checked_sub(1) {
            None => &self.first.as_slice()[0],
            Some(at) => &self.others[at],
        }
    }
}

impl<D> IndexMut<usize> for Tenants<D> {
    fn index_mut(&mut self, tenant: usize) -> &mut Tenant<D> {
        match tenant.checked_sub(1) {
            None => &mut self.first.as_mut_slice()[0],
            Some(at) => &mut self.others[at],
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use proptest::prelude::*;

    use super::{super::tenant::Which, *};

    proptest! {
        /// Who comes back is found, or is new, whoever came and went meanwhile;
        /// also where two of them have one hash.
        #[test]
        fn everybody_has_one_number_of_their_own(
            ops in prop::collection::vec((0..6_usize, any::<bool>()), 1..60),
        ) {
            let who = |n: usize| (n > 0).then(|| Principal::new(&format!("p{n}")).unwrap());
            let mut tenants = Tenants::<()>::default();
            let mut numbers = [None; 6];
            for (n, enters) in ops {
                if enters {
                    let number = tenants.enter(&who(n), n as u64 % 2);
                    prop_assert!(numbers[n].is_none_or(|known| known == number));
                    numbers[n] = Some(number);
                } else if let Some(number) = numbers[n].take() {
                    tenants.remove(number);
                }
                prop_assert_eq!(tenants.len(), numbers.iter().flatten().count());
                prop_assert_eq!(tenants.iter().count(), tenants.len());
                for (n, number) in numbers.iter().enumerate() {
                    if let Some(number) = number {
                        prop_assert_eq!(&tenants[*number].principal, &who(n));
                    }
                }
                prop_assert_eq!(tenants.by_principal.len(), tenants.others.len());
            }
        }
    }

    #[test]
    fn queues_that_have_grown_are_not_kept() {
        let mut tenants = Tenants::<()>::default();
        for (places, kept) in [(1, 1), (2, 0), (1, 1)] {
            let tenant = tenants.enter(&None, 0);
            let outbox = tenants.queues(tenant).of(Which::Admitted);
            let numbers: Vec<_> = (0..places).map(|_| outbox.push()).collect();
            for number in numbers {
                outbox.fill(number, None);
            }
            assert!(outbox.go_on().is_empty());
            tenants.remove(tenant);
            assert_eq!(tenants.spare.len(), kept, "{places}");
        }
    }
}
