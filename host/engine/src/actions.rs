//! The actions that a component says it handles.

use wasmparser::{Parser, Payload};

use crate::load::LoadError;

/// The custom section in which the SDK lists the actions, one a line.
const SECTION: &str = "capsule-actions";
// Ends of a format, which the SDK keeps to as well.
const MAX_BYTES: usize = 64 << 10;
const MAX_ACTIONS: usize = 1000;
const MAX_NAME_BYTES: usize = 64;

/// Reads the list out of a component, whatever module of it has it. `None` if
/// there is none.
pub(crate) fn read(wasm: &[u8]) -> Result<Option<Vec<String>>, LoadError> {
    let bad = |reason: String| LoadError::Actions { reason };
    let mut actions: Option<Vec<String>> = None;
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CustomSection(section) = payload.map_err(|e| bad(e.to_string()))? else {
            continue;
        };
        if section.name() != SECTION {
            continue;
        }
        if section.data().len() > MAX_BYTES {
            return Err(bad(format!("it has more than {MAX_BYTES} bytes")));
        }
        let lines = str::from_utf8(section.data()).map_err(|e| bad(e.to_string()))?;
        let names = actions.get_or_insert_default();
        for name in lines.lines().filter(|name| !name.is_empty()) {
            if !is_action(name) {
                return Err(bad("it has a line that is no action's name".into()));
            }
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
            if names.len() > MAX_ACTIONS {
                return Err(bad(format!("it has more than {MAX_ACTIONS} actions")));
            }
        }
    }
    Ok(actions)
}

/// The grammar of manifests: 1 to 64 of `a-z A-Z 0-9 _ -`.
fn is_action(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed)
}
