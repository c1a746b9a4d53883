//! The samples under `manifests/samples`, each beside what reading it gives:
//! JSON beside a valid one, the text of the error beside an invalid one.
//!
//! `UPDATE_SAMPLES=1 cargo test -p capsule-manifest` writes what stands
//! beside them anew; review the difference.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use crate::Manifest;

/// A valid or an invalid sample.
pub(super) struct Sample {
    /// Its file name without the ending.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    expected: PathBuf,
}

/// `manifests/` of the project.
pub(super) fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests")
}

/// The samples in `folder`, by name; each must have its expectation in a file
/// with `ending`, and nothing else may lie there.
pub(super) fn samples(folder: &str, ending: &str) -> Vec<Sample> {
    let folder = manifests().join("samples").join(folder);
    let files = |wanted: &str| -> BTreeSet<PathBuf> {
        let paths = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|found| found == wanted))
            .collect()
    };
    let manifests = files("toml");
    let expected = manifests
        .iter()
        .map(|path| path.with_extension(ending))
        .collect();
    if !updating() {
        assert_eq!(
            files(ending),
            expected,
            "a sample or its expectation is missing"
        );
    }
    let known = manifests.len() + files(ending).len();
    assert_eq!(
        fs::read_dir(&folder).unwrap().count(),
        known,
        "what else lies in {folder:?}?"
    );
    let sample = |(path, expected): (&PathBuf, PathBuf)| Sample {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        bytes: fs::read(path).unwrap(),
        expected,
    };
    manifests.iter().zip(expected).map(sample).collect()
}

fn updating() -> bool {
    env::var_os("UPDATE_SAMPLES").is_some_and(|value| value == "1")
}

#[test]
fn valid_samples_read_as_expected() {
    let samples = samples("valid", "json");
    assert!(samples.len() >= 12, "{} samples", samples.len());
    for Sample {
        name,
        bytes,
        expected,
    } in samples
    {
        let manifest = Manifest::parse_bytes(&bytes, "Capsule.toml");
        let manifest = manifest.unwrap_or_else(|error| panic!("{name} is refused:\n{error}"));
        if updating() {
            let text = serde_json::to_string_pretty(&manifest).unwrap() + "\n";
            fs::write(&expected, text).unwrap();
        }
        // Compared as values: other crates decide whether JSON keeps its order.
        let found = serde_json::to_value(&manifest).unwrap();
        let text = fs::read_to_string(&expected).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn invalid_samples_are_refused_as_expected() {
    let samples = samples("invalid", "txt");
    assert!(samples.len() >= 40, "{} samples", samples.len());
    for Sample {
        name,
        bytes,
        expected,
    } in samples
    {
        let read = Manifest::parse_bytes(&bytes, "Capsule.toml");
        let Err(error) = read else {
            panic!("{name} is accepted")
        };
        let found = format!("{error}\n");
        if updating() {
            fs::write(&expected, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&expected).unwrap(), "{name}");
    }
}
