//! What is refused when it is loaded, and in which words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::panic::AssertUnwindSafe;

use capsule_engine::{CapsuleSpec, Engine, EngineConfig, Grants, InstanceMode, Limits, LoadError};
use proptest::prelude::*;

use support::{MODES, ask, engine, fields, load, shell, spec, text, wasm};

fn refusal(engine: &Engine, wasm: &[u8], spec: CapsuleSpec) -> String {
    match engine.load(wasm, spec, None) {
        Ok(capsule) => panic!("it was loaded: {capsule:?}"),
        Err(e) => e.to_string(),
    }
}

fn fresh() -> CapsuleSpec {
    spec("test", InstanceMode::Fresh)
}

/// A guest that lets everything pass, with imports beside it.
fn importing(name: &str, items: &str) -> String {
    let import = format!("(import \"{name}\" (instance {items}))");
    shell(&import, &fields("pass"))
}

/// Rule: everything not declared is refused, by name.
#[test]
fn what_does_not_fit_the_contract_is_refused_by_name() {
    let engine = engine(2);
    let pass = text("pass");
    let hook = r#"(param "action" string) (param "payload" (list u8))"#;
    let cases = [
        (
            "(module)".to_owned(),
            "this is a core module; make it a component with `capsule build`",
        ),
        (
            "(component)".to_owned(),
            "the component does not export `capsule:host/interceptor@0.1.0`; it exports nothing",
        ),
        (
            pass.replace("capsule:host/interceptor@0.1.0", "acme:other/thing@1.2.3"),
            "the component does not export `capsule:host/interceptor@0.1.0`; \
             it exports `acme:other/thing@1.2.3`",
        ),
        (
            pass.replace("interceptor@0.1.0", "interceptor@0.2.0"),
            "the component has `capsule:host/interceptor@0.2.0`, and this host speaks \
             `capsule:host/interceptor@0.1.0`; rebuild it for that",
        ),
        (
            pass.replace(
                r#"(export "hook" (func $hook)"#,
                r#"(export "hok" (func $hook)"#,
            ),
            "the component's `hook` does not fit `func(action: string, payload: list<u8>) -> \
             result<verdict, string>`: there is none",
        ),
        (
            pass.replace(hook, r#"(param "action" string) (param "payload" string)"#),
            "the component's `hook` does not fit `func(action: string, payload: list<u8>) -> \
             result<verdict, string>`: expected `list` found `string`",
        ),
        (
            importing("acme:secrets/vault@1.0.0", ""),
            "the component imports `acme:secrets/vault@1.0.0`, which the host does not have; it \
             offers `capsule:host/` bus, config, context and log `@0.1.0`, and WASI 0.2 without http",
        ),
        (
            importing("wasi:http/types@0.2.0", ""),
            "the component imports `wasi:http/types@0.2.0`, which the host does not have; it \
             offers `capsule:host/` bus, config, context and log `@0.1.0`, and WASI 0.2 without http",
        ),
        (
            importing("capsule:host/context@0.3.0", ""),
            "the component has `capsule:host/context@0.3.0`, and this host speaks \
             `capsule:host/context@0.1.0`; rebuild it for that",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(refusal(&engine, &wasm(&text), fresh()), want);
    }
    assert_eq!(
        refusal(&engine, b"#!/bin/sh", fresh()),
        "this is not a WebAssembly component: its first bytes say so"
    );
}

#[test]
fn a_function_that_the_host_does_not_have_is_refused() {
    let engine = engine(2);
    let text = importing("capsule:host/config@0.1.0", r#"(export "steal" (func))"#);
    let message = refusal(&engine, &wasm(&text), fresh());
    assert!(message.contains("steal"), "{message}");
}

#[test]
fn a_log_that_is_not_granted_is_refused() {
    let engine = engine(2);
    let mut spec = fresh();
    spec.grants = Grants {
        log: false,
        ..Grants::default()
    };
    assert_eq!(
        refusal(&engine, &wasm(&text("log")), spec),
        "the component imports `capsule:host/log@0.1.0`, which its manifest does not grant: \
         `[capabilities] log = true`"
    );
    load(&engine, "log", InstanceMode::Fresh);
}

#[tokio::test]
async fn later_patches_of_the_contract_are_accepted() {
    let engine = engine(2);
    let text = text("pass").replace("interceptor@0.1.0", "interceptor@0.1.7");
    let capsule = engine.load(&wasm(&text), fresh(), None).unwrap();
    ask(&capsule, "alice", "{}").await.unwrap();
}

#[test]
fn limits_are_checked_before_anything_runs() {
    let engine = Engine::new(EngineConfig {
        max_instances: 2,
        max_module_bytes: 100_000,
        ..EngineConfig::default()
    })
    .unwrap();
    let pass = wasm(&text("pass"));
    let limits = |limits| CapsuleSpec { limits, ..fresh() };
    let large = Limits {
        memory_bytes: 2 << 30,
        ..Limits::default()
    };
    let small = Limits {
        memory_bytes: 3 << 16,
        ..Limits::default()
    };
    let none = Limits {
        max_instances: Some(0),
        ..Limits::default()
    };
    let many = "(memory $b 1) (memory $c 1)".to_owned() + &fields("pass");
    let cases = [
        (
            refusal(&engine, &vec![0; 100_001], fresh()),
            "the module has 100001 bytes; the host reads at most 100000",
        ),
        (
            refusal(&engine, &pass, limits(large)),
            "the limit `memory in bytes` is 2147483648; this host allows 1 to 1073741824",
        ),
        (
            refusal(&engine, &pass, limits(small)),
            "the component needs 262144 bytes of memory to start with; it may have 196608; \
             raise `memory_mib` under [runtime]",
        ),
        (
            refusal(&engine, &pass, limits(none)),
            "the limit `max_instances` is 0; this host allows at least 1",
        ),
        (
            refusal(&engine, &wasm(&shell("", &many)), fresh()),
            "the component needs 3 places for instances; it may have 2",
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, want);
    }
}

#[test]
fn a_configuration_must_be_an_object() {
    let engine = engine(2);
    for json in ["", "[]", "{", "1"] {
        let spec = CapsuleSpec {
            config_json: json.into(),
            ..fresh()
        };
        let error = engine.load(&wasm(&text("pass")), spec, None).unwrap_err();
        assert!(matches!(error, LoadError::Config(_)), "{json}: {error}");
    }
}

#[test]
fn the_actions_are_read_from_whatever_module_lists_them() {
    let engine = engine(2);
    let actions = |sections: &str| {
        let text = shell("", &format!("{}{sections}", fields("pass")));
        let capsule = engine.load(&wasm(&text), fresh(), None)?;
        Ok::<_, LoadError>(capsule.actions().map(<[String]>::to_vec))
    };
    assert_eq!(actions("").unwrap(), None);
    assert_eq!(
        actions(r#"(@custom "capsule-actions" "")"#).unwrap(),
        Some(vec![])
    );
    assert_eq!(
        actions(
            r#"(@custom "capsule-actions" "check\nscan\n") (@custom "capsule-actions" "scan\nlast")"#
        )
        .unwrap(),
        Some(vec!["check".into(), "scan".into(), "last".into()])
    );
    let error = actions(r#"(@custom "capsule-actions" "\ff")"#).unwrap_err();
    assert!(matches!(error, LoadError::Actions { .. }), "{error}");
}

/// Loads, and asks what could be loaded: neither may panic.
fn survives(engine: &Engine, wasm: &[u8]) {
    let load = AssertUnwindSafe(|| engine.load(wasm, fresh(), None));
    let loaded = std::panic::catch_unwind(load).expect("loading does not panic");
    assert!(!matches!(loaded, Err(LoadError::CompilerPanicked)));
}

#[test]
fn a_component_cut_at_any_byte_is_refused() {
    let engine = engine(2);
    let whole = wasm(&text("count"));
    // Sections that only carry names may be missing.
    let needed = {
        let names = whole.windows(14).position(|w| w == b"component-name");
        names.unwrap_or(whole.len())
    };
    for end in 0..whole.len() {
        survives(&engine, &whole[..end]);
        if end + 4 < needed {
            assert!(engine.load(&whole[..end], fresh(), None).is_err(), "{end}");
        }
    }
}

#[test]
fn a_large_component_cut_at_any_kilobyte_is_refused() {
    let engine = engine(2);
    let function = "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const 7)))\n";
    let whole = wasm(&shell("", &(fields("pass") + &function.repeat(4000))));
    assert!(whole.len() > 30 << 10, "{} bytes", whole.len());
    for end in (0..whole.len()).step_by(1 << 10) {
        let refused = engine.load(&whole[..end], fresh(), None);
        assert!(refused.is_err(), "cut at {end}: {refused:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn flipped_bits_never_crash(flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4)) {
        thread_local! {
            static ENGINE: Engine = engine(2);
            static WHOLE: Vec<u8> = wasm(&text("count"));
        }
        let mut bytes = WHOLE.with(Clone::clone);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        ENGINE.with(|engine| survives(engine, &bytes));
    }
}

#[test]
fn every_mode_loads() {
    let engine = engine(2);
    for mode in MODES {
        load(&engine, "pass", mode);
    }
}
