//! Asks whoever reviews, and publishes.

use std::time::Duration;

use capsule_sdk::{bus::Refusal, prelude::*};

#[derive(Default)]
struct Asks;

#[capsule]
impl Asks {
    /// Answers with what each reviewer said, one a line.
    #[action]
    fn ask(&self, payload: Vec<u8>) -> Result<Verdict> {
        let replies = bus::trigger("review.it")
            .payload(payload)
            .deadline(Duration::from_millis(500))
            .send()?;
        let told: Vec<_> = replies
            .iter()
            .map(|reply| match &reply.answer {
                Ok(verdict) => format!("{} {}: {verdict:?}", reply.capsule, reply.action),
                Err(none) => format!("{} {}: {:?}", reply.capsule, reply.action, none.cause),
            })
            .collect();
        bus::publish_json("audit.asked", &told.len())?;
        Ok(Verdict::answer(told.join("\n")))
    }

    /// Answers with the refusals of what is not granted.
    #[action]
    fn overstep(&self) -> Verdict {
        let refusals: [Refusal; 3] = [
            bus::publish("other", "").unwrap_err(),
            bus::publish("no topic", "").unwrap_err(),
            bus::trigger("audit.asked").send().unwrap_err(),
        ];
        Verdict::answer(refusals.map(|refusal| refusal.to_string()).join("\n"))
    }
}
