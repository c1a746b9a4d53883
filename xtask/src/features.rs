//! The features of the workspace's packages, from `cargo metadata`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::workspace;

/// A package with features, and one way to compile it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) package: String,
    /// The only feature; none at all if `None`.
    pub(crate) feature: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    features: BTreeMap<String, Vec<String>>,
}

/// Every package that has features: without any, and with each alone.
///
/// # Errors
///
/// Cargo cannot read the workspace.
pub(crate) fn selections() -> Result<Vec<Selection>> {
    let output = workspace::cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run `cargo metadata`")?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`cargo metadata` failed: {message}"
    );
    Ok(selections_of(serde_json::from_slice(&output.stdout)?))
}

fn selections_of(metadata: Metadata) -> Vec<Selection> {
    let mut selections = Vec::new();
    for Package { name, features } in metadata.packages {
        let alone: Vec<_> = features
            .into_keys()
            .filter(|feature| feature != "default")
            .collect();
        if alone.is_empty() {
            continue;
        }
        let ways = [None].into_iter().chain(alone.into_iter().map(Some));
        selections.extend(ways.map(|feature| Selection {
            package: name.clone(),
            feature,
        }));
    }
    selections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_taken_alone_and_none_once() {
        let metadata = serde_json::json!({"packages": [
            {"name": "plain", "features": {}},
            {"name": "sdk", "features": {"default": ["b"], "b": [], "a": []}},
        ]});
        let selection = |feature: Option<&str>| Selection {
            package: "sdk".into(),
            feature: feature.map(str::to_owned),
        };
        let got = selections_of(serde_json::from_value(metadata).unwrap());
        assert_eq!(
            got,
            [selection(None), selection(Some("a")), selection(Some("b"))]
        );
    }
}
