//! Which events a reply is for.

use capsule_sdk::prelude::*;
use serde::Deserialize;
use serde_json::Value;

/// One entry of `[[config.replies]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// A pattern: `*` stands for one segment, a last `>` for one or more.
    topic: Option<String>,
    /// A JSON pointer into the payload, as `/args/0`.
    field: Option<String>,
    /// What the field is.
    equals: Option<Value>,
    /// What the field, a string, has somewhere in it; case does not matter.
    contains: Option<String>,
    /// What the publisher gets, as JSON.
    pub(crate) reply: Value,
}

impl Rule {
    /// Refuses a rule that would answer everything or nothing.
    pub(crate) fn check(&self) -> Result<()> {
        let conditions = [self.equals.is_some(), self.contains.is_some()];
        match (&self.topic, &self.field, conditions) {
            (None, None, _) => Err(Error::msg("needs `topic`, `field` or both")),
            (_, None, [false, false]) => Ok(()),
            (_, None, _) => Err(Error::msg("`equals` and `contains` need a `field`")),
            (_, Some(field), [true, false] | [false, true]) => check_pointer(field),
            (_, Some(_), _) => Err(Error::msg("`field` needs either `equals` or `contains`")),
        }
    }

    pub(crate) fn fits(&self, topic: &str, payload: Option<&Value>) -> bool {
        let topic_fits = self
            .topic
            .as_deref()
            .is_none_or(|pattern| matches(pattern, topic));
        let field_fits = self.field.as_deref().is_none_or(|pointer| {
            payload
                .and_then(|payload| payload.pointer(pointer))
                .is_some_and(|value| self.field_fits(value))
        });
        topic_fits && field_fits
    }

    fn field_fits(&self, value: &Value) -> bool {
        if let Some(text) = &self.contains {
            return value
                .as_str()
                .is_some_and(|value| value.to_lowercase().contains(&text.to_lowercase()));
        }
        self.equals.as_ref() == Some(value)
    }
}

fn check_pointer(field: &str) -> Result<()> {
    if field.is_empty() || field.starts_with('/') {
        Ok(())
    } else {
        Err(Error::msg(format!(
            "`field` is a JSON pointer: write `/{field}`"
        )))
    }
}

/// Whether a topic is one that the pattern stands for.
fn matches(pattern: &str, topic: &str) -> bool {
    let mut segments = topic.split('.');
    for part in pattern.split('.') {
        match (part, segments.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(segment)) if part == segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}
