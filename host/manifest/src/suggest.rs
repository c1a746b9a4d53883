//! Guesses what an author meant.

use crate::keys::{EVENT, ROOT, SUBSCRIBE_TABLE, TABLES, Table};

/// Longer keys than this are not compared: they are no slips of the pen, and
/// comparing takes time.
const MAX_COMPARED_BYTES: usize = 64;

/// What an unknown key may have been meant to be.
#[derive(Debug)]
pub(crate) enum Meant {
    /// This key of the same table.
    Here(&'static str),
    /// The same key of another table.
    In(&'static Table),
    /// The event of a line of `[subscribe]`, which is the key of that line.
    KeyOfLine,
    /// No idea.
    Unknown,
}

/// What `found` in `table` may have been meant to be.
pub(crate) fn key(found: &str, table: &'static Table) -> Meant {
    if found.len() > MAX_COMPARED_BYTES {
        return Meant::Unknown;
    }
    let found = found.to_ascii_lowercase().replace(['-', ' '], "_");
    let known = |wanted: &str| table.keys.iter().find(|key| **key == wanted);
    let alias = table.aliases.iter().find(|(alias, _)| *alias == found);
    let alias = alias.and_then(|(_, meant)| known(meant));
    if let Some(meant) = known(&found).or(alias) {
        return Meant::Here(meant);
    }
    if table.title == SUBSCRIBE_TABLE.title && found == EVENT.name {
        return Meant::KeyOfLine;
    }
    let has_it = |other: &&&Table| other.keys.contains(&found.as_str());
    if let Some(other) = TABLES.iter().find(has_it) {
        return Meant::In(other);
    }
    nearest(&found, table.keys.iter().copied()).map_or(Meant::Unknown, Meant::Here)
}

/// How the `key` of `table` is written where it begins a table of its own.
pub(crate) fn written(key: &str, table: &Table) -> String {
    match key {
        _ if table.title != ROOT.title => key.to_owned(),
        "manifest_version" => key.to_owned(),
        "interceptor" => format!("[[{key}]]"),
        _ => format!("[{key}]"),
    }
}

/// Where to put a `key` that belongs into `table`.
pub(crate) fn home(key: &str, table: &Table) -> String {
    match key {
        _ if table.title != ROOT.title => format!("move it to {}", table.title),
        "manifest_version" => "move it to the top of the file, above the first `[table]`".into(),
        _ => format!("head it `{}`, at the top level", written(key, table)),
    }
}

/// The one of `words` that `found` is a slip of, where there is one.
pub(crate) fn nearest<'w>(found: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let slips = 1 + found.chars().count() / 4;
    words
        .map(|word| (strsim::damerau_levenshtein(found, word), word))
        .filter(|(distance, word)| *distance <= slips && *distance < word.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// What to do about a `line` that sets a key again.
pub(crate) fn duplicate(line: &str) -> &'static str {
    if line.trim_start().starts_with('[') {
        "put both parts below one header; where several tables are meant, each is headed in two \
         brackets, as in `[[interceptor]]`"
    } else {
        "keep one of the two"
    }
}

/// What may be wrong with a `line` that is not TOML.
pub(crate) fn syntax(line: &str) -> &'static str {
    let value = line
        .split_once('=')
        .map(|(key, value)| (key.trim(), value.trim()));
    match value {
        _ if line.contains(['“', '”', '‘', '’']) => "use straight quotes, `\"`",
        Some((_, "")) => "write a value behind `=`, or remove the key",
        Some((_, value)) if value.starts_with(char::is_alphabetic) => {
            "text stands in double quotes, `\"…\"`; the boolean values are `true` and `false`"
        }
        Some((_, value)) if value.contains('\\') => {
            "in double quotes, write `\\\\` for a backslash, or put the text in single quotes"
        }
        Some((_, value)) if value.starts_with('"') && !closed(value) => {
            "close the text with `\"`, and write `\\\"` for a quote in it"
        }
        None if line.trim_start().starts_with('[') => {
            "a table is headed `[name]`, a repeated one `[[name]]`"
        }
        None if line.contains(':') => "write `key = value`, with `=` instead of `:`",
        _ => "write one `key = value` a line, and close every `\"`, `[` and `{`",
    }
}

/// Whether the quote that `value` begins with has its match in it.
fn closed(value: &str) -> bool {
    value.matches('"').count().is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{CAPABILITIES_TABLE, CAPSULE_TABLE, INTERCEPTOR_TABLE, RUNTIME_TABLE};

    #[test]
    fn an_unknown_key_is_taken_for_what_it_resembles() {
        let cases = [
            ("proirity", &INTERCEPTOR_TABLE, Meant::Here("priority")),
            ("Priority", &INTERCEPTOR_TABLE, Meant::Here("priority")),
            ("on-error", &INTERCEPTOR_TABLE, Meant::Here("on_error")),
            ("topic", &INTERCEPTOR_TABLE, Meant::Here("event")),
            ("timeout", &RUNTIME_TABLE, Meant::Here("timeout_ms")),
            ("name", &INTERCEPTOR_TABLE, Meant::In(&CAPSULE_TABLE)),
            ("kv", &ROOT, Meant::In(&CAPABILITIES_TABLE)),
            ("colour", &INTERCEPTOR_TABLE, Meant::Unknown),
            ("x", &CAPABILITIES_TABLE, Meant::Unknown),
            ("", &ROOT, Meant::Unknown),
        ];
        for (found, table, want) in cases {
            assert_eq!(key(found, table).title(), want.title(), "{found}");
        }
    }

    impl Meant {
        /// Tables have no equality of their own.
        fn title(&self) -> (Option<&str>, Option<&str>) {
            match self {
                Self::Here(key) => (Some(key), None),
                Self::In(table) => (None, Some(table.title)),
                Self::KeyOfLine | Self::Unknown => (None, None),
            }
        }
    }

    #[test]
    fn every_alias_leads_to_a_key_and_is_none_itself() {
        for table in TABLES {
            for (alias, meant) in table.aliases {
                assert!(table.keys.contains(meant), "{}: {meant}", table.title);
                assert!(!table.keys.contains(alias), "{}: {alias}", table.title);
            }
        }
    }
}
