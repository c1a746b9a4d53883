//! Adds fields to JSON events: fixed ones of the manifest, and who, what and
//! when from the event itself.

mod timestamp;

#[cfg(test)]
mod tests;

use capsule_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The manifest's `[config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// The key that the fields stand under; an empty one puts them beside the
    /// payload's own.
    under: String,
    /// Fields with fixed values.
    fields: Map<String, Value>,
    /// Fields with values of the event.
    from_context: Map<String, Value>,
    /// Whether a field that the payload has already may be replaced.
    overwrite: bool,
}

/// What an event knows of itself.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fact {
    Topic,
    Principal,
    Session,
    EventId,
    Source,
    /// In RFC 3339, UTC.
    Time,
    Traceparent,
}

/// The fields to add.
#[derive(Debug)]
pub struct Enrich {
    under: String,
    fields: Map<String, Value>,
    facts: Vec<(String, Fact)>,
    overwrite: bool,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            under: "meta".to_owned(),
            fields: Map::new(),
            from_context: Map::new(),
            overwrite: false,
        }
    }
}

// === impl Fact ===

impl Fact {
    /// `None` where the event does not have it.
    fn read(self, cx: &Context) -> Option<String> {
        match self {
            Self::Topic => Some(cx.topic()),
            Self::Principal => cx.principal(),
            Self::Session => cx.session(),
            Self::EventId => Some(cx.event_id()),
            Self::Source => Some(cx.source()),
            Self::Time => Some(timestamp::rfc3339(cx.time_ms())),
            Self::Traceparent => cx.traceparent(),
        }
    }
}

// === impl Enrich ===

#[capsule]
impl Enrich {
    fn new(config: &Config) -> Result<Self> {
        let Settings {
            under,
            fields,
            from_context,
            overwrite,
        } = config.parse()?;
        let mut facts = Vec::new();
        for (field, fact) in from_context {
            if fields.contains_key(&field) {
                return Err(Error::msg(format!(
                    "[config] from_context.{field}: `fields` has it too"
                )));
            }
            let fact = serde_json::from_value(fact)
                .map_err(|error| Error::msg(format!("[config] from_context.{field}: {error}")))?;
            facts.push((field, fact));
        }
        if fields.is_empty() && facts.is_empty() {
            return Err(Error::msg(
                "[config] has neither `fields` nor `from_context`",
            ));
        }
        Ok(Self {
            under,
            fields,
            facts,
            overwrite,
        })
    }

    #[action]
    fn enrich(&mut self, payload: Vec<u8>, cx: &Context) -> Result<Verdict> {
        // What is no JSON object has no place for fields.
        let Ok(mut object) = serde_json::from_slice::<Map<String, Value>>(&payload) else {
            return Ok(Verdict::skip());
        };
        if !self.add(&mut object, cx) {
            return Ok(Verdict::unchanged());
        }
        Verdict::replace_json(&object)
    }
}

impl Enrich {
    /// Whether `object` is another one now.
    fn add(&self, object: &mut Map<String, Value>, cx: &Context) -> bool {
        if self.under.is_empty() {
            return self.fill(object, cx);
        }
        match object.get_mut(&self.under) {
            Some(Value::Object(under)) => self.fill(under, cx),
            Some(_) if !self.overwrite => false,
            _ => {
                let mut under = Map::new();
                let filled = self.fill(&mut under, cx);
                if filled {
                    object.insert(self.under.clone(), Value::Object(under));
                }
                filled
            }
        }
    }

    fn fill(&self, object: &mut Map<String, Value>, cx: &Context) -> bool {
        let fixed = self
            .fields
            .iter()
            .map(|(field, value)| (field, value.clone()));
        let read = |(field, fact): &'_ (String, Fact)| {
            Some((field.clone(), Value::String(fact.read(cx)?)))
        };
        let facts: Vec<_> = self.facts.iter().filter_map(read).collect();
        let mut changed = false;
        for (field, value) in fixed.chain(facts.iter().map(|(field, value)| (field, value.clone())))
        {
            let has = object.get(field);
            if has.is_none() || (self.overwrite && has != Some(&value)) {
                object.insert(field.clone(), value);
                changed = true;
            }
        }
        changed
    }
}
