//! The end of a mailbox that publishers hold.

use std::sync::Arc;

use super::{
    Item, Losses, MailboxConfig, NoRoom, Overflow, Receiver, Reservation, Stats, Tally, Turn,
    room::Place, shared::Shared, state::CloseReason,
};
use crate::sync::Ordering;

/// An empty mailbox. It is open until the receiver or all senders are gone,
/// or until it overflows where the policy is [`Overflow::Close`].
pub fn mailbox<T: Item>(config: MailboxConfig) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(config));
    let sender = Sender {
        shared: shared.clone(),
    };
    (sender, Receiver::new(shared))
}

/// Pushes to a mailbox. A clone pushes to the same one; once all are dropped
/// the stream ends after what is queued.
#[derive(Debug)]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the item may be lost"]
pub enum Pushed {
    /// The item is queued.
    Queued,
    /// The item is queued, and older ones are lost for it.
    DroppedOldest {
        /// What is lost.
        lost: Tally,
    },
    /// The item is lost: there was no room.
    DroppedNewest,
    /// The item is lost: it is larger than the mailbox.
    TooLarge,
    /// The item is lost: there was no room, so the mailbox is closed now.
    Lagged,
    /// The mailbox was closed before: nothing is done, and nothing counted.
    Closed,
}

// === impl Sender ===

impl<T: Item> Sender<T> {
    /// Pushes an item that counts `bytes`; 0 count as 1. Never blocks.
    ///
    /// What happens when there is no room, for one more item or for so many
    /// bytes, is for the policy to say. Where it is [`Overflow::Block`], an
    /// item for which no room was reserved is queued beyond the budget until
    /// twice that is queued, and lost from then on: that is for those who wait
    /// for nobody. An item larger than all the room there ever is gets lost
    /// under every policy.
    pub fn push(&self, bytes: usize, item: T) -> Pushed {
        let mut state = self.shared.lock();
        match state.push_at_once(bytes, item) {
            Ok(()) => Pushed::Queued,
            Err(item) => Shared::go_on(state, |state, afterwards| {
                state.push(bytes, item, None, afterwards)
            }),
        }
    }

    /// Pushes an item for which room is reserved. Never blocks.
    ///
    /// The reservation is swapped for what the item really counts: if that is
    /// less the rest is free again, and if it is more the mailbox is over its
    /// budget by the difference until enough is received. A reservation of
    /// another mailbox is given back there, and the item pushed as without.
    pub fn push_reserved(&self, reservation: Reservation<T>, bytes: usize, item: T) -> Pushed {
        if !reservation.is_of(&self.shared) {
            drop(reservation);
            return self.push(bytes, item);
        }
        let held = reservation.into_held();
        self.shared
            .with(|state, afterwards| state.push(bytes, item, held, afterwards))
    }
}

impl<T> Sender<T> {
    /// Counts an item of so many bytes as lost, that waited for room and will
    /// not be pushed any more, and says what was lost; nothing where the
    /// mailbox is closed. 0 bytes count as 1.
    pub fn give_up(&self, bytes: usize) -> Losses {
        let bytes = bytes.max(1);
        let mut losses = Losses::default();
        let counted = self
            .shared
            .with(|state, afterwards| state.give_up(bytes, afterwards));
        if counted {
            losses.given_up = Tally::one(bytes);
        }
        losses
    }

    /// Holds room for one item of so many bytes, if it is there now and nobody
    /// waits for it; 0 bytes count as 1. Does not block.
    ///
    /// `None` says that a push needs none: the policy is not
    /// [`Overflow::Block`], or the mailbox is closed.
    ///
    /// # Errors
    ///
    /// [`NoRoom`], for now or for ever.
    pub fn try_reserve(&self, bytes: usize) -> Result<Option<Reservation<T>>, NoRoom> {
        let Some(bytes) = self.needed(bytes)? else {
            return Ok(None);
        };
        let held = self.shared.with(|state, _| {
            if state.close_reason().is_none() && !state.line().is_empty() {
                return Err(NoRoom::Full);
            }
            state.reserve(bytes)
        })?;
        Ok(held.then(|| Reservation::new(&self.shared, bytes)))
    }

