//! A process that answers for an external hook, at its pace.

use std::time::Duration;

use capsule_core::broker::{Answer, End, HookSubscriber};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::task::TaskTracker;

use super::consumer::Pace;

/// What it takes to answer.
const ANSWERS: Duration = Duration::from_millis(1);

/// What a process was asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// Before it was to stall.
    pub(super) before: usize,
    /// After that: what had been queued meanwhile, for one thing.
    pub(super) after: usize,
    /// Why there was no more, if it was disconnected.
    pub(super) end: Option<End>,
}

/// Answers every question until all is over.
pub(super) async fn answer(mut subscriber: HookSubscriber, pace: Pace) -> Asked {
    let epoch = Instant::now();
    let mut asked = Asked::default();
    let tasks = TaskTracker::new();
    for (from, to) in pace.spans() {
        sleep_until(epoch + *from).await;
        while let Ok(request) = timeout_at(epoch + *to, subscriber.recv()).await {
            let request = match request {
                Ok(request) => request,
                Err(end) => {
                    asked.end = Some(end);
                    return asked;
                }
            };
            match from.is_zero() {
                true => asked.before += 1,
                false => asked.after += 1,
            }
            if let Some(reply_to) = request.reply_to {
                let responder = subscriber.responder();
                tasks.spawn(async move {
                    sleep(ANSWERS).await;
                    responder.respond(reply_to.hook_id, Answer::new())
                });
            }
        }
    }
    asked
}
