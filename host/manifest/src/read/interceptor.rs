//! What a capsule intercepts: `[[interceptor]]` and `[subscribe]`.

use std::collections::HashMap;

use capsule_core::types::Pattern;
use toml::de::{DeTable, DeValue};

use super::{pattern, section::Section, value::Value};
use crate::{
    Interceptor, Runtime,
    keys::{
        ACTION, EVENT, INTERCEPTOR, INTERCEPTOR_TABLE, MAX_ACTION_CHARS, MODE, ON_ERROR, PRIORITY,
        SUBSCRIBE, SUBSCRIBE_TABLE, SUBSCRIPTION, TIMEOUT_MS,
    },
    problem::quoted,
};

/// Reads all interceptors below `root`, in the order of declaration.
pub(super) fn read(root: &Section<'_>, runtime: &Runtime) -> Vec<Interceptor> {
    let (listed, lines) = (root.get(INTERCEPTOR), root.get(SUBSCRIBE));
    let misspelt = root.is_misspelt(INTERCEPTOR) || root.is_misspelt(SUBSCRIBE);
    if !misspelt && listed.as_ref().is_none_or(is_empty) && lines.as_ref().is_none_or(is_empty) {
        root.refuse(
            "the capsule intercepts nothing, so it would never be called",
            "add an `[[interceptor]]` with an `event` and an `action`",
        );
    }
    let listed = listed.map(|value| list_of(&value)).unwrap_or_default();
    let lines = lines.map(|value| lines_of(&value)).unwrap_or_default();
    let listed = listed
        .iter()
        .map(|value| (value, interceptor(value, runtime)));
    let lines = lines
        .iter()
        .map(|(pattern, value)| (value, line(pattern, value, runtime)));
    distinct(listed.chain(lines))
}

fn is_empty(value: &Value<'_>) -> bool {
    match value.value {
        DeValue::Array(elements) => elements.is_empty(),
        DeValue::Table(entries) => entries.is_empty(),
        _ => false,
    }
}

/// The elements of `[[interceptor]]`.
fn list_of<'t>(value: &Value<'t>) -> Vec<Value<'t>> {
    if value.value.is_table() {
        value.refuse(
            "expected a list, found a table",
            "head it `[[interceptor]]`, in two brackets: a capsule may have several",
        );
        return Vec::new();
    }
    value.list()
}

/// The lines of `[subscribe]`, each with its pattern, in the order of the file.
fn lines_of<'t>(value: &Value<'t>) -> Vec<(&'t str, Value<'t>)> {
    let Some(entries) = value.table() else {
        return Vec::new();
    };
    let mut lines: Vec<_> = entries
        .iter()
        .map(|(pattern, line)| {
            let mut value = value.below(pattern.as_ref(), SUBSCRIPTION, line);
            value.at = pattern.span().start;
            (pattern.as_ref().as_ref(), value)
        })
        .collect();
    lines.sort_by_key(|(_, line)| line.at);
    lines
}

/// One `[[interceptor]]`.
fn interceptor(value: &Value<'_>, runtime: &Runtime) -> Option<Interceptor> {
    let table = Section::new(&INTERCEPTOR_TABLE, value)?;
    let event = table.require(EVENT).and_then(|value| event(&value));
    rest(&table, event, runtime)
}

/// One line of `[subscribe]`: `pattern = value`.
fn line(pattern: &str, value: &Value<'_>, runtime: &Runtime) -> Option<Interceptor> {
    if value.value.as_table().is_some_and(is_unquoted_pattern) {
        value.refuse(
            "is a table of tables: without quotes, the dots in a pattern make tables",
            "put the pattern in quotes, as in `\"user.prompt\" = { action = \"scan\" }`",
        );
        return None;
    }
    let table = Section::new(&SUBSCRIBE_TABLE, value)?;
    rest(&table, intercepted(value, pattern), runtime)
}

/// Whether a line is what TOML makes of `user.prompt = { … }`.
fn is_unquoted_pattern(line: &DeTable<'_>) -> bool {
    !line.is_empty()
        && line.iter().all(|(key, value)| {
            !SUBSCRIBE_TABLE.keys.contains(&key.as_ref().as_ref()) && value.as_ref().is_table()
        })
}

/// What both forms have in common.
fn rest(table: &Section<'_>, event: Option<Pattern>, runtime: &Runtime) -> Option<Interceptor> {
    let action = table.require(ACTION).and_then(|value| action(&value));
    let priority = table.number(PRIORITY);
    let on_error = table.word(ON_ERROR);
    let timeout_ms = table.number(TIMEOUT_MS);
    let mode = table.word(MODE);
    Some(Interceptor {
        event: event?,
        action: action?,
        priority: priority.unwrap_or(Interceptor::DEFAULT_PRIORITY),
        on_error,
        timeout_ms: timeout_ms.unwrap_or(runtime.timeout_ms),
        mode,
    })
}

fn event(value: &Value<'_>) -> Option<Pattern> {
    if value.value.is_array() {
        value.refuse(
            "expected a string, found a list",
            "write one `[[interceptor]]` for each pattern",
        );
        return None;
    }
    intercepted(value, value.text()?)
}

/// Reads `text`, which stands at `value`, as a pattern to intercept.
fn intercepted(value: &Value<'_>, text: &str) -> Option<Pattern> {
    let pattern = pattern::read(value, text)?;
    if pattern::is_reserved(&pattern) {
        value.refuse(
            format!(
                "{} is for the host's own events, which no capsule intercepts",
                quoted(text)
            ),
            "name topics that the application publishes",
        );
        return None;
    }
    Some(pattern)
}

fn action(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=MAX_ACTION_CHARS).contains(&text.len()) && text.chars().all(allowed) {
        return Some(text.to_owned());
    }
    value.refuse_for_example(format!(
        "must be 1 to {MAX_ACTION_CHARS} of a-z A-Z 0-9 _ -, not {}",
        quoted(text)
    ));
    None
}

/// Those that could be read; two with the same event and action are refused.
fn distinct<'v, 't: 'v>(
    declared: impl Iterator<Item = (&'v Value<'t>, Option<Interceptor>)>,
) -> Vec<Interceptor> {
    let mut seen = HashMap::new();
    let mut interceptors = Vec::new();
    for (value, interceptor) in declared {
        let Some(interceptor) = interceptor else {
            continue;
        };
        let identity = (interceptor.event.clone(), interceptor.action.clone());
        if let Some(first) = seen.insert(identity, value) {
            value.refuse(
                format!(
                    "has the event and the action of {} in line {}",
                    first.path,
                    first.line()
                ),
                "remove one of the two, or give it another action",
            );
        }
        interceptors.push(interceptor);
    }
    interceptors
}
