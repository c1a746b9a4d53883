//! Events side by side, outcomes in order.

use std::sync::Arc;

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

use super::lines::Line;
use crate::{Host, Outcome, config::InputSettings, wire};

/// One line's answer, in the order of the lines.
#[derive(Debug)]
pub(super) enum Answer {
    /// What became of the event.
    Outcome(Box<Outcome>),
    /// Why there was none to become anything.
    Refused {
        /// The line, counted from 1.
        line: u64,
        /// Why.
        error: String,
    },
}

/// An answer that may not be there yet, and the room its line takes up.
struct Pending {
    answer: PendingAnswer,
    _room: OwnedSemaphorePermit,
}

enum PendingAnswer {
    Running(u64, JoinHandle<Outcome>),
    Ready(Answer),
}

/// Takes each of `lines` in, as many at a time as `limits` allow, and gives
/// `answer` the answers in the order of the lines. Ends when `lines` does, or
/// when `answer` says that nobody wants more by returning `false`.
pub(super) async fn run(
    host: Host,
    mut lines: mpsc::Receiver<Line>,
    limits: InputSettings,
    mut answer: impl AsyncFnMut(Answer) -> bool,
) {
    let tasks = TaskTracker::new();
    let (taken, mut pending) = mpsc::channel::<Pending>(limits.in_flight_events.get());
    let intake = tasks.spawn({
        let tasks = tasks.clone();
        async move {
            let room = Arc::new(Semaphore::new(limits.in_flight_bytes.get() as usize));
            let mut number = 0;
            while let Some(line) = lines.recv().await {
                number += 1;
                let Some(next) = take(&host, &tasks, &room, &limits, number, line).await else {
                    break;
                };
                if taken.send(next).await.is_err() {
                    break;
                }
            }
        }
    });
    while let Some(next) = pending.recv().await {
        let ready = match next.answer {
            PendingAnswer::Ready(ready) => ready,
            PendingAnswer::Running(line, task) => match task.await {
                Ok(outcome) => Answer::Outcome(Box::new(outcome)),
                Err(error) => Answer::Refused {
                    line,
                    error: format!("the host failed on this event: {error}"),
                },
            },
        };
        if !answer(ready).await {
            break;
        }
    }
    intake.abort();
}

/// Takes one line in; `None` if the host takes no more.
async fn take(
    host: &Host,
    tasks: &TaskTracker,
    room: &Arc<Semaphore>,
    limits: &InputSettings,
    number: u64,
    line: Line,
) -> Option<Pending> {
    let bytes = match &line {
        Line::Whole(line) => u32::try_from(line.len()).unwrap_or(u32::MAX),
        Line::TooLong(_) => 0,
    };
    // A line that is larger than all the room there is takes all of it.
    let bytes = bytes.min(limits.in_flight_bytes.get());
    let room = room.clone().acquire_many_owned(bytes).await.ok()?;
    let answer = match submit(host, limits, line).await {
        Ok(running) => PendingAnswer::Running(number, tasks.spawn(running.run())),
        Err(error) => PendingAnswer::Ready(Answer::Refused {
            line: number,
            error,
        }),
    };
    Some(Pending {
        answer,
        _room: room,
    })
}

async fn submit(host: &Host, limits: &InputSettings, line: Line) -> Result<crate::Running, String> {
    let line = match line {
        Line::Whole(line) => line,
        Line::TooLong(bytes) => {
            let max = limits.max_line_bytes;
            return Err(format!(
                "the line has {bytes} bytes; at most {max} are read (`max_line_bytes` under \
                 [input] in host.toml)"
            ));
        }
    };
    let draft = wire::parse_event(&line).map_err(|error| error.to_string())?;
    host.submit(draft).await.map_err(|error| error.to_string())
}
