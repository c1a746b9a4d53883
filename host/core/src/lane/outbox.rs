//! What a principal's events have come to, in publish order. Pure state, no
//! lock.

use smallvec::SmallVec;

use super::fifo::Fifo;

/// A place for each event of a principal that somebody subscribes to; what is
/// admitted leaves in the order of the places.
#[derive(Debug)]
pub(super) struct Outbox<D> {
    /// The number of the first place.
    head: u64,
    places: Fifo<Place<D>>,
    /// Somebody is handing out what left; others only fill their places.
    draining: bool,
}

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
    pub(super) fn push(&mut self) -> u64 {
        self.places.push_back(Place::Taken);
        self.head + self.places.len() as u64 - 1
    }

    /// Says what the event at `number` has come to.
    pub(super) fn fill(&mut self, number: u64, delivery: Option<D>) {
        let index = number
            .checked_sub(self.head)
            .and_then(|i| usize::try_from(i).ok());
        if let Some(place) = index.and_then(|index| self.places.get_mut(index)) {
            *place = delivery.map_or(Place::Empty, Place::Ready);
        }
    }

    /// What waits at `number` to leave; `None` if it has left, or is not ready.
    pub(super) fn waiting(&mut self, number: u64) -> Option<&mut D> {
        let index = number
            .checked_sub(self.head)
            .and_then(|i| usize::try_from(i).ok())?;
        match self.places.get_mut(index)? {
            Place::Ready(delivery) => Some(delivery),
            Place::Taken | Place::Empty => None,
        }
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
