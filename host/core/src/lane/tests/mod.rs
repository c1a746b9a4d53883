//! The lanes against a model, step by step and under every schedule that a
//! random scheduler finds.

#[cfg(not(shuttle))]
mod mix;
mod model;
#[cfg(shuttle)]
mod schedules;
#[cfg(not(shuttle))]
mod waiting;

use std::{
    num::NonZeroUsize,
    sync::Arc,
    task::{Context, Waker},
};

use super::*;
use crate::{sync::Mutex, types::Principal};

/// What is delivered, and where to.
#[derive(Debug)]
struct Note(Arc<Mutex<Vec<usize>>>, usize);

/// What a test delivers.
trait Deliver: Send {
    fn deliver(self);
}

impl<D: Deliver> Home for Arc<Lanes<D>> {
    type Delivery = D;

    fn lanes(&self) -> &Lanes<D> {
        self
    }

    fn deliver(&self, delivery: D) {
        delivery.deliver();
    }
}

impl Deliver for Note {
    fn deliver(self) {
        self.0.lock().push(self.1);
    }
}

fn lanes(capacity: usize) -> Arc<Lanes<Note>> {
    Arc::new(Lanes::new(config(capacity)))
}

fn config(capacity: usize) -> LaneConfig {
    LaneConfig {
        capacity: NonZeroUsize::new(capacity).unwrap(),
        ..LaneConfig::default()
    }
}

fn groups<const N: usize>() -> [Arc<LaneGroup>; N] {
    std::array::from_fn(|id| Arc::new(LaneGroup::new(id as u32, format!("g{id}").into())))
}

/// A visit that owns what it names.
#[derive(Clone, Debug, Default)]
struct Wish {
    principal: Option<Principal>,
    scopes: Arc<[LaneScope]>,
    announces: bool,
    delivers: bool,
    bytes: u64,
    is_nested: bool,
}

type Tickets<D = Note> = super::Tickets<Arc<Lanes<D>>>;

#[cfg(not(shuttle))]
type LaneTicket = super::LaneTicket<Arc<Lanes<Note>>>;

impl Wish {
    fn visit(&self) -> Visit<'_> {
        Visit {
            principal: &self.principal,
            scopes: &self.scopes,
            announces: self.announces,
            delivers: self.delivers,
            bytes: self.bytes,
            is_nested: self.is_nested,
        }
    }
}

/// Enters with a wish, as events do with what they have.
trait Enter<D: Deliver> {
    fn try_enter(&self, wish: &Wish) -> Result<Tickets<D>, NoRoom>;
    async fn enter(&self, wish: &Wish) -> Tickets<D>;
}

impl<D: Deliver> Enter<D> for Arc<Lanes<D>> {
    fn try_enter(&self, wish: &Wish) -> Result<Tickets<D>, NoRoom> {
        Tickets::try_enter(self.clone(), wish.visit()).map_err(|(_, full)| full)
    }

    async fn enter(&self, wish: &Wish) -> Tickets<D> {
        Tickets::enter(self.clone(), wish.visit()).await
    }
}

fn visit(principal: Option<&Principal>, groups: &[&Arc<LaneGroup>]) -> Wish {
    let scope = |group: &&Arc<LaneGroup>| LaneScope {
        group: Arc::clone(group),
        session: None,
    };
    Wish {
        principal: principal.cloned(),
        scopes: groups.iter().map(scope).collect(),
        bytes: 1,
        ..Wish::default()
    }
}

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

/// Whether the ticket has its turn now.
fn has_turn(tickets: &Tickets, index: usize) -> bool {
    let mut turn = Box::pin(tickets.turn(index));
    turn.as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

/// Nothing is left of anything.
fn assert_empty(lanes: &Lanes<Note>) {
    assert_eq!(lanes.count(), 0);
    assert_eq!(lanes.principals(), 0);
    assert_eq!(lanes.in_flight(), RoomUse::default());
    assert_eq!(lanes.room.waiting(), 0);
    assert_eq!(lanes.shared.lock().lanes(), 0);
}
