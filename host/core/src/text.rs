//! Text from outside, made fit for an operator's terminal.

use std::borrow::Cow;

/// Marks a text that was cut.
const CUT: char = '…';

/// `text` without anything that could steer a terminal or a log reader, and
/// of at most `max_bytes` before escaping; what is cut is marked.
pub fn printable(text: &str, max_bytes: usize) -> Cow<'_, str> {
    let kept = text
        .get(..text.floor_char_boundary(max_bytes))
        .unwrap_or(text);
    let cut = kept.len() < text.len();
    if !cut && !kept.contains(steers) {
        return Cow::Borrowed(kept);
    }
    let mut clean = String::with_capacity(kept.len() + CUT.len_utf8());
    for c in kept.chars() {
        if steers(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    if cut {
        clean.push(CUT);
    }
    Cow::Owned(clean)
}

/// Control characters, and those that end a line or change its direction.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        let cases = [
            ("plain ünïcode", 100, "plain ünïcode"),
            ("a\nb\tc", 100, "a\\nb\\tc"),
            ("\u{1b}[31mred", 100, "\\u{1b}[31mred"),
            ("user\u{202e}txt", 100, "user\\u{202e}txt"),
            ("abcdef", 3, "abc…"),
            ("üüü", 3, "ü…"),
            ("", 0, ""),
        ];
        for (text, max, want) in cases {
            assert_eq!(printable(text, max), want, "text: {text:?}, {max}");
        }
    }
}
