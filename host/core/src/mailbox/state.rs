//! What a mailbox holds, and what becomes of it: pure state, but for the
//! wakers that it keeps and hands out.

use std::{fmt, mem, task::Waker};

use super::{
    FairQueue, Item, Losses, MailboxConfig, NoRoom, Overflow, Pushed, Received, Stats, Tally,
    TryRecvError, line::Line, shared::Afterwards,
};

/// What a mailbox holds.
#[derive(Debug)]
pub(super) struct State<T> {
    config: MailboxConfig,
    queue: FairQueue<T>,
    /// Room that is held for pushes to come; only where the policy is to
    /// block.
    reserved: Reserved,
    line: Line,
    /// What is lost and the receiver does not know of yet.
    untold: Tally,
    delivered: Tally,
    lost: Losses,
    closed: Option<CloseReason>,
    receiver: Option<Waker>,
}

/// Why a mailbox takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// A push found no room where the policy is [`Overflow::Close`].
    Lagged,
    /// The receiver closed it, or was dropped.
    Closed,
    /// All senders were dropped.
    Ended,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reserved {
    items: usize,
    bytes: usize,
}

// === impl State ===

impl<T> State<T> {
    pub(super) fn new(config: MailboxConfig) -> Self {
        Self {
            config,
            queue: FairQueue::new(config.quantum_bytes),
            reserved: Reserved::default(),
            line: Line::default(),
            untold: Tally::default(),
            delivered: Tally::default(),
            lost: Losses::default(),
            closed: None,
            receiver: None,
        }
    }

    // What publishers do.

    /// Whether twice the budget is queued: what nobody reserved room for is
    /// lost from then on, so that a consumer that never receives does not fill
    /// the memory.
    fn is_swamped(&self) -> bool {
        self.queue.bytes() >= self.config.max_bytes.get().saturating_mul(2)
            || self.queue.len() >= self.config.max_items.get().saturating_mul(2)
    }

    /// Counts an item as lost that waited for room and will not be pushed any
    /// more. `false` if nothing is counted, as the mailbox is closed.
    pub(super) fn give_up(&mut self, bytes: usize, afterwards: &mut Afterwards<T>) -> bool {
        let is_open = self.closed.is_none();
        if is_open {
            let size = Tally::one(bytes);
            self.lost.given_up += size;
            self.untold += size;
            afterwards.wake(self.receiver.take());
        }
        is_open
    }

    /// Drops oldest items until there is room.
    fn make_room(&mut self, bytes: usize, afterwards: &mut Afterwards<T>) -> Tally {
        let mut lost = Tally::default();
        while !self.has_room(bytes)
            && let Some(oldest) = self.queue.drop_oldest()
        {
            lost += Tally::one(oldest.bytes);
            afterwards.drop(oldest.item);
        }
        self.lost.dropped_oldest += lost;
        self.untold += lost;
        lost
    }

    /// Holds room for one who did not wait. `Ok(false)` says that it needs
    /// none, and `Err` that there is none.
    pub(super) fn reserve(&mut self, bytes: usize) -> Result<bool, NoRoom> {
        if self.closed.is_some() {
            return Ok(false);
        }
        if !self.has_room(bytes) {
            return Err(NoRoom::Full);
        }
        self.reserved.items += 1;
        self.reserved.bytes = self.reserved.bytes.saturating_add(bytes);
        Ok(true)
    }

    /// Gives up room that was held.
    pub(super) fn release(&mut self, held: usize, afterwards: &mut Afterwards<T>) {
        self.give_back(held);
        self.call_next(afterwards);
    }

    /// The line for room.
    pub(super) fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    /// Whether the one with this ticket need wait no longer: it is the first,
    /// and there is room for it, or the mailbox is closed.
    pub(super) fn is_called(&self, ticket: u64, bytes: usize) -> bool {
        self.closed.is_some() || (self.line.is_first(ticket) && self.has_room(bytes))
    }

    /// Gives up a place in the line; the next one is called if there is room.
    pub(super) fn leave_line(&mut self, ticket: u64, afterwards: &mut Afterwards<T>) {
        self.line.leave(ticket);
        self.call_next(afterwards);
    }

    // What the receiver does.

    /// The next of the stream, if that is an item and nothing else is to be
    /// done.
    #[inline]
    pub(super) fn next_at_once(&mut self) -> Option<T> {
        if self.untold.items > 0 || !self.line.is_empty() {
            return None;
        }
        let next = self.queue.pop()?;
        self.delivered += Tally::one(next.bytes);
        Some(next.item)
    }

