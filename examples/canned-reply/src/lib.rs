//! Answers configured events with a fixed reply.
//!
//! Each rule of `[config]` says which events it answers, by topic, by a field
//! of the JSON payload, or by both. The first rule that fits ends the chain;
//! an event that none fits is skipped.

mod rule;
#[cfg(test)]
mod tests;

use capsule_sdk::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::rule::Rule;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    replies: Vec<Rule>,
}

struct CannedReply {
    rules: Vec<Rule>,
}

#[capsule]
impl CannedReply {
    fn new(config: &Config) -> Result<Self> {
        let Settings { replies: rules } = config.parse()?;
        for (index, rule) in rules.iter().enumerate() {
            rule.check()
                .map_err(|error| Error::msg(format!("[config]: `replies[{index}]`: {error}")))?;
        }
        Ok(Self { rules })
    }

    #[action]
    fn reply(&self, payload: Vec<u8>, cx: &Context) -> Result<Verdict> {
        let topic = cx.topic();
        // A rule about the topic alone also answers what is not JSON.
        let payload: Option<Value> = serde_json::from_slice(&payload).ok();
        match self
            .rules
            .iter()
            .find(|rule| rule.fits(&topic, payload.as_ref()))
        {
            Some(rule) => Verdict::answer_json(&rule.reply),
            None => Ok(Verdict::skip()),
        }
    }
}
