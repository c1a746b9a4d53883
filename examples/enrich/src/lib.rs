//! Adds fields to JSON events: fixed ones of the manifest, and who, what and
//! when from the event itself.

mod timestamp;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use capsule_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

/// A payload whose values are left as they are written: a number that is too
/// long for a machine stays one. Its keys come out sorted.
type Object = BTreeMap<String, Box<RawValue>>;

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
        let Ok(mut object) = serde_json::from_slice::<Object>(&payload) else {
            return Ok(Verdict::skip());
        };
        if !self.add(&mut object, cx)? {
            return Ok(Verdict::unchanged());
        }
        Verdict::replace_json(&object)
    }
}

impl Enrich {
    /// Whether `object` is another one now.
    fn add(&self, object: &mut Object, cx: &Context) -> Result<bool> {
        if self.under.is_empty() {
            return self.fill(object, cx);
        }
        let mut under = match object.get(&self.under) {
            None => Object::new(),
            Some(value) => match serde_json::from_str(value.get()) {
                Ok(under) => under,
                Err(_) if self.overwrite => Object::new(),
                Err(_) => return Ok(false),
            },
        };
        let filled = self.fill(&mut under, cx)?;
        if filled {
            object.insert(self.under.clone(), to_raw_value(&under)?);
        }
        Ok(filled)
    }

    fn fill(&self, object: &mut Object, cx: &Context) -> Result<bool> {
        let mut changed = false;
        let mut set = |field: &String, value: Box<RawValue>| {
            let old = object.get(field);
            if old.is_none_or(|old| self.overwrite && old.get() != value.get()) {
                object.insert(field.clone(), value);
                changed = true;
            }
        };
        for (field, value) in &self.fields {
            set(field, to_raw_value(value)?);
        }
        for (field, fact) in &self.facts {
            if let Some(text) = fact.read(cx) {
                set(field, to_raw_value(&text)?);
            }
        }
        Ok(changed)
    }
}
