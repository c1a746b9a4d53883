//! The `[config]` table: any TOML, as JSON.

use serde_json::{Map, Number};
use toml::de::{DeInteger, DeTable, DeValue};

use super::{
    section::Section,
    value::{Value, shown_number},
};
use crate::keys::CONFIG;

/// Reads the table below `root`; empty where there is none.
pub(super) fn read(root: &Section<'_>) -> Map<String, serde_json::Value> {
    let value = root.get(CONFIG);
    let entries = value
        .as_ref()
        .and_then(|value| Some((value, value.table()?)));
    entries
        .map(|(value, entries)| object(value, entries))
        .unwrap_or_default()
}

fn object<'t>(value: &Value<'t>, entries: &'t DeTable<'t>) -> Map<String, serde_json::Value> {
    entries
        .iter()
        .map(|(name, entry)| {
            let name: &str = name.as_ref();
            (name.to_owned(), json(&value.below(name, CONFIG, entry)))
        })
        .collect()
}

/// `value` as JSON; where JSON has no word for it, a problem and `null`.
fn json(value: &Value<'_>) -> serde_json::Value {
    match value.value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(date) => date.to_string().into(),
        DeValue::Array(_) => value.list().iter().map(json).collect(),
        DeValue::Table(entries) => object(value, entries).into(),
        DeValue::Integer(digits) => integer(digits).map_or_else(
            || {
                value.refuse("does not fit 64 bits", "write it as a string, in quotes");
                serde_json::Value::Null
            },
            Into::into,
        ),
        DeValue::Float(digits) => {
            let finite = digits.as_str().parse().ok().and_then(Number::from_f64);
            if finite.is_none() {
                value.refuse(
                    format!(
                        "{} is not a number in JSON, which is what the capsule gets",
                        shown_number(digits.as_str())
                    ),
                    "write a finite number, or a string in quotes",
                );
            }
            finite.map_or(serde_json::Value::Null, Into::into)
        }
    }
}

fn integer(digits: &DeInteger<'_>) -> Option<Number> {
    let signed = i64::from_str_radix(digits.as_str(), digits.radix()).map(Number::from);
    let unsigned = || u64::from_str_radix(digits.as_str(), digits.radix()).map(Number::from);
    signed.or_else(|_| unsigned()).ok()
}