    /// Like [`try_reserve`](Self::try_reserve) for one whose turn it is, here
    /// or in another mailbox: it goes before those who wait here.
    ///
    /// Were it otherwise, one who needs room in two mailboxes that always have
    /// a line would never get it.
    ///
    /// # Errors
    ///
    /// [`NoRoom`], for now or for ever.
    pub fn try_reserve_in_turn(
        &self,
        bytes: usize,
        _turn: &Turn<'_, T>,
    ) -> Result<Option<Reservation<T>>, NoRoom> {
        let Some(bytes) = self.needed(bytes)? else {
            return Ok(None);
        };
        let held = self.shared.with(|state, _| state.reserve(bytes))?;
        Ok(held.then(|| Reservation::new(&self.shared, bytes)))
    }

    /// Holds room for one item of so many bytes as soon as it is there; 0
    /// bytes count as 1. Those who wait are served first come, first served.
    /// Dropping the future leaves the line, and whatever it held goes to the
    /// next.
    ///
    /// `None` says that a push needs none: the policy is not
    /// [`Overflow::Block`], or the mailbox is closed, perhaps while this
    /// waited.
    ///
    /// # Errors
    ///
    /// [`NoRoom::TooLarge`] at once, instead of waiting for ever.
    pub async fn reserve(&self, bytes: usize) -> Result<Option<Reservation<T>>, NoRoom> {
        match self.needed(bytes)? {
            Some(bytes) => Place::new(&self.shared, bytes).reserved().await,
            None => Ok(None),
        }
    }

    /// Waits in the same line as [`reserve`](Self::reserve) until there is
    /// room, and does not hold it: for those who need room elsewhere as well.
    /// Ready at once where a push needs none.
    ///
    /// # Errors
    ///
    /// [`NoRoom::TooLarge`] at once, instead of waiting for ever.
    pub async fn room(&self, bytes: usize) -> Result<Turn<'_, T>, NoRoom> {
        let Some(bytes) = self.needed(bytes)? else {
            return Ok(Turn::at_once());
        };
        let mut place = Place::new(&self.shared, bytes);
        place.called().await;
        Ok(Turn::of(place))
    }

    /// Whether more is queued and reserved than the configuration allows,
    /// which only unreserved pushes under [`Overflow::Block`] and overshooting
    /// reservations bring about. Costs one short lock.
    pub fn is_over_budget(&self) -> bool {
        self.shared.with(|state, _| state.is_over_budget())
    }

    /// Why the mailbox is closed; `None` while it is open.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.with(|state, _| state.close_reason())
    }

    /// What it has counted, all at one instant.
    pub fn stats(&self) -> Stats {
        self.shared.with(|state, _| state.stats())
    }

    /// How many bytes a push needs reserved; `None` if the policy is not to
    /// block.
    fn needed(&self, bytes: usize) -> Result<Option<usize>, NoRoom> {
        let MailboxConfig {
            max_bytes,
            overflow,
            ..
        } = self.shared.config;
        let (bytes, max_bytes) = (bytes.max(1), max_bytes.get());
        match overflow {
            Overflow::Block if bytes > max_bytes => Err(NoRoom::TooLarge { bytes, max_bytes }),
            Overflow::Block => Ok(Some(bytes)),
            Overflow::DropOldest | Overflow::DropNewest | Overflow::Close => Ok(None),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared
                .with(|state, afterwards| state.close(CloseReason::Ended, afterwards));
        }
    }
}

// === impl Pushed ===

impl Pushed {
    /// What was lost by the push of an item that counts `bytes`.
    pub fn lost(self, bytes: usize) -> Losses {
        let mut losses = Losses::default();
        let one = Tally::one(bytes.max(1));
        match self {
            Self::Queued | Self::Closed => {}
            Self::DroppedOldest { lost } => losses.dropped_oldest = lost,
            Self::DroppedNewest => losses.dropped_newest = one,
            Self::TooLarge => losses.too_large = one,
            Self::Lagged => losses.lagged = one,
        }
        losses
    }

    /// Whether the item is queued, whatever was lost for it.
    pub fn is_queued(self) -> bool {
        matches!(self, Self::Queued | Self::DroppedOldest { .. })
    }
}
