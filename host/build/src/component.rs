//! Makes a component of a core module.

use std::sync::LazyLock;

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The contract that capsules are written against.
const WIT: &str = include_str!("../../../wit/capsule.wit");

/// The world of it that a capsule is in.
const WORLD: &str = "capsule";

/// Why a core module did not become a component.
///
/// The encoder's own words, from the most general to the cause.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ComponentError(String);

/// Makes a component of `module`.
///
/// A module made with the SDK carries the types of what it imports and
/// exports; one that does not is taken to be of the world `capsule`.
///
/// # Errors
///
/// The module is malformed, or does not import and export what its types say.
pub(crate) fn encode(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let mut module = module.to_vec();
    if !has_types(&module)? {
        let (resolve, world) = CONTRACT
            .as_ref()
            .map_err(|text| ComponentError(text.clone()))?;
        embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8)
            .map_err(|error| ComponentError(format!("{error:#}")))?;
    }
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| ComponentError(format!("{error:#}")))
}

static CONTRACT: LazyLock<Result<(Resolve, WorldId), String>> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let world = resolve
        .push_str("capsule.wit", WIT)
        .map_err(|error| error.to_string())
        .and_then(|package| {
            resolve
                .select_world(&[package], Some(WORLD))
                .map_err(|error| format!("{error:#}"))
        });
    world.map(|world| (resolve, world))
});

// === impl ComponentError ===

impl From<wasmparser::BinaryReaderError> for ComponentError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self(error.to_string())
    }
}

fn has_types(module: &[u8]) -> Result<bool, wasmparser::BinaryReaderError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name().starts_with("component-type")
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every module of the world exports, without what it does.
    const MODULE: &str = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "capsule:host/interceptor@0.1.0#hook")
            (param i32 i32 i32 i32) (result i32) unreachable))"#;

    #[test]
    fn a_module_without_types_becomes_a_component_of_the_contract() {
        let component = encode(&wat::parse_str(MODULE).unwrap()).unwrap();
        let first = Parser::new(0).parse_all(&component).next();
        let Some(Ok(Payload::Version { encoding, .. })) = first else {
            panic!("got {first:?}");
        };
        assert_eq!(encoding, wasmparser::Encoding::Component);
        let names = String::from_utf8_lossy(&component);
        assert!(names.contains("capsule:host/interceptor@0.1.0"));
    }

    #[test]
    fn a_module_that_carries_its_types_keeps_them() {
        let mut resolve = Resolve::default();
        let package = resolve
            .push_str("its.wit", "package its:p; world w { export f: func(); }")
            .unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let mut module = wat::parse_str(r#"(module (func (export "f")))"#).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        encode(&module).unwrap();
    }

    #[test]
    fn what_cannot_become_a_component_says_why() {
        let hook = "capsule:host/interceptor@0.1.0#hook";
        let cases = [
            (
                "the export is missing",
                "(module)".to_owned(),
                "interceptor@0.1.0",
            ),
            (
                "the import is unknown",
                MODULE.replacen("(memory", r#"(import "env" "now" (func)) (memory"#, 1),
                "env",
            ),
            (
                "the export has another type",
                format!(r#"(module (func (export "{hook}")))"#),
                "hook",
            ),
        ];
        for (name, text, want) in cases {
            let error = encode(&wat::parse_str(text).unwrap())
                .unwrap_err()
                .to_string();
            assert!(error.contains(want), "case: {name}: got {error}");
        }
    }
}
