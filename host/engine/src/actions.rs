//! The actions that a component says it handles.

use wasmparser::{Parser, Payload};

use crate::load::LoadError;

/// The custom section in which the SDK lists the actions, one a line.
const SECTION: &str = "capsule-actions";
const MAX_BYTES: usize = 64 << 10;

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
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    Ok(actions)
}
