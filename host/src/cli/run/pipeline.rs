//! Events side by side, outcomes in order.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::{JoinHandle, unconstrained},
    time::Instant,
};
use tokio_util::task::TaskTracker;

use crate::{Draft, Host, Outcome};

/// Batches that wait for the next stage: enough that none waits at each.
const WAITING: usize = 4;
/// For how long the events of a batch run where they were taken in. What is
/// quick, as most is, has its outcome without a task of its own, and whoever
/// comes behind it in its lane need not wait; what takes longer than a task
/// costs goes to the other threads.
const INLINE: Duration = Duration::from_micros(500);

/// Lines that were read together.
pub(super) struct Batch {
    /// The events, or why a line is none.
    pub(super) drafts: Vec<Result<Draft, String>>,
    /// What they take up, until their answers are written.
    pub(super) room: Room,
}

/// Room taken up by lines: for their number, and for their bytes.
pub(super) type Room = [OwnedSemaphorePermit; 2];

/// One line's answer, in the order of the lines.
#[derive(Debug)]
pub(super) enum Answer {
    /// What became of the event.
    Outcome(Outcome),
    /// Why there was none to become anything.
    Refused {
        /// The line, counted from 1.
        line: u64,
        /// Why.
        error: String,
    },
}

/// Answers in order. The last ones of a batch hold its room.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) answers: Vec<Answer>,
    pub(super) room: Option<Room>,
}

/// Answers that may not be there yet.
struct Pending {
    answers: Vec<PendingAnswer>,
    room: Option<Room>,
}

enum PendingAnswer {
    Running(u64, JoinHandle<Outcome>),
    Ready(Answer),
}

/// Nobody wants more answers.
struct Unwanted;

/// Takes events in, in order.
struct Intake {
    tasks: TaskTracker,
    /// Lines seen.
    line: u64,
    /// Of the present batch.
    answers: Vec<PendingAnswer>,
    taken: mpsc::Sender<Pending>,
}

/// Ends a task with its scope.
struct AbortOnDrop(JoinHandle<Result<(), Unwanted>>);

/// Takes the events of `batches` in, and gives `out` their answers in the
/// order of the lines, each as soon as those before it are there. Ends when
/// `batches` does, or when nobody receives the answers any more.
pub(super) async fn run(host: Host, batches: mpsc::Receiver<Batch>, out: mpsc::Sender<Answers>) {
    let tasks = TaskTracker::new();
    let (taken, mut pending) = mpsc::channel(WAITING);
    let intake = Intake {
        tasks: tasks.clone(),
        line: 0,
        answers: Vec::new(),
        taken,
    };
    let _intake = AbortOnDrop(tasks.spawn(intake.run(host, batches)));
    while let Some(Pending { answers, room }) = pending.recv().await {
        let mut ready = Answers::default();
        ready.answers.reserve(answers.len());
        for answer in answers {
            let answer = match answer {
                PendingAnswer::Ready(answer) => answer,
                PendingAnswer::Running(line, task) => {
                    // Those before it do not wait for it.
                    if !task.is_finished()
                        && !ready.answers.is_empty()
                        && out.send(mem::take(&mut ready)).await.is_err()
                    {
                        return;
                    }
                    match task.await {
                        Ok(outcome) => Answer::Outcome(outcome),
                        Err(error) => failed(line, &error.to_string()),
                    }
                }
            };
            ready.answers.push(answer);
        }
        ready.room = room;
        if out.send(ready).await.is_err() {
            return;
        }
    }
}

fn failed(line: u64, error: &str) -> Answer {
    Answer::Refused {
        line,
        error: format!("the host failed on this event: {error}"),
    }
}

// === impl Intake ===

impl Intake {
    async fn run(mut self, host: Host, mut batches: mpsc::Receiver<Batch>) -> Result<(), Unwanted> {
        while let Some(batch) = batches.recv().await {
            let inline_until = Instant::now() + INLINE;
            self.answers.reserve(batch.drafts.len());
            for draft in batch.drafts {
                self.line += 1;
                let answer = match draft {
                    Ok(draft) => self.take_in(&host, draft, inline_until).await?,
                    Err(error) => self.refused(error),
                };
                self.answers.push(answer);
            }
            self.hand_on(Some(batch.room)).await?;
        }
        Ok(())
    }

    async fn take_in(
        &mut self,
        host: &Host,
        draft: Draft,
        inline_until: Instant,
    ) -> Result<PendingAnswer, Unwanted> {
        let mut submitted = pin!(host.submit(draft));
        let submitted = match unconstrained(submitted.as_mut()).now_or_never() {
            Some(submitted) => submitted,
            None => {
                // Those before it do not wait for its room.
                if !self.answers.is_empty() {
                    self.hand_on(None).await?;
                }
                submitted.await
            }
        };
        let mut running = match submitted {
            Ok(running) => Box::pin(running.run()),
            Err(error) => return Ok(self.refused(error.to_string())),
        };
        if Instant::now() < inline_until {
            let poll = || unconstrained(running.as_mut()).now_or_never();
            match catch_unwind(AssertUnwindSafe(poll)) {
                Ok(None) => {}
                Ok(Some(outcome)) => return Ok(PendingAnswer::Ready(Answer::Outcome(outcome))),
                Err(_panic) => {
                    return Ok(PendingAnswer::Ready(failed(self.line, "it panicked")));
                }
            }
        }
        Ok(PendingAnswer::Running(self.line, self.tasks.spawn(running)))
    }

    fn refused(&self, error: String) -> PendingAnswer {
        PendingAnswer::Ready(Answer::Refused {
            line: self.line,
            error,
        })
    }

    async fn hand_on(&mut self, room: Option<Room>) -> Result<(), Unwanted> {
        let answers = mem::take(&mut self.answers);
        let pending = Pending { answers, room };
        self.taken.send(pending).await.map_err(|_| Unwanted)
    }
}

// === impl AbortOnDrop ===

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
