//! The file as a whole.

use toml::de::{DeTable, DeValue};

use super::{
    capabilities, capsule, config, interceptor, runtime, section::Section, value::shown_number,
};
use crate::{
    Manifest, ManifestError,
    keys::{CAPABILITIES, CAPSULE, CONFIG, MANIFEST_VERSION, ROOT},
    problem::Problems,
    source::{self, Places, Source},
};

/// The version of the format that is read.
const FORMAT: &str = "1";

impl Manifest {
    /// Reads the `text` of a manifest. `file` is how messages name it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it; unless it is no TOML, or written for
    /// another version of the format: then nothing but that.
    pub fn parse(text: &str, file: &str) -> Result<Self, ManifestError> {
        Self::parse_bytes(text.as_bytes(), file)
    }

    /// Reads a manifest as it lies in a file: at most
    /// [`MAX_BYTES`](crate::MAX_BYTES) of UTF-8, with or without a byte order
    /// mark. `file` is how messages name it.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and where the bytes are too many or not
    /// UTF-8.
    pub fn parse_bytes(bytes: &[u8], file: &str) -> Result<Self, ManifestError> {
        let problems = Problems::new(Source::decode(bytes, file)?);
        let Some(tables) = source::tables(&problems) else {
            return Err(problems.into_error());
        };
        if is_of_other_format(&tables, &problems) {
            return Err(problems.into_error());
        }
        let manifest = read(&Section::root(&ROOT, &tables, &problems));
        match manifest {
            Some(manifest) if problems.is_empty() => Ok(Self {
                places: Places::of(&tables, problems.source()),
                ..manifest
            }),
            _ => Err(problems.into_error()),
        }
    }
}

/// Refuses other versions of the format, where the file names one: what those
/// allow is not for this reader to judge.
fn is_of_other_format(tables: &DeTable<'_>, problems: &Problems<'_>) -> bool {
    let version = tables.get(MANIFEST_VERSION.name);
    let Some((DeValue::Integer(found), at)) =
        version.map(|value| (value.as_ref(), value.span().start))
    else {
        return false;
    };
    let is_other = found.to_string() != FORMAT;
    if is_other {
        problems.add(
            at,
            MANIFEST_VERSION.name,
            format!("must be {FORMAT}, not {}", shown_number(&found.to_string())),
            "write `manifest_version = 1`, or use a host that reads the other version",
        );
    }
    is_other
}

/// Reads everything that can be read, so that all problems come to light.
fn read(root: &Section<'_>) -> Option<Manifest> {
    let version = root.require(MANIFEST_VERSION);
    let version = version.and_then(|version| version.integer("a whole number"));
    let capsule = root
        .require(CAPSULE)
        .and_then(|table| capsule::read(&table));
    let is_hook = matches!(&capsule, Some(capsule) if capsule.module().is_none());
    let runtime = runtime::read(root, is_hook);
    let interceptors = interceptor::read(root, &runtime);
    let capabilities = capabilities::read(root);
    let config = config::read(root);
    if is_hook {
        for table in [CAPABILITIES, CONFIG]
            .iter()
            .filter_map(|key| root.get(*key))
        {
            table.refuse(
                "is for modules; the process that answers `hook` has what it has",
                "remove the table",
            );
        }
    }
    version?;
    Some(Manifest {
        capsule: capsule?,
        runtime,
        interceptors,
        capabilities,
        config,
        places: Places::default(),
    })
}
