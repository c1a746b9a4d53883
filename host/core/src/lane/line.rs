//! A line of those who wait, first come first served. Pure state, no lock.

use std::{collections::VecDeque, task::Waker};

/// A place in a [`Line`].
pub(super) type Place = u64;

/// Who waits, and what each waits for. While nobody does, it takes no memory.
#[derive(Debug)]
pub(super) struct Line<T = ()>(Option<Box<Waiters<T>>>);

/// Invariant: there is at least one, but while one is added.
#[derive(Debug)]
struct Waiters<T> {
    next: Place,
    /// Ordered by place.
    waiting: VecDeque<Waiter<T>>,
}

#[derive(Debug)]
struct Waiter<T> {
    place: Place,
    wants: T,
    waker: Option<Waker>,
}

// === impl Line ===

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Line<T> {
    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.waiting.len())
    }

    /// Whether whoever stands at `place`, or would, may go: nobody is before
    /// them. Those who have none yet go behind all.
    pub(super) fn lets(&self, place: Option<Place>) -> bool {
        let first = self.0.as_ref().and_then(|all| all.waiting.front());
        match (first, place) {
            (None, _) => true,
            (Some(first), Some(place)) => first.place >= place,
            (Some(_), None) => false,
        }
    }

    /// Takes the last place.
    pub(super) fn join(&mut self, wants: T) -> Place {
        let place = self.0.as_ref().map_or(0, |all| all.next);
        self.join_at(place, wants);
        place
    }

    /// Takes a place that the caller knows, and nobody has.
    pub(super) fn join_at(&mut self, place: Place, wants: T) {
        let all = self.0.get_or_insert_with(|| {
            Box::new(Waiters {
                next: 0,
                waiting: VecDeque::new(),
            })
        });
        all.next = all.next.max(place + 1);
        let index = all.waiting.partition_point(|waiter| waiter.place < place);
        let waker = None;
        all.waiting.insert(
            index,
            Waiter {
                place,
                wants,
                waker,
            },
        );
    }

    /// Has `waker` called when something changes for `place`.
    pub(super) fn keep(&mut self, place: Place, waker: &Waker) {
        if let Some(waiter) = self.waiter(place) {
            match &mut waiter.waker {
                Some(kept) => kept.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
    }

    /// Gives a place up and returns what was wanted there.
    pub(super) fn leave(&mut self, place: Place) -> Option<T> {
        let all = self.0.as_mut()?;
        let left = all.waiting.remove(all.index(place)?);
        if all.waiting.is_empty() {
            self.0 = None;
        }
        left.map(|waiter| waiter.wants)
    }

    /// What is wanted at `place`.
    pub(super) fn wants(&mut self, place: Place) -> Option<&mut T> {
        self.waiter(place).map(|waiter| &mut waiter.wants)
    }

    /// Everybody's wants, first to last, with who is to be woken about them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&mut T, &mut Option<Waker>)> {
        let all = self.0.iter_mut().flat_map(|all| &mut all.waiting);
        all.map(|waiter| (&mut waiter.wants, &mut waiter.waker))
    }

    /// Who is to be woken because there may be room for the first.
    pub(super) fn first(&mut self) -> Option<Waker> {
        self.0.as_mut()?.waiting.front_mut()?.waker.take()
    }

    fn waiter(&mut self, place: Place) -> Option<&mut Waiter<T>> {
        let all = self.0.as_mut()?;
        let index = all.index(place)?;
        all.waiting.get_mut(index)
    }
}

// === impl Waiters ===

impl<T> Waiters<T> {
    fn index(&self, place: Place) -> Option<usize> {
        self.waiting
            .binary_search_by_key(&place, |waiter| waiter.place)
            .ok()
    }
}
