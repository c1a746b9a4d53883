//! Changes strings in a JSON text, and nothing else of it.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_bytes::ByteBuf;

/// Whether `text` is JSON. What is nested too deeply to be read is not, and
/// neither is anything with a byte too many.
pub(crate) fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// The JSON `text` with every string that `change` has another one for;
/// `None` if it has none. Keys of objects are left as they are.
pub(crate) fn map_strings(
    text: &[u8],
    mut change: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, serde_json::Error> {
    let mut changed = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(start) = position(text, at, |b| b == b'"') {
        let (end, escaped) = literal(text, start);
        let body = text.get(start + 1..end - 1).unwrap_or_default();
        at = end;
        let next = text.iter().skip(end).find(|b| !b.is_ascii_whitespace());
        if next == Some(&b':') {
            continue;
        }
        let body = match text.get(start..end).filter(|_| escaped) {
            Some(literal) => decoded(literal, body),
            None => Cow::Borrowed(body),
        };
        if let Some(new) = change(&body) {
            changed.extend_from_slice(text.get(copied..start).unwrap_or_default());
            serde_json::to_writer(&mut changed, &String::from_utf8_lossy(&new))?;
            copied = end;
        }
    }
    if copied == 0 {
        return Ok(None);
    }
    changed.extend_from_slice(text.get(copied..).unwrap_or_default());
    Ok(Some(changed))
}

/// What the string says. As bytes it may hold what a text may not, such as
/// half a surrogate pair; what cannot be decoded at all is its `body` as it is.
fn decoded<'a>(literal: &[u8], body: &'a [u8]) -> Cow<'a, [u8]> {
    match serde_json::from_slice::<ByteBuf>(literal) {
        Ok(bytes) => Cow::Owned(bytes.into_vec()),
        Err(_) => Cow::Borrowed(body),
    }
}

/// Where the string that begins at `start` ends, and whether it has escapes.
fn literal(text: &[u8], start: usize) -> (usize, bool) {
    let mut at = start + 1;
    let mut escaped = false;
    while let Some(next) = position(text, at, |b| b == b'"' || b == b'\\') {
        if text.get(next) == Some(&b'"') {
            return (next + 1, escaped);
        }
        escaped = true;
        at = next + 2;
    }
    (text.len(), escaped)
}

fn position(text: &[u8], from: usize, is: impl Fn(u8) -> bool) -> Option<usize> {
    let found = text.iter().skip(from).position(|b| is(*b));
    found.map(|at| from + at)
}
