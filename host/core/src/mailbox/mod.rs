//! A bounded queue of items that belong to principals, fair among them.
//!
//! Many push, one receives. What is received next is decided by turns: a
//! principal that pushes fifty times as much as the others is received no
//! more often than they are. A mailbox is bounded in items and bytes, and an
//! [`Overflow`] says what a push does that finds no room. Whatever is lost is
//! counted by cause, and told to the receiver before what it receives next.
//!
//! Pushing never blocks. Where the policy is [`Overflow::Block`], a publisher
//! reserves room first, and that is what it waits for. One that needs room in
//! several mailboxes, and must not hold up the others while one is full, takes
//! all or none, always in the same order:
//!
//! ```
//! # use capsule_core::mailbox::*;
//! async fn reserve_all<T>(
//!     mailboxes: &[Sender<T>],
//!     bytes: usize,
//! ) -> Result<Vec<Option<Reservation<T>>>, NoRoom> {
//!     let mut turn = None;
//!     loop {
//!         let mut reserved = Vec::new();
//!         let full = mailboxes.iter().find_map(|mailbox| {
//!             let attempt = match &turn {
//!                 None => mailbox.try_reserve(bytes),
//!                 Some(turn) => mailbox.try_reserve_in_turn(bytes, turn),
//!             };
//!             match attempt {
//!                 Ok(room) => {
//!                     reserved.push(room);
//!                     None
//!                 }
//!                 Err(_) => Some(mailbox),
//!             }
//!         });
//!         let Some(full) = full else {
//!             return Ok(reserved);
//!         };
//!         drop(reserved);
//!         drop(turn.take());
//!         turn = Some(full.room(bytes).await?);
//!     }
//! }
//! # struct Notice;
//! # impl Item for Notice {
//! #     fn principal(&self) -> Option<&capsule_core::types::Principal> {
//! #         None
//! #     }
//! # }
//! # let (sender, _receiver) = mailbox::<Notice>(MailboxConfig {
//! #     overflow: Overflow::Block,
//! #     ..MailboxConfig::default()
//! # });
//! # let mut reserving = std::pin::pin!(reserve_all(std::slice::from_ref(&sender), 1));
//! # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
//! # assert!(reserving.as_mut().poll(&mut cx).is_ready());
//! ```
//!
//! A mailbox is one lock around plain state. Wakers are called, and items
//! dropped, outside of it.

mod config;
mod fair;
mod line;
mod receiver;
mod room;
mod sender;
mod shared;
mod state;
mod stats;

#[cfg(test)]
mod tests;

pub use self::{
    config::{MailboxConfig, Overflow, Quantum},
    fair::{FairQueue, Item, Taken},
    receiver::{Received, Receiver, TryRecvError},
    room::{NoRoom, Reservation, Turn},
    sender::{Pushed, Sender, mailbox},
    state::CloseReason,
    stats::{Losses, Stats, Tally},
};
