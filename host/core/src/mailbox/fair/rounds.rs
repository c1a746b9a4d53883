//! Whose turn it is: deficit round-robin, in which newcomers come first. Knows
//! nothing of items but their sizes.

use std::collections::BTreeMap;

use super::super::Quantum;

/// The turns of all who have items.
#[derive(Debug)]
pub(super) struct Rounds {
    quantum: u64,
    /// The most bytes that newcomers are served ahead of the others in one
    /// round; it ends even if there is a newcomer at any time.
    most_ahead: u64,
    /// The round under way; the first is 1.
    now: u64,
    /// The bytes that newcomers were served in this round or are to be.
    ahead: u64,
    next_number: u64,
    /// Who has them, as the caller knows them.
    turns: BTreeMap<Turn, u64>,
}

/// What one principal has had, and when its turn is.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// The bytes it was served, plus a quantum for each round before it came.
    /// Its credit is what this lacks to a quantum for each round so far.
    served: u64,
    /// In the round in which the credit is enough for its next item.
    turn: Turn,
    /// The round in which it was last served, or else changed its head.
    since: u64,
    /// The round in which it was last served.
    served_in: u64,
}

/// Turns are taken in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    round: u64,
    standing: Standing,
    number: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Had no items at some time in this round.
    Newcomer,
    /// Has had items since an earlier round, or has had its quantum.
    #[default]
    Waiting,
}

// === impl Rounds ===

impl Rounds {
    /// Nobody has items. `most_ahead` counts quanta.
    pub(super) fn new(quantum: Quantum, most_ahead: u64) -> Self {
        let quantum = quantum.get() as u64;
        Self {
            quantum,
            most_ahead: quantum.saturating_mul(most_ahead),
            now: 1,
            ahead: 0,
            next_number: 0,
            turns: BTreeMap::new(),
        }
    }

    /// The next turn, and who has it.
    pub(super) fn next(&self) -> Option<(Turn, u64)> {
        self.turns
            .first_key_value()
            .map(|(turn, who)| (*turn, *who))
    }

    /// Comes to a turn, the next one. Whether a new round begins with it.
    pub(super) fn come_to(&mut self, turn: Turn) -> bool {
        let is_new = turn.round > self.now;
        if is_new {
            self.now = turn.round;
            self.ahead = 0;
        }
        is_new
    }

    /// A turn for one who had no items, as far as is known in this round, and
    /// whose first has so many bytes.
    pub(super) fn open(&mut self, who: u64, bytes: usize) -> Account {
        let mut account = Account::default();
        self.reopen(&mut account, who, bytes);
        account
    }

    /// The same for one who was served in this round.
    pub(super) fn reopen(&mut self, account: &mut Account, who: u64, bytes: usize) {
        // It joins this round, and is given no more than the others were.
        account.served = account.served.max(self.before_now());
        let mut round = self.due(account.served, bytes);
        let mut standing = Standing::Waiting;
        if round <= self.now {
            if self.may_go_ahead() {
                standing = Standing::Newcomer;
            } else {
                account.served = self.now.saturating_mul(self.quantum);
                round = self.due(account.served, bytes);
            }
        }
        account.since = account.served.div_ceil(self.quantum);
        account.turn = self.insert(round, standing, who, bytes);
    }

    /// Puts it down that the turn was used to serve so many bytes.
    pub(super) fn serve(&self, account: &mut Account, bytes: usize) {
        account.served_in = self.now;
        account.served = account.served.saturating_add(bytes as u64);
    }

    /// Puts it down that an item is lost that had its turn to come.
    pub(super) fn lose(&mut self, account: &Account, bytes: usize) {
        if account.turn.standing == Standing::Newcomer {
            self.ahead = self.ahead.saturating_sub(bytes as u64);
        }
    }

    /// The turn of one whose next item has so many bytes, after another.
    pub(super) fn go_on(&mut self, account: &mut Account, who: u64, bytes: usize) {
        let Turn {
            round, standing, ..
        } = account.turn;
        let due = self.due(account.served, bytes);
        if standing == Standing::Newcomer || due != round {
            self.turns.remove(&account.turn);
            let standing = if due == self.now && self.may_go_ahead() {
                standing
            } else {
                Standing::Waiting
            };
            account.turn = self.insert(due, standing, who, bytes);
        }
        account.since = self.now;
    }

    /// Gives the turn up: there are no items.
    pub(super) fn close(&mut self, account: &Account) {
        self.turns.remove(&account.turn);
    }

    /// Whether it was served in this round: its account matters until the
    /// round is over.
    pub(super) fn was_served_now(&self, account: &Account) -> bool {
        account.served_in == self.now
    }

    /// Forgets everybody.
    pub(super) fn clear(&mut self) {
        self.turns.clear();
        self.ahead = 0;
    }

    /// How many rounds have passed since one with items was last served,
    /// without its head being due.
    pub(super) fn rounds_in_vain(&self, account: &Account) -> u64 {
        let last = account.turn.round.saturating_sub(1);
        self.now.min(last).saturating_sub(account.since)
    }

    /// The first round, of this and those to come, whose credit is enough for
    /// so many bytes more than were served.
    fn due(&self, served: u64, bytes: usize) -> u64 {
        served
            .saturating_add(bytes as u64)
            .div_ceil(self.quantum)
            .max(self.now)
    }

    /// What everybody may have been served in the rounds before this one.
    fn before_now(&self) -> u64 {
        (self.now - 1).saturating_mul(self.quantum)
    }

    fn may_go_ahead(&self) -> bool {
        self.ahead < self.most_ahead
    }

    fn insert(&mut self, round: u64, standing: Standing, who: u64, bytes: usize) -> Turn {
        if standing == Standing::Newcomer {
            self.ahead = self.ahead.saturating_add(bytes as u64);
        }
        let number = self.next_number;
        self.next_number += 1;
        let turn = Turn {
            round,
            standing,
            number,
        };
        self.turns.insert(turn, who);
        turn
    }
}

// === impl Account ===

impl Account {
    pub(super) fn turn(&self) -> Turn {
        self.turn
    }
}
