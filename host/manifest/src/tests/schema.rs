//! The published schema and the README say what the reader does.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use super::samples::{Sample, manifests, samples};
use crate::{
    Manifest,
    keys::{
        CAPABILITIES_TABLE, CAPSULE_TABLE, DIR_TABLE, INTERCEPTOR_TABLE, ROOT, RUNTIME_TABLE,
        SUBSCRIBE_TABLE,
    },
};

/// Invalid samples that the schema accepts, since it has no words for these
/// rules: no two entries that agree in part, and no infinite number.
const BEYOND_THE_SCHEMA: &[&str] = &[
    "capabilities-dirs-twice",
    "config-infinite",
    "interceptor-twice",
    "subscribe-twice",
];

const MINIMAL: &str = r#"manifest_version = 1
[capsule]
name = "a"
version = "0.1.0"
module = "a.wasm"
[[interceptor]]
event = "a"
action = "a"
"#;

/// Where each table is described in the schema, and its heading in the
/// README.
const TABLES: &[(&str, &str, &[&str])] = &[
    ("", "The top level", ROOT.keys),
    ("/properties/capsule", "`[capsule]`", CAPSULE_TABLE.keys),
    ("/properties/runtime", "`[runtime]`", RUNTIME_TABLE.keys),
    (
        "/properties/interceptor/items",
        "`[[interceptor]]`",
        INTERCEPTOR_TABLE.keys,
    ),
    (
        "/properties/subscribe/additionalProperties",
        "`[subscribe]`",
        SUBSCRIBE_TABLE.keys,
    ),
    (
        "/properties/capabilities",
        "`[capabilities]`",
        CAPABILITIES_TABLE.keys,
    ),
    (
        "/properties/capabilities/properties/dirs/items",
        "An entry of `dirs`",
        DIR_TABLE.keys,
    ),
];

fn schema() -> Value {
    let text = fs::read_to_string(manifests().join("capsule.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The JSON that editors hold against the schema; `None` where the sample is
/// no TOML.
fn as_json(sample: &Sample) -> Option<Value> {
    let text = std::str::from_utf8(&sample.bytes).ok()?;
    toml::from_str(text).ok().map(convert)
}

fn convert(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(all) => all.into_iter().map(convert).collect(),
        toml::Value::Table(all) => all
            .into_iter()
            .map(|(key, value)| (key, convert(value)))
            .collect(),
    }
}

/// The keys described at `pointer`, each with its description.
fn properties<'s>(schema: &'s Value, pointer: &str) -> &'s serde_json::Map<String, Value> {
    let table = schema.pointer(pointer).unwrap();
    assert_eq!(table["additionalProperties"], json!(false), "{pointer}");
    table["properties"].as_object().unwrap()
}

#[test]
fn the_schema_accepts_every_valid_sample() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for sample in samples("valid", "json") {
        // Whole numbers past 63 bits are no TOML to the editors' parsers.
        let Some(json) = as_json(&sample) else {
            assert_eq!(sample.name, "config-types");
            continue;
        };
        if let Err(error) = validator.validate(&json) {
            panic!("{}: {error} at {}", sample.name, error.instance_path());
        }
    }
}

#[test]
fn the_schema_refuses_every_invalid_sample_that_it_can() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut refused = 0;
    for sample in samples("invalid", "txt") {
        let Some(json) = as_json(&sample) else {
            continue;
        };
        let beyond = BEYOND_THE_SCHEMA.contains(&sample.name.as_str());
        assert_eq!(validator.is_valid(&json), beyond, "{}", sample.name);
        refused += usize::from(!beyond);
    }
    assert!(refused >= 40, "only {refused} samples");
}

#[test]
fn the_schema_has_exactly_the_keys_of_the_reader() {
    let schema = schema();
    for (pointer, heading, keys) in TABLES {
        let mut described: Vec<_> = properties(&schema, pointer)
            .keys()
            .map(String::as_str)
            .collect();
        let mut known = keys.to_vec();
        described.sort_unstable();
        known.sort_unstable();
        assert_eq!(described, known, "{heading}");
    }
}

/// The manifest in which `key` of the table under `heading` is set to `value`.
fn with(heading: &str, key: &str, value: &Value) -> String {
    match heading {
        "`[[interceptor]]`" => format!("{MINIMAL}{key} = {value}\n"),
        _ => format!("{MINIMAL}{}\n{key} = {value}\n", heading.trim_matches('`')),
    }
}

#[test]
fn the_reader_keeps_the_ranges_and_words_of_the_schema() {
    let schema = schema();
    let (mut ranges, mut choices) = (0, 0);
    for (pointer, heading, _) in TABLES {
        for (key, described) in properties(&schema, pointer) {
            let accepts =
                |value: &Value| Manifest::parse(&with(heading, key, value), "Capsule.toml").is_ok();
            if let (Some(min), Some(max)) =
                (described["minimum"].as_i64(), described["maximum"].as_i64())
            {
                ranges += 1;
                for (value, want) in [(min, true), (max, true), (min - 1, false), (max + 1, false)]
                {
                    assert_eq!(accepts(&value.into()), want, "{heading} {key} = {value}");
                }
            }
            if let Some(words) = described["enum"]
                .as_array()
                .filter(|_| *heading != "An entry of `dirs`")
            {
                choices += 1;
                for word in words {
                    assert!(accepts(word), "{heading} {key} = {word}");
                }
                assert!(!accepts(&json!("other")), "{heading} {key}");
            }
        }
    }
    assert_eq!((ranges, choices), (10, 4));
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_reader() {
    let schema = schema();
    let manifest = Manifest::parse(MINIMAL, "Capsule.toml").unwrap();
    let read = serde_json::to_value(&manifest).unwrap();
    let mut compared = 0;
    for (table, pointer) in [
        ("/capsule", "/properties/capsule"),
        ("/runtime", "/properties/runtime"),
        ("/interceptors/0", "/properties/interceptor/items"),
        ("/capabilities", "/properties/capabilities"),
        ("", ""),
    ] {
        for (key, described) in properties(&schema, pointer) {
            if let Some(default) = described.get("default") {
                assert_eq!(
                    &read.pointer(table).unwrap()[key],
                    default,
                    "{pointer} {key}"
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 22);
}

#[test]
fn the_readme_lists_every_key_with_its_range_and_default() {
    let readme = fs::read_to_string(manifests().join("README.md")).unwrap();
    let mut rows: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut heading = "";
    for line in readme.lines() {
        if let Some(next) = line.strip_prefix("## ") {
            heading = next;
        } else if let Some((key, _)) = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split_once('`'))
        {
            rows.insert((heading, key), line);
        }
    }
    let schema = schema();
    for (pointer, heading, _) in TABLES {
        // Its keys are those of `[[interceptor]]`.
        if *heading == "`[subscribe]`" {
            continue;
        }
        for (key, described) in properties(&schema, pointer) {
            let row = rows.remove(&(heading, key));
            let row = row.unwrap_or_else(|| panic!("no row for `{key}` under {heading}"));
            if let (Some(min), Some(max)) =
                (described["minimum"].as_i64(), described["maximum"].as_i64())
            {
                assert!(row.contains(&format!("{min} to {max}")), "{row}");
            }
            for word in described["enum"].as_array().into_iter().flatten() {
                assert!(row.contains(&format!("`{word}`")), "{row}: {word}");
            }
            if let Some(default) = described.get("default") {
                assert!(
                    row.contains(&format!("| `{default}` |")),
                    "{row}: {default}"
                );
            }
        }
    }
    assert!(rows.is_empty(), "not in the schema: {rows:?}");
}
