//! Damaged manifests: whatever stands in the file, reading it ends in a
//! manifest or in problems that can be shown.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::samples::samples;
use crate::Manifest;

/// Texts that lead deeper into the reader than random bytes do.
const TOKENS: &[&str] = &[
    "\n",
    "[",
    "]",
    "[[interceptor]]\n",
    "[capsule]\n",
    "[config]\n",
    "{",
    "}",
    "\"",
    "\"\"\"",
    "'",
    "=",
    ".",
    ",",
    "#",
    "\\",
    "\\u0000",
    "\u{feff}",
    "ü",
    "\u{202e}",
    "inf",
    "1e999",
    "-0",
    "0xffffffffffffffff",
    "1979-05-27",
    "true",
    "a.b.c.",
    "\"host.>\"",
    "[a.b.c]\n",
    "\r",
    "\r\n",
    "\0",
    "\u{1b}[31m",
];

#[derive(Clone, Debug)]
enum Edit {
    Overwrite(Index, u8),
    Insert(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize),
    Truncate(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let token = prop::sample::select(TOKENS);
    prop_oneof![
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Overwrite(at, byte)),
        4 => (any::<Index>(), token).prop_map(|(at, token)| Edit::Insert(at, token)),
        4 => (any::<Index>(), 1..40usize).prop_map(|(at, len)| Edit::Remove(at, len)),
        4 => (any::<Index>(), 1..80usize).prop_map(|(at, len)| Edit::Repeat(at, len)),
        1 => any::<Index>().prop_map(Edit::Truncate),
    ]
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
    let (at, len) = match edit {
        Edit::Overwrite(at, _) | Edit::Insert(at, _) | Edit::Truncate(at) => (at, 0),
        Edit::Remove(at, len) | Edit::Repeat(at, len) => (at, *len),
    };
    let start = at.index(bytes.len() + 1);
    let end = (start + len).min(bytes.len());
    match edit {
        Edit::Overwrite(_, byte) => bytes
            .iter_mut()
            .skip(start)
            .take(1)
            .for_each(|b| *b = *byte),
        Edit::Insert(_, token) => drop(bytes.splice(start..start, token.bytes())),
        Edit::Remove(..) => drop(bytes.drain(start..end)),
        Edit::Repeat(..) => bytes.extend_from_within(start..end),
        Edit::Truncate(_) => bytes.truncate(start),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_reported_within_the_file(sample: Index, edits in vec(edit(), 1..12)) {
        let samples = samples("valid", "json");
        let mut bytes = sample.get(&samples).bytes.clone();
        edits.iter().for_each(|edit| apply(&mut bytes, edit));

        let Err(error) = Manifest::parse_bytes(&bytes, "Capsule.toml") else {
            return Ok(());
        };

        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        prop_assert!(!error.problems().is_empty());
        for problem in error.problems() {
            prop_assert!((1..=lines).contains(&problem.line), "{problem}");
            prop_assert!(problem.column >= 1, "{problem}");
            prop_assert!(!problem.to_string().contains(char::is_control), "{problem:?}");
        }
    }
}
