use std::{os::unix::fs::OpenOptionsExt as _, sync::Mutex};

use super::*;
use crate::{Silent, toolchain::Toolchain};

/// What every module of the contract exports, without what it does.
const EXPORTS: &str = r#"
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "capsule:host/interceptor@0.1.0#hook")
        (param i32 i32 i32 i32) (result i32) unreachable)"#;

const CAPSULE: &str = r#"manifest_version = 1
[capsule]
name = "guard"
version = "0.1.0"
module = "guard.wasm"
[[interceptor]]
event = "a.>"
action = "check"
"#;

/// A capsule's directory, and a cargo that has compiled it.
struct Fixture {
    dir: tempfile::TempDir,
    toolchain: Toolchain,
}

#[derive(Default)]
struct Steps(Mutex<Vec<String>>);

impl Progress for Steps {
    fn step(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }

    fn output(&self, _: &str) {}
}

impl Fixture {
    /// `cargo` is a script that answers as cargo does: compiling is cargo's
    /// part, and tested with the examples.
    fn new(manifest: &str, module: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::write(at.join("Capsule.toml"), manifest).unwrap();
        fs::write(at.join("Cargo.toml"), "").unwrap();
        let wasm = at.join("compiled.wasm");
        fs::write(&wasm, wat::parse_str(module).unwrap()).unwrap();
        let toml = fs::canonicalize(at.join("Cargo.toml")).unwrap();
        let message = serde_json::json!({
            "reason": "compiler-artifact", "manifest_path": toml, "fresh": true,
            "target": {"kind": ["cdylib"]}, "filenames": [wasm],
        });
        let cargo = at.join("cargo");
        let mut script = fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(&cargo)
            .unwrap();
        io::Write::write_all(
            &mut script,
            format!("#!/bin/sh\necho '{message}'\n").as_bytes(),
        )
        .unwrap();
        Self {
            dir,
            toolchain: Toolchain::with_cargo(cargo),
        }
    }

    fn build(&self, options: &BuildOptions) -> Result<Built, BuildError> {
        build(self.dir.path(), &self.toolchain, options, &Silent)
    }
}

fn module(handlers: &str) -> String {
    format!(r#"(module (@custom "capsule-actions" "{handlers}") {EXPORTS})"#)
}

/// An error's message without the temporary directory's name.
fn message(fixture: &Fixture, error: &BuildError) -> String {
    error
        .to_string()
        .replace(&fixture.dir.path().display().to_string(), "DIR")
}

#[test]
fn a_capsule_is_put_where_it_is_wanted_and_the_second_time_nothing_changes() {
    let fixture = Fixture::new(CAPSULE, &module("check"));
    let out = fixture.dir.path().join("out");
    let options = BuildOptions {
        out: Some(out.clone()),
        ..BuildOptions::default()
    };

    let first = fixture.build(&options).unwrap();
    assert_eq!(first.module, out.join("guard/guard.wasm"));
    assert_eq!(
        fs::read_to_string(out.join("guard/Capsule.toml")).unwrap(),
        CAPSULE
    );
    assert_eq!(fs::metadata(&first.module).unwrap().len(), first.size);
    assert!(!first.fresh);

    let second = fixture.build(&options).unwrap();
    assert_eq!(
        second,
        Built {
            fresh: true,
            ..first
        }
    );
}

#[test]
fn without_a_place_the_module_goes_beside_its_manifest() {
    let fixture = Fixture::new(CAPSULE, &module("check"));
    let built = fixture.build(&BuildOptions::default()).unwrap();
    assert_eq!(built.module, fixture.dir.path().join("guard.wasm"));
    assert_eq!(built.manifest, fixture.dir.path().join("Capsule.toml"));
}

#[test]
fn an_action_without_a_handler_is_an_error_that_names_both_lists() {
    let fixture = Fixture::new(CAPSULE, &module("chek\\nscan"));
    let error = fixture.build(&BuildOptions::default()).unwrap_err();
    insta::assert_snapshot!(message(&fixture, &error), @"DIR/Capsule.toml: no handler for `check`; the code handles `chek`, `scan`");
    assert!(!fixture.dir.path().join("guard.wasm").exists());
}

#[test]
fn a_handler_that_nothing_uses_is_a_warning() {
    let fixture = Fixture::new(CAPSULE, &module("check\\nscan"));
    let steps = Steps::default();
    let options = BuildOptions::default();
    build(fixture.dir.path(), &fixture.toolchain, &options, &steps).unwrap();
    let steps = steps.0.into_inner().unwrap();
    assert_eq!(steps.len(), 1);
    assert!(
        steps[0].ends_with("no interceptor uses the handler `scan`"),
        "got {steps:?}"
    );
}

#[test]
fn a_module_that_lists_no_handlers_is_not_checked_against_the_manifest() {
    let fixture = Fixture::new(CAPSULE, &format!("(module {EXPORTS})"));
    fixture.build(&BuildOptions::default()).unwrap();
}

#[test]
fn a_pinned_module_must_be_the_one_that_is_built() {
    let unpinned = Fixture::new(CAPSULE, &module("check"));
    let built = unpinned.build(&BuildOptions::default()).unwrap();
    let pin = |digest: &str| {
        let module = "module = \"guard.wasm\"\n";
        CAPSULE.replace(module, &format!("{module}sha256 = \"{digest}\"\n"))
    };

    let right = Fixture::new(&pin(&built.sha256), &module("check"));
    right.build(&BuildOptions::default()).unwrap();

    let wrong = Fixture::new(&pin(&"0".repeat(64)), &module("check"));
    let error = wrong.build(&BuildOptions::default()).unwrap_err();
    let remedy = format!("write sha256 = \"{}\"", built.sha256);
    assert!(error.to_string().ends_with(&remedy), "got {error}");
    assert!(!wrong.dir.path().join("guard.wasm").exists());
}

#[test]
fn a_module_without_the_hook_does_not_fit_the_contract() {
    let fixture = Fixture::new(CAPSULE, "(module)");
    let error = fixture
        .build(&BuildOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("capsule `guard` does not fit the contract: "),
        "got {error}"
    );
}

#[test]
fn what_is_missing_is_named() {
    let fixture = Fixture::new(CAPSULE, &module("check"));
    fs::remove_file(fixture.dir.path().join("Capsule.toml")).unwrap();
    let error = fixture.build(&BuildOptions::default()).unwrap_err();
    insta::assert_snapshot!(message(&fixture, &error), @"cannot read DIR/Capsule.toml: No such file or directory (os error 2)");
}

#[test]
fn a_crate_that_is_no_cdylib_is_told_what_its_manifest_needs() {
    let fixture = Fixture::new(CAPSULE, &module("check"));
    fs::write(fixture.dir.path().join("cargo"), "#!/bin/sh\n").unwrap();
    let error = fixture.build(&BuildOptions::default()).unwrap_err();
    insta::assert_snapshot!(message(&fixture, &error), @r#"
    capsule `guard` compiles to no WebAssembly module; its Cargo.toml needs
      [lib]
      crate-type = ["cdylib"]
    "#);
}

#[test]
fn an_unwritable_place_is_named() {
    let fixture = Fixture::new(CAPSULE, &module("check"));
    let options = BuildOptions {
        out: Some("/proc/out".into()),
        ..BuildOptions::default()
    };
    let error = fixture.build(&options).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot write /proc/out/guard/guard.wasm: "),
        "got {error}"
    );
}
