//! The `[capsule]` table.

use capsule_core::broker::HookName;
use semver::Version;

use super::{section::Section, value::Value};
use crate::{
    AnsweredBy, CapsuleInfo, Module,
    keys::{
        CAPSULE_TABLE, DESCRIPTION, HOOK, MAX_DESCRIPTION_CHARS, MAX_MODULE_BYTES, MAX_NAME_CHARS,
        MODULE, NAME, SHA256, VERSION,
    },
    problem::quoted,
};

/// Reads the table that `value` should be.
pub(super) fn read(value: &Value<'_>) -> Option<CapsuleInfo> {
    let table = Section::new(&CAPSULE_TABLE, value)?;
    let name = table.require(NAME).and_then(|value| name(&value));
    let version = table.require(VERSION).and_then(|value| version(&value));
    let description = table.get(DESCRIPTION).and_then(|value| description(&value));
    let answered_by = answered_by(&table);
    Some(CapsuleInfo {
        name: name?,
        version: version?,
        description: description.unwrap_or_default(),
        answered_by: answered_by?,
    })
}

/// A module, or the name of a hook: one of the two.
fn answered_by(table: &Section<'_>) -> Option<AnsweredBy> {
    let Some(named) = table.get(HOOK) else {
        let path = table.require(MODULE).and_then(|value| module(&value));
        let sha256 = table.get(SHA256).and_then(|value| sha256(&value));
        return Some(AnsweredBy::Module(Module {
            path: path?,
            sha256,
        }));
    };
    for key in [MODULE, SHA256] {
        if let Some(value) = table.get(key) {
            value.refuse(
                "stands beside `hook`, and either a module answers or a hook",
                "remove one of the two",
            );
        }
    }
    hook(&named).map(|hook| AnsweredBy::Hook { hook })
}

fn hook(value: &Value<'_>) -> Option<HookName> {
    match HookName::new(value.text()?) {
        Ok(hook) => Some(hook),
        Err(error) => {
            value.refuse_for_example(error.to_string());
            None
        }
    }
}

fn name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if is_name(text) {
        return Some(text.to_owned());
    }
    let message = format!(
        "must be 1 to {MAX_NAME_CHARS} of a-z 0-9 -, the first a letter or digit, the last no -, \
         not {}",
        quoted(text)
    );
    let meant: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(MAX_NAME_CHARS)
        .collect();
    match meant.trim_matches('-') {
        meant if is_name(meant) => value.refuse(message, format!("write `name = {meant:?}`")),
        _ => value.refuse_for_example(message),
    }
    None
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=MAX_NAME_CHARS).contains(&text.len())
        && text.chars().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn version(value: &Value<'_>) -> Option<Version> {
    let text = value.text()?;
    match Version::parse(text) {
        Ok(version) => Some(version),
        Err(error) => {
            let message = format!("{} is not a semantic version: {error}", quoted(text));
            let short = text.trim_start_matches(['v', 'V']);
            let meant = [
                short.to_owned(),
                format!("{short}.0"),
                format!("{short}.0.0"),
            ];
            match meant.iter().find_map(|text| Version::parse(text).ok()) {
                Some(meant) => value.refuse(message, format!("write `version = \"{meant}\"`")),
                None => value.refuse_for_example(message),
            }
            None
        }
    }
}

fn description(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let chars = text.chars().count();
    if chars > MAX_DESCRIPTION_CHARS {
        value.refuse(
            format!("has {chars} characters; at most {MAX_DESCRIPTION_CHARS} are allowed"),
            "say in one line what the capsule does; the rest belongs in its README",
        );
    } else if let Some(found) = text.chars().find(|c| c.is_control()) {
        value.refuse(
            format!("has the control character {found:?}, but must be one line of text"),
            "say in one line what the capsule does",
        );
    } else {
        return Some(text.to_owned());
    }
    None
}

fn module(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let has_drive = text.chars().nth(1) == Some(':');
    let shown = quoted(text);
    let wrong = if text.is_empty() {
        "is empty".to_owned()
    } else if text.len() > MAX_MODULE_BYTES {
        format!(
            "has {} bytes; at most {MAX_MODULE_BYTES} are allowed",
            text.len()
        )
    } else if text.contains('\\') {
        format!("{shown} has a backslash where names are joined by `/`")
    } else if text.starts_with('/') || has_drive {
        format!("{shown} is absolute, not relative to the manifest")
    } else if text.split('/').any(|name| name == "..") {
        format!("{shown} leads out of the capsule's directory")
    } else if text.contains(':') {
        format!("{shown} is not a plain path, and modules are not downloaded")
    } else if text.split('/').any(|name| name.is_empty() || name == ".") {
        format!("{shown} is not a plain path: it has an empty name or a `.` in it")
    } else if text.chars().any(char::is_control) {
        format!("{shown} has a control character")
    } else if !is_component(text) {
        format!("{shown} does not end in .wasm, so it is not a component")
    } else {
        return Some(text.to_owned());
    };
    value.refuse(
        wrong,
        "name a file in the capsule's directory, for example `module = \"tool-guard.wasm\"`",
    );
    None
}

/// Whether the last name in `path` has a stem before its ending.
fn is_component(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".wasm")
        .is_some_and(|stem| !stem.is_empty())
}

fn sha256(value: &Value<'_>) -> Option<[u8; 32]> {
    let text = value.text()?;
    let digest = from_hex(text);
    if digest.is_none() {
        value.refuse(
            format!("must be 64 hexadecimal digits, not {}", quoted(text)),
            "write what `sha256sum` prints for the module, or remove the key",
        );
    }
    digest
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut digits = text.chars().map(|digit| digit.to_digit(16));
    let mut digest = [0; 32];
    for byte in &mut digest {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    digits.next().is_none().then_some(digest)
}
