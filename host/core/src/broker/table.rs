//! Who listens to which hook, and which questions are open. Pure state: no
//! lock, no clock. What a method gives back is to be dropped outside of the
//! lock, because dropping it wakes whoever waits for it.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, OnceLock},
};

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{Answer, End, HookId, HookName, ReplyTo, Request};

/// Everything the broker remembers.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Invariant: no list is empty, so that a hook without subscribers costs
    /// nothing.
    hooks: HashMap<HookName, Vec<Listener>, RandomState>,
    /// How many there are in all of `hooks`.
    listeners: usize,
    /// Invariant: each of them waits for at least one listener.
    questions: HashMap<HookId, Question, RandomState>,
    next_id: u64,
    closed: bool,
}

/// Tells subscribers apart; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SubscriberId(u64);

/// The host's end of a subscriber.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) id: SubscriberId,
    pub(super) queue: mpsc::Sender<Request>,
    /// Why the stream ended; set before the last `queue` goes.
    pub(super) ended: Arc<OnceLock<End>>,
}

/// Subscribers of one hook.
pub(super) type Listeners = SmallVec<[Listener; 2]>;

/// A question that is not answered.
#[derive(Debug)]
pub(super) struct Question {
    deadline: Instant,
    /// Who was asked and is still there.
    asked: SmallVec<[SubscriberId; 2]>,
    /// Dropped, it says that all of them have gone.
    answer: oneshot::Sender<Answer>,
}

/// What goes with a subscriber.
#[derive(Debug)]
pub(super) struct Left {
    _listener: Listener,
    /// The questions that waited for it alone.
    _questions: Vec<Question>,
}

// === impl Table ===

impl Table {
    /// How many subscribers there are.
    pub(super) fn listeners(&self) -> usize {
        self.listeners
    }

    /// How many hooks have a subscriber.
    pub(super) fn hooks(&self) -> usize {
        self.hooks.len()
    }

    /// How many questions are open.
    pub(super) fn questions(&self) -> usize {
        self.questions.len()
    }

    /// Whether nobody may subscribe any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Adds a subscriber.
    pub(super) fn listen(
        &mut self,
        hook: HookName,
        queue: mpsc::Sender<Request>,
        ended: Arc<OnceLock<End>>,
    ) -> SubscriberId {
        let id = SubscriberId(self.next_id);
        self.next_id += 1;
        self.listeners += 1;
        let listener = Listener { id, queue, ended };
        self.hooks.entry(hook).or_default().push(listener);
        id
    }

    /// Who listens to `hook`, in the order in which they subscribed.
    pub(super) fn listeners_of(&self, hook: &HookName) -> Listeners {
        let listeners = self.hooks.get(hook).map(Vec::as_slice).unwrap_or_default();
        listeners.iter().cloned().collect()
    }

    /// Takes a subscriber out, for the reason `end`. `None` if it is out
    /// already.
    pub(super) fn leave(&mut self, hook: &HookName, id: SubscriberId, end: End) -> Option<Left> {
        let listeners = self.hooks.get_mut(hook)?;
        let at = listeners.iter().position(|listener| listener.id == id)?;
        let listener = listeners.remove(at);
        if listeners.is_empty() {
            self.hooks.remove(hook);
        }
        self.listeners -= 1;
        // The first reason is the true one.
        let _ = listener.ended.set(end);
        let questions = self
            .questions
            .extract_if(|_, question| question.lose(id))
            .map(|(_, question)| question)
            .collect();
        Some(Left {
            _listener: listener,
            _questions: questions,
        })
    }

    /// Takes everybody out and lets nobody in again.
    pub(super) fn close(&mut self) -> (Vec<Listener>, Vec<Question>) {
        self.closed = true;
        self.listeners = 0;
        let listeners: Vec<_> = mem::take(&mut self.hooks).into_values().flatten().collect();
        for listener in &listeners {
            let _ = listener.ended.set(End::Closed);
        }
        let questions = mem::take(&mut self.questions).into_values().collect();
        (listeners, questions)
    }

    /// Opens a question to `listeners`, of whom there must be one at least.
    pub(super) fn ask(
        &mut self,
        reply_to: ReplyTo,
        listeners: &Listeners,
    ) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let question = Question {
            deadline: reply_to.deadline,
            asked: listeners.iter().map(|listener| listener.id).collect(),
            answer,
        };
        self.questions.insert(reply_to.hook_id, question);
        answered
    }

    /// Where the answer of `subscriber` goes, and closes the question. `None`
    /// if the question is not open, not open any more, or not its own.
    pub(super) fn answer(
        &mut self,
        hook_id: HookId,
        subscriber: SubscriberId,
        now: Instant,
    ) -> Option<oneshot::Sender<Answer>> {
        let question = self.questions.get(&hook_id)?;
        let accepts = question.asked.contains(&subscriber) && now < question.deadline;
        if !accepts {
            return None;
        }
        self.forget(hook_id).map(|question| question.answer)
    }

    /// Closes a question. `None` if it is closed already.
    pub(super) fn forget(&mut self, hook_id: HookId) -> Option<Question> {
        self.questions.remove(&hook_id)
    }
}

// === impl Question ===

impl Question {
    /// Does not wait for a subscriber any more; whether that was the last.
    fn lose(&mut self, id: SubscriberId) -> bool {
        self.asked.retain(|asked| *asked != id);
        self.asked.is_empty()
    }
}
