//! Finds the module in what cargo says it built.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A module that cargo compiled or found compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    pub(crate) path: PathBuf,
    /// Nothing had to be compiled.
    pub(crate) fresh: bool,
}

/// One line of `cargo build --message-format=json`: only what is used here.
#[derive(Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        manifest_path: PathBuf,
        target: Target,
        filenames: Vec<PathBuf>,
        fresh: bool,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// Finds the module of the package whose manifest is `cargo_toml`.
///
/// Lines that are not cargo's are passed over: a build script of a dependency
/// may print where it should not.
pub(crate) fn find(messages: &str, cargo_toml: &Path) -> Option<Artifact> {
    messages.lines().find_map(|line| {
        let Ok(Message::CompilerArtifact {
            manifest_path,
            target,
            filenames,
            fresh,
        }) = serde_json::from_str(line)
        else {
            return None;
        };
        if manifest_path != cargo_toml || !target.kind.iter().any(|kind| kind == "cdylib") {
            return None;
        }
        let module = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "wasm");
        let path = filenames.into_iter().find(module)?;
        Some(Artifact { path, fresh })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An artifact's message as cargo writes it, shortened where it is long.
    fn message(manifest: &str, kind: &str, files: &str, fresh: bool) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"path+file:///p#0.1.0","manifest_path":"{manifest}","target":{{"kind":[{kind}],"crate_types":[{kind}],"name":"p","src_path":"/p/src/lib.rs","edition":"2024","doc":true,"doctest":false,"test":true}},"profile":{{"opt_level":"3","debuginfo":0,"debug_assertions":false,"overflow_checks":false,"test":false}},"features":[],"filenames":[{files}],"executable":null,"fresh":{fresh}}}"#
        )
    }

    #[test]
    fn the_module_of_the_package_is_found_among_cargos_messages() {
        let wasm = r#""/t/p.wasm""#;
        let finished = r#"{"reason":"build-finished","success":true}"#;
        let found = |fresh| {
            Some(Artifact {
                path: "/t/p.wasm".into(),
                fresh,
            })
        };
        let cases = [
            (
                "built",
                message("/p/Cargo.toml", r#""cdylib""#, wasm, false),
                found(false),
            ),
            (
                "fresh",
                message("/p/Cargo.toml", r#""cdylib""#, wasm, true),
                found(true),
            ),
            (
                "a library for tests is built too",
                message(
                    "/p/Cargo.toml",
                    r#""cdylib","rlib""#,
                    r#""/t/libp.rlib","/t/p.wasm""#,
                    false,
                ),
                found(false),
            ),
            (
                "another package",
                message("/q/Cargo.toml", r#""cdylib""#, wasm, false),
                None,
            ),
            (
                "not a cdylib",
                message("/p/Cargo.toml", r#""lib""#, r#""/t/libp.rlib""#, false),
                None,
            ),
            (
                "no module",
                message("/p/Cargo.toml", r#""cdylib""#, r#""/t/libp.so""#, false),
                None,
            ),
            (
                "noise before it",
                format!(
                    "hello\n{{\"reason\":\"new\"}}\n{}",
                    message("/p/Cargo.toml", r#""cdylib""#, wasm, false)
                ),
                found(false),
            ),
            ("nothing", String::new(), None),
        ];
        for (name, artifact, want) in cases {
            let messages = format!("{artifact}\n{finished}\n");
            assert_eq!(
                find(&messages, Path::new("/p/Cargo.toml")),
                want,
                "case: {name}"
            );
        }
    }
}
