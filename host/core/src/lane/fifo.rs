//! A queue that allocates only for its second item.

use std::{
    collections::{VecDeque, vec_deque},
    iter::Chain,
    option,
};

/// A queue that allocates only for its second item: most hold one at a time.
#[derive(Debug)]
pub(super) struct Fifo<T> {
    /// Invariant: it is there if anything is behind it.
    first: Option<T>,
    rest: VecDeque<T>,
}

// === impl Fifo ===

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self {
            first: None,
            rest: VecDeque::new(),
        }
    }
}

impl<T> Fifo<T> {
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether it has allocated nothing.
    pub(super) fn keeps_nothing(&self) -> bool {
        self.rest.capacity() == 0
    }

    pub(super) fn push_back(&mut self, item: T) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.rest.push_back(item),
        }
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        self.first.as_mut()
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        let next = self.rest.pop_front();
        std::mem::replace(&mut self.first, next)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match index.checked_sub(1) {
            None => self.first.as_mut(),
            Some(index) => self.rest.get_mut(index),
        }
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<T> {
        match index.checked_sub(1) {
            None => self.pop_front(),
            Some(index) => self.rest.remove(index),
        }
    }

    /// The index of the item with this key, which all are ordered by.
    pub(super) fn find_by_key(&self, key: u64, key_of: impl Fn(&T) -> u64) -> Option<usize> {
        if key_of(self.first.as_ref()?) == key {
            return Some(0);
        }
        let in_rest = self.rest.binary_search_by_key(&key, key_of);
        in_rest.ok().map(|index| index + 1)
    }

    pub(super) fn iter(&self) -> Chain<option::Iter<'_, T>, vec_deque::Iter<'_, T>> {
        self.first.iter().chain(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Push,
        Pop,
        Remove(usize),
        Find(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => Just(Op::Push),
            1 => Just(Op::Pop),
            1 => (0..4_usize).prop_map(Op::Remove),
            1 => (0..20_u64).prop_map(Op::Find),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_a_plain_queue_does(ops in prop::collection::vec(op(), 1..40)) {
            let (mut fifo, mut plain) = (Fifo::default(), VecDeque::new());
            for (number, op) in (0..).zip(ops) {
                match op {
                    Op::Push => {
                        fifo.push_back(number);
                        plain.push_back(number);
                    }
                    Op::Pop => prop_assert_eq!(fifo.pop_front(), plain.pop_front()),
                    Op::Remove(at) => prop_assert_eq!(fifo.remove(at), plain.remove(at)),
                    Op::Find(key) => {
                        let found = fifo.find_by_key(key, |item| *item);
                        prop_assert_eq!(found, plain.iter().position(|item| *item == key));
                    }
                }
                prop_assert_eq!(fifo.len(), plain.len());
                prop_assert_eq!(fifo.is_empty(), plain.is_empty());
                prop_assert_eq!(fifo.front(), plain.front());
                prop_assert!(fifo.iter().eq(&plain));
                for index in 0..4 {
                    prop_assert_eq!(fifo.get_mut(index), plain.get_mut(index));
                }
                prop_assert_eq!(fifo.front_mut(), plain.front_mut());
            }
        }
    }
}
