//! What a principal's events have come to, in publish order. Pure state, no
//! lock.

use std::num::NonZeroU64;

use smallvec::SmallVec;

use super::fifo::Fifo;

/// A place for each event of a principal that somebody subscribes to; what is
/// admitted leaves in the order of the places.
#[derive(Debug)]
pub(super) struct Outbox<D> {
    /// How many have left, or the number of the first place less one.
    head: u64,
    places: Fifo<Place<D>>,
    /// Somebody is handing out what left; others only fill their places.
    draining: bool,
}

/// The number of a place, from 1: none takes no memory of its own.
pub(super) type Number = NonZeroU64;

/// What leaves an outbox at once.
pub(super) type Batch<D> = SmallVec<[D; 1]>;

#[derive(Debug)]
enum Place<D> {
    /// Its chain is not at its end.
    Taken,
    /// Admitted.
    Ready(D),
    /// Denied, answered or cancelled: nothing leaves.
    Empty,
}

// === impl Outbox ===

impl<D> Default for Outbox<D> {
    fn default() -> Self {
        Self {
            head: 0,
            places: Fifo::default(),
            draining: false,
        }
    }
}

impl<D> Outbox<D> {
    /// How many places are taken.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing is in it and nobody hands out.
    pub(super) fn is_idle(&self) -> bool {
        self.places.is_empty() && !self.draining
    }

    /// Whether it keeps no memory of what it has held.
    pub(super) fn keeps_nothing(&self) -> bool {
        self.places.keeps_nothing()
    }

    /// Takes the last place and gives its number.
    pub(super) fn push(&mut self) -> Number {
        let number = self.head + self.places.len() as u64;
        self.places.push_back(Place::Taken);
        Number::MIN.saturating_add(number)
    }

    /// Says what the event at `number` has come to.
    pub(super) fn fill(&mut self, number: Number, delivery: Option<D>) {
        if let Some(place) = self.place(number) {
            *place = delivery.map_or(Place::Empty, Place::Ready);
        }
    }

    /// What waits at `number` to leave; `None` if it has left, or is not ready.
    pub(super) fn waiting(&mut self, number: Number) -> Option<&mut D> {
        match self.place(number)? {
            Place::Ready(delivery) => Some(delivery),
            Place::Taken | Place::Empty => None,
        }
    }

    /// What stands at `number`, if it has not left.
    fn place(&mut self, number: Number) -> Option<&mut Place<D>> {
        let index = (number.get() - 1).checked_sub(self.head)?;
        self.places.get_mut(usize::try_from(index).ok()?)
    }

    /// Takes what leaves now and becomes the one who hands out; nothing if
    /// somebody is, who will take it with the next [`go_on`](Self::go_on).
    pub(super) fn begin(&mut self) -> Batch<D> {
        match self.draining {
            true => Batch::new(),
            false => self.go_on(),
        }
    }

    /// Takes what leaves next; stops handing out if that is nothing.
    pub(super) fn go_on(&mut self) -> Batch<D> {
        let leaving = self.take();
        self.draining = !leaving.is_empty();
        leaving
    }

    /// Stops handing out.
    pub(super) fn end(&mut self) {
        self.draining = false;
    }

    /// Takes what leaves now: all up to the first whose chain is not at its
    /// end.
    fn take(&mut self) -> Batch<D> {
        let mut leaving = Batch::new();
        while self
            .places
            .front()
            .is_some_and(|place| !matches!(place, Place::Taken))
        {
            self.head += 1;
            if let Some(Place::Ready(delivery)) = self.places.pop_front() {
                leaving.push(delivery);
            }
        }
        leaving
    }
}
