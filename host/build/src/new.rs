//! Writes a capsule to begin with.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The files of a new capsule: where they go, and what is in them.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../templates/Cargo.toml.in")),
    ("Capsule.toml", include_str!("../templates/Capsule.toml.in")),
    ("src/lib.rs", include_str!("../templates/lib.rs.in")),
    (".gitignore", include_str!("../templates/gitignore.in")),
    ("README.md", include_str!("../templates/README.md.in")),
];

/// Names that are a capsule's by grammar, but no crate's: the language's
/// words, and the crates that every build has.
const RESERVED: [&str; 58] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "capsule-sdk",
    "serde",
];

/// Most characters of a capsule's name.
const MAX_NAME: usize = 64;

/// Where a new capsule takes the SDK from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SdkSource {
    /// A checkout: the directory of the crate `capsule-sdk`.
    Path(PathBuf),
    /// The registry, in the version that belongs to this host.
    Version,
}

/// Why no capsule was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewError {
    /// The name is not one that a capsule and its crate can have.
    #[error(
        "`{name}` is no name for a new capsule: it takes 1 to {MAX_NAME} of `a-z 0-9 -`, \
         the first a letter, the last no `-`, and no word of Rust"
    )]
    Name {
        /// The name.
        name: String,
    },

    /// There is something at the place already.
    #[error("{} is already there; nothing was changed", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },

    /// A file cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why the system refused.
        error: io::Error,
    },
}

/// Writes a new capsule called `name` to the directory `dir`, which must not
/// be there yet; the directory it is in must.
///
/// The capsule builds as it is, has a handler worth reading with its test,
/// and stands outside of any workspace it may be in.
///
/// # Errors
///
/// [`NewError`]; what is there already is never changed.
pub fn new(name: &str, dir: &Path, sdk: &SdkSource) -> Result<(), NewError> {
    if !is_name(name) {
        return Err(NewError::Name {
            name: name.to_owned(),
        });
    }
    fs::create_dir(dir).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => NewError::Exists {
            path: dir.to_owned(),
        },
        _ => NewError::Write {
            path: dir.to_owned(),
            error,
        },
    })?;
    let sdk = sdk.requirement();
    for (path, template) in FILES {
        let path = dir.join(path);
        let text = template.replace("{{name}}", name).replace("{{sdk}}", &sdk);
        write(&path, &text).map_err(|error| NewError::Write { path, error })?;
    }
    Ok(())
}

// === impl SdkSource ===

impl SdkSource {
    /// The dependency as Cargo.toml says it.
    fn requirement(&self) -> String {
        match self {
            // Text that JSON quotes is text that TOML reads.
            Self::Path(path) => {
                let path = serde_json::Value::from(path.to_string_lossy());
                format!("{{ path = {path} }}")
            }
            Self::Version => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(plain)
        && !name.ends_with('-')
        && !RESERVED.contains(&name)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_a_capsule_and_a_crate() {
        let long = "a".repeat(64);
        let cases = [
            ("tool-guard", true),
            ("a1", true),
            (&long, true),
            (&format!("{long}a"), false),
            ("", false),
            ("1a", false),
            ("-a", false),
            ("a-", false),
            ("Guard", false),
            ("a_b", false),
            ("a/b", false),
            ("é", false),
            ("match", false),
            ("std", false),
        ];
        for (name, want) in cases {
            assert_eq!(is_name(name), want, "case: {name}");
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_grammar() {
        let dir = tempfile::tempdir().unwrap();
        let error = new("Guard", &dir.path().join("Guard"), &SdkSource::Version).unwrap_err();
        insta::assert_snapshot!(error, @"`Guard` is no name for a new capsule: it takes 1 to 64 of `a-z 0-9 -`, the first a letter, the last no `-`, and no word of Rust");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_there_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let error = new("guard", dir.path(), &SdkSource::Version).unwrap_err();
        assert!(
            matches!(&error, NewError::Exists { path } if path == dir.path()),
            "got {error}"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn every_placeholder_is_filled() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("guard");
        new("guard", &place, &SdkSource::Path("/s d\"k".into())).unwrap();
        for (path, _) in FILES {
            let text = fs::read_to_string(place.join(path)).unwrap();
            assert!(!text.contains("{{"), "in {path}");
        }
        let cargo = fs::read_to_string(place.join("Cargo.toml")).unwrap();
        assert!(
            cargo.contains(r#"capsule-sdk = { path = "/s d\"k" }"#),
            "got {cargo}"
        );
    }

    #[test]
    fn the_manifest_of_a_new_capsule_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("guard");
        new("guard", &place, &SdkSource::Version).unwrap();
        let text = fs::read_to_string(place.join("Capsule.toml")).unwrap();
        let manifest = capsule_manifest::Manifest::parse(&text, "Capsule.toml").unwrap();
        assert_eq!(manifest.capsule.name, "guard");
        assert_eq!(manifest.capsule.module().unwrap().path, "guard.wasm");
    }
}
