//! Limits how many events a principal may publish: a token bucket per limit,
//! filled by the time of the events.
//!
//! The host gives each principal an instance of its own, so the buckets here
//! are those of one principal, and no tenant can empty another's. They live
//! in the instance: one that the host drops comes back with full buckets.

mod bucket;

#[cfg(test)]
mod tests;

use capsule_sdk::prelude::*;
use serde::Deserialize;

use self::bucket::{Bucket, Rate};

/// The manifest's `[config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// For topics that none of `limits` names. Without it they have no limit.
    default: Option<Limit>,
    /// The first one whose pattern matches counts.
    #[serde(default)]
    limits: Vec<TopicLimit>,
}

/// So many events in so much time.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    events: u32,
    per_seconds: u32,
    /// How many may come at once; as many as `events` unless said otherwise.
    burst: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicLimit {
    /// `*` is one segment of a topic, a last `>` one or more.
    topic: String,
    events: u32,
    per_seconds: u32,
    burst: Option<u32>,
}

/// The limits, and how much of each the principal has left.
#[derive(Debug)]
pub struct RateLimit {
    /// In the order of the manifest, the default last.
    buckets: Vec<(String, Bucket)>,
}

// === impl Limit ===

impl Limit {
    fn rate(self, key: &str) -> Result<Rate> {
        Rate::new(self.events, self.per_seconds, self.burst)
            .map_err(|why| Error::msg(format!("[config] {key}: {why}")))
    }
}

// === impl RateLimit ===

#[capsule]
impl RateLimit {
    fn new(config: &Config) -> Result<Self> {
        let Settings { default, limits } = config.parse()?;
        if default.is_none() && limits.is_empty() {
            return Err(Error::msg("[config] has neither `default` nor `limits`"));
        }
        let mut buckets = Vec::new();
        for (i, limit) in limits.into_iter().enumerate() {
            let TopicLimit {
                topic,
                events,
                per_seconds,
                burst,
            } = limit;
            if !is_pattern(&topic) {
                return Err(Error::msg(format!(
                    "[config] limits[{i}].topic: `{topic}` is no pattern"
                )));
            }
            let limit = Limit {
                events,
                per_seconds,
                burst,
            };
            buckets.push((topic, Bucket::new(limit.rate(&format!("limits[{i}]"))?)));
        }
        if let Some(limit) = default {
            buckets.push((">".to_owned(), Bucket::new(limit.rate("default")?)));
        }
        Ok(Self { buckets })
    }

    #[action]
    fn limit(&mut self, cx: &Context) -> Verdict {
        let topic = cx.topic();
        let found = self
            .buckets
            .iter_mut()
            .find(|(pattern, _)| matches(pattern, &topic));
        let Some((pattern, bucket)) = found else {
            return Verdict::skip();
        };
        match bucket.take(cx.time_ms()) {
            Ok(()) => Verdict::unchanged(),
            Err(wait_ms) => Verdict::deny(format!(
                "rate limit of `{pattern}` ({}), retry_after={}s",
                bucket.rate(),
                wait_ms.div_ceil(1000),
            )),
        }
    }
}

fn is_pattern(text: &str) -> bool {
    let mut segments = text.split('.').rev();
    let last = segments.next().unwrap_or_default();
    let name = |s: &str| {
        !s.is_empty()
            && s.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    (last == ">" || last == "*" || name(last)) && segments.all(|s| s == "*" || name(s))
}

fn matches(pattern: &str, topic: &str) -> bool {
    let mut topic = topic.split('.');
    for want in pattern.split('.') {
        match topic.next() {
            Some(_) if want == ">" => return true,
            Some(segment) if want == "*" || want == segment => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}
