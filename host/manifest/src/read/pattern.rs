//! Patterns of topics, as far as a capsule may name them.

use capsule_core::types::Pattern;

use super::value::Value;
use crate::problem::quoted;

/// The first segment of the topics that only the host publishes.
const RESERVED: &str = "host";

/// Reads `text`, which stands at `value`, or refuses it.
pub(super) fn read(value: &Value<'_>, text: &str) -> Option<Pattern> {
    match Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let message = format!("{} is not a pattern: {error}", quoted(text));
            let rule = "segments are joined by `.`; `*` stands for one segment, `>` at the end \
                        for all that follow";
            let remedy = match meant(text) {
                Some(meant) => format!("write \"{meant}\": {rule}"),
                None => format!("{rule}, as in \"tool.execute.*\""),
            };
            value.refuse(message, remedy);
            None
        }
    }
}

/// Whether `pattern` names topics of the host itself and nothing else.
pub(super) fn is_reserved(pattern: &Pattern) -> bool {
    pattern.segments().next() == Some(RESERVED)
}

/// `text` in our grammar, where it is a pattern in another one.
fn meant(text: &str) -> Option<Pattern> {
    let text = text.replace(['/', ':'], ".");
    let text = text.trim_matches('.');
    let text = match text.strip_suffix("**").or_else(|| text.strip_suffix('#')) {
        Some(start) => format!("{start}>"),
        None => text.replace('+', "*"),
    };
    Pattern::new(&text).ok()
}