    /// The next of the stream: what was lost, or else an item.
    pub(super) fn next(
        &mut self,
        afterwards: &mut Afterwards<T>,
    ) -> Result<Received<T>, TryRecvError> {
        if self.untold.items > 0 {
            let Tally { items, bytes } = mem::take(&mut self.untold);
            return Ok(Received::Lost { items, bytes });
        }
        match self.queue.pop() {
            Some(next) => {
                self.delivered += Tally::one(next.bytes);
                self.call_next(afterwards);
                Ok(Received::Item(next.item))
            }
            None if self.closed.is_some() => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Keeps the receiver's waker until there is something for it.
    pub(super) fn listen(&mut self, waker: &Waker) {
        match &mut self.receiver {
            Some(kept) => kept.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    // The end.

    /// Takes nothing any more. The first reason stays.
    pub(super) fn close(&mut self, reason: CloseReason, afterwards: &mut Afterwards<T>) {
        self.closed.get_or_insert(reason);
        afterwards.wake(self.receiver.take());
        self.line
            .call_all()
            .for_each(|waker| afterwards.wake(Some(waker)));
    }

    /// Throws away what is queued.
    pub(super) fn discard(&mut self, afterwards: &mut Afterwards<T>) {
        let queue = self.queue.take();
        self.lost.discarded += Tally::of(queue.len(), queue.bytes());
        self.untold = Tally::default();
        afterwards.drop_all(queue);
    }

    /// Why the mailbox is closed; `None` while it is open.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        self.closed
    }

    // The figures.

    /// Whether it holds more than it may.
    pub(super) fn is_over_budget(&self) -> bool {
        let (items, bytes) = self.held();
        items > self.config.max_items.get() || bytes > self.config.max_bytes.get()
    }

    pub(super) fn stats(&self) -> Stats {
        let queued = Tally::of(self.queue.len(), self.queue.bytes());
        Stats {
            // Nothing else ever becomes of an item.
            pushed: self.delivered + self.lost.total() + queued,
            delivered: self.delivered,
            lost: self.lost,
            queued,
            reserved: Tally::of(self.reserved.items, self.reserved.bytes),
            principals: self.queue.principals(),
            waiting: self.line.len(),
            starved_rounds: self.queue.starved_rounds(),
        }
    }

    #[inline]
    fn has_room(&self, bytes: usize) -> bool {
        let (items, held) = self.held();
        items < self.config.max_items.get()
            && held.saturating_add(bytes) <= self.config.max_bytes.get()
    }

    /// Items and bytes, queued and reserved.
    #[inline]
    fn held(&self) -> (usize, usize) {
        let Reserved { items, bytes } = self.reserved;
        (
            self.queue.len() + items,
            self.queue.bytes().saturating_add(bytes),
        )
    }

    fn give_back(&mut self, held: usize) {
        self.reserved.items = self.reserved.items.saturating_sub(1);
        self.reserved.bytes = self.reserved.bytes.saturating_sub(held);
    }

    #[inline]
    fn call_next(&mut self, afterwards: &mut Afterwards<T>) {
        if self
            .line
            .first_needs()
            .is_some_and(|bytes| self.has_room(bytes))
        {
            afterwards.wake(self.line.call_first());
        }
    }
}

impl<T: Item> State<T> {
    /// Takes an item in if that is all there is to do; else it is handed back.
    #[inline]
    pub(super) fn push_at_once(&mut self, bytes: usize, item: T) -> Result<(), T> {
        let bytes = bytes.max(1);
        if self.closed.is_none() && self.receiver.is_none() && self.has_room(bytes) {
            self.queue.push(bytes, item);
            Ok(())
        } else {
            Err(item)
        }
    }

    /// Takes an item in, or does with it what the policy says. `held` is the
    /// room that was reserved for it.
    pub(super) fn push(
        &mut self,
        bytes: usize,
        item: T,
        held: Option<usize>,
        afterwards: &mut Afterwards<T>,
    ) -> Pushed {
        if let Some(held) = held {
            self.give_back(held);
        }
        let bytes = bytes.max(1);
        let pushed = if self.closed.is_some() {
            afterwards.drop(item);
            Pushed::Closed
        } else {
            afterwards.wake(self.receiver.take());
            if self.has_room(bytes) {
                self.queue.push(bytes, item);
                Pushed::Queued
            } else {
                self.overflow(bytes, item, held.is_some(), afterwards)
            }
        };
        if held.is_some() {
            self.call_next(afterwards);
        }
        pushed
    }

    /// Does what the policy says with an item for which there is no room.
    fn overflow(
        &mut self,
        bytes: usize,
        item: T,
        is_reserved: bool,
        afterwards: &mut Afterwards<T>,
    ) -> Pushed {
        let is_too_large = bytes > self.config.max_bytes.get();
        let (cause, lost) = match self.config.overflow {
            _ if is_too_large => (&mut self.lost.too_large, Pushed::TooLarge),
            Overflow::Block if !is_reserved && self.is_swamped() => {
                (&mut self.lost.dropped_newest, Pushed::DroppedNewest)
            }
            Overflow::Block => {
                self.queue.push(bytes, item);
                return Pushed::Queued;
            }
            Overflow::DropOldest => {
                let lost = self.make_room(bytes, afterwards);
                self.queue.push(bytes, item);
                return Pushed::DroppedOldest { lost };
            }
            Overflow::DropNewest => (&mut self.lost.dropped_newest, Pushed::DroppedNewest),
            Overflow::Close => {
                self.closed = Some(CloseReason::Lagged);
                (&mut self.lost.lagged, Pushed::Lagged)
            }
        };
        let size = Tally::one(bytes);
        *cause += size;
        self.untold += size;
        afterwards.drop(item);
        lost
    }
}

// === impl CloseReason ===

impl CloseReason {
    /// The word for it in answers, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lagged => "lagged",
            Self::Closed => "closed",
            Self::Ended => "ended",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
