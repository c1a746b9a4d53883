//! Do the manifest's actions and the code's handlers agree?

use std::collections::BTreeSet;

use capsule_manifest::Manifest;
use wasmparser::{Parser, Payload};

/// The custom section in which the SDK's macro lists a module's handlers: one
/// name a line. The linker joins the lists of several places.
const SECTION: &str = "capsule-actions";

/// How the two lists differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Actions of the manifest that no handler answers.
    pub(crate) unhandled: Vec<String>,
    /// Handlers that no interceptor of the manifest names.
    pub(crate) unused: Vec<String>,
}

/// The handlers that a core module lists; `None` if it lists none, as those
/// not made with the SDK.
///
/// # Errors
///
/// The bytes are no module.
pub(crate) fn handlers(
    module: &[u8],
) -> Result<Option<BTreeSet<String>>, wasmparser::BinaryReaderError> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == SECTION
        {
            let text = String::from_utf8_lossy(section.data());
            let names = text.lines().filter(|name| !name.is_empty());
            found
                .get_or_insert_with(BTreeSet::new)
                .extend(names.map(str::to_owned));
        }
    }
    Ok(found)
}

/// The actions that a manifest's interceptors name.
pub(crate) fn declared(manifest: &Manifest) -> BTreeSet<String> {
    let interceptors = manifest.interceptors.iter();
    interceptors.map(|one| one.action.clone()).collect()
}

/// Compares the actions of the manifest with the handlers of the code.
pub(crate) fn compare(declared: &BTreeSet<String>, handlers: &BTreeSet<String>) -> Difference {
    Difference {
        unhandled: declared.difference(handlers).cloned().collect(),
        unused: handlers.difference(declared).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_lists_are_compared_both_ways() {
        struct Case {
            name: &'static str,
            declared: &'static [&'static str],
            handlers: &'static [&'static str],
            unhandled: &'static [&'static str],
            unused: &'static [&'static str],
        }
        let cases = [
            Case {
                name: "the same, in another order",
                declared: &["check", "scan"],
                handlers: &["scan", "check"],
                unhandled: &[],
                unused: &[],
            },
            Case {
                name: "a misspelt action",
                declared: &["chek"],
                handlers: &["check"],
                unhandled: &["chek"],
                unused: &["check"],
            },
            Case {
                name: "a handler too many",
                declared: &["check"],
                handlers: &["check", "scan"],
                unhandled: &[],
                unused: &["scan"],
            },
            Case {
                name: "names differ by case",
                declared: &["Check"],
                handlers: &["check"],
                unhandled: &["Check"],
                unused: &["check"],
            },
        ];
        for Case {
            name,
            declared,
            handlers,
            unhandled,
            unused,
        } in cases
        {
            let got = compare(&set(declared), &set(handlers));
            assert_eq!(got.unhandled, unhandled, "case: {name}");
            assert_eq!(got.unused, unused, "case: {name}");
        }
    }

    #[test]
    fn handlers_are_read_from_every_section_of_the_name() {
        let cases: [(&str, Option<&[&str]>); 4] = [
            ("(module)", None),
            (r#"(module (@custom "other" "check\n"))"#, None),
            (r#"(module (@custom "capsule-actions" ""))"#, Some(&[])),
            (
                r#"(module (@custom "capsule-actions" "check\n") (@custom "capsule-actions" "scan\n"))"#,
                Some(&["check", "scan"]),
            ),
        ];
        for (text, want) in cases {
            let module = wat::parse_str(text).unwrap();
            assert_eq!(handlers(&module).unwrap(), want.map(set), "case: {text}");
        }
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        assert!(handlers(b"\0asm\x01\0\0\0\xff").is_err());
    }
}
