//! Events side by side, outcomes in order.

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
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

/// Takes each of `lines` in, as many at a time as `limits` allow; the room
/// that a line takes up is given back when its answer is. Gives
/// `answer` the answers in the order of the lines. Ends when `lines` does, or
/// when `answer` says that nobody wants more by returning `false`.
pub(super) async fn run(
    host: Host,
    mut lines: mpsc::Receiver<(Line, OwnedSemaphorePermit)>,
    limits: InputSettings,
    mut answer: impl AsyncFnMut(Answer) -> bool,
) {
    let tasks = TaskTracker::new();
    let (taken, mut pending) = mpsc::channel::<Pending>(limits.in_flight_events.get().into());
    let _intake = AbortOnDrop(tasks.spawn({
        let tasks = tasks.clone();
        async move {
            let mut number = 0;
            while let Some((line, room)) = lines.recv().await {
                number += 1;
                let answer = match submit(&host, &limits, line).await {
                    Ok(running) => PendingAnswer::Running(number, tasks.spawn(running.run())),
                    Err(error) => PendingAnswer::Ready(Answer::Refused {
                        line: number,
                        error,
                    }),
                };
                let next = Pending {
                    answer,
                    _room: room,
                };
                if taken.send(next).await.is_err() {
                    break;
                }
            }
        }
    }));
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
}

/// Ends a task with its scope.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
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
