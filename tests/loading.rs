//! What is not fit to run is refused by name, and what is refused does no
//! harm.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use support::{Capsules, Ran, capsule, wat};

const EVENT: &[u8] = br#"{"topic":"a.b","payload":{}}"#;

fn manifest(name: &str, rest: &str) -> String {
    format!(
        "manifest_version = 1\n[capsule]\nname = \"{name}\"\nversion = \"0.1.0\"\n\
         module = \"m.wasm\"\n{rest}\n[[interceptor]]\nevent = \">\"\naction = \"act\"\n\
         on_error = \"deny\"\n"
    )
}

/// Runs `capsule check` on the directory.
fn check(capsules: &Capsules, flags: &[&str]) -> Ran {
    let mut command = capsule(&["check", "--no-cache"]);
    Ran::of(command.args(flags).arg(capsules.path()), b"")
}

/// One of everything that a host refuses, and a good one.
fn refused() -> Capsules {
    let good = wat::wasm("pass");
    let capsules = Capsules::new()
        .with("good", "pass", "")
        .with_file("0-readme.txt", "files are passed over")
        .with_file(".git/config", "hidden directories are passed over")
        .with_file("a-core-module/Capsule.toml", manifest("core-module", ""))
        .with_file("a-core-module/m.wasm", b"\0asm\x01\0\0\0")
        .with_file("b-empty/m.wasm", "")
        .with_file("c-empty-module/Capsule.toml", manifest("empty-module", ""))
        .with_file("c-empty-module/m.wasm", "")
        .with_file(
            "d-misspelt/Capsule.toml",
            manifest("misspelt", "on_eror = 1"),
        )
        .with_file("e-no-module/Capsule.toml", manifest("no-module", ""))
        .with_file("f-outside/Capsule.toml", manifest("outside", ""))
        .with_file(
            "g-pinned/Capsule.toml",
            manifest("pinned", &format!("sha256 = \"{}\"", "0".repeat(64))),
        )
        .with_file("g-pinned/m.wasm", &good)
        .with_file("h-taken/Capsule.toml", manifest("good", ""))
        .with_file("h-taken/m.wasm", &good)
        .with_file("i-directory/Capsule.toml", manifest("directory", ""))
        .with_file("i-directory/m.wasm/x", "")
        .with_file(
            "j-greedy/Capsule.toml",
            manifest("greedy", "") + "[capabilities]\nkv = true\n",
        )
        .with_file("j-greedy/m.wasm", &good)
        .with_file(
            "k-silent/Capsule.toml",
            manifest("silent", "") + "[capabilities]\nlog = false\n",
        )
        .with_file("k-silent/m.wasm", wat::wasm("log"))
        .with_file("secret.wasm", &good);
    symlink("/nowhere/tool-guard", capsules.path().join("l-gone")).unwrap();
    symlink(
        capsules.path().join("secret.wasm"),
        capsules.path().join("f-outside/m.wasm"),
    )
    .unwrap();
    // Names are taken in the order of directories.
    fs::rename(capsules.path().join("good"), capsules.path().join("0-good")).unwrap();
    capsules
}

/// Rule: everything not declared is refused, with a message that names file
/// and key and what would be right.
#[test]
fn each_capsule_that_is_not_fit_is_refused_by_name() {
    let capsules = refused();
    let ran = check(&capsules, &[]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(capsules.tidy(&ran.stdout));
}

#[test]
fn check_says_the_same_to_programs() {
    let capsules = refused();
    let ran = check(&capsules, &["--format", "json"]);
    assert_eq!(ran.code, 1);
    let reports: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let failed: Vec<_> = reports
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["ok"] == false)
        .collect();
    assert_eq!(failed.len(), 12);
    assert!(failed.iter().all(|r| r["error"].is_string()));

    let good = Capsules::new().with("good", "pass", "");
    let ran = check(&good, &["--format", "json"]);
    assert_eq!(ran.code, 0);
    let reports: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(reports[0]["ok"], true);
}

/// Rule: at the start a capsule that cannot be loaded stops the host; with
/// `--keep-going` the host starts without it, and its guards deny.
#[test]
fn a_capsule_that_cannot_be_loaded_stops_the_host_or_denies() {
    let capsules = Capsules::new()
        .with("good", "echo", "")
        .with_file("bad/Capsule.toml", manifest("bad", ""));

    let stopped = capsules.run(EVENT);
    assert_eq!(stopped.code, 1);
    assert!(stopped.stdout.is_empty());
    assert!(
        stopped
            .stderr
            .contains("a capsule cannot be loaded (`--keep-going`"),
        "{}",
        stopped.stderr
    );

    let went_on = capsules.run_with(&["--keep-going"], EVENT);
    assert_eq!(went_on.code, 0);
    let outcome = &went_on.outcomes()[0];
    assert_eq!(outcome["verdict"], "deny");
    assert_eq!(outcome["by"], "bad");
    assert_eq!(outcome["steps"][0]["error"], "unavailable");

    let open = Capsules::new().with("good", "echo", "").with_file(
        "bad/Capsule.toml",
        manifest("bad", "").replace("deny", "continue"),
    );
    let outcome = &open.run_with(&["--keep-going"], EVENT).outcomes()[0];
    assert_eq!(outcome["verdict"], "continue");
    assert_eq!(outcome["steps"][0]["error"], "unavailable");
    assert_eq!(outcome["steps"][1]["verdict"], "continue");
}

/// Malformed WebAssembly never brings the host down.
#[test]
fn a_module_cut_anywhere_is_refused() {
    let whole = wat::wasm("count");
    for length in (0..whole.len()).step_by(97) {
        let capsules = Capsules::new()
            .with_file("cut/Capsule.toml", manifest("cut", ""))
            .with_file("cut/m.wasm", whole.split_at(length).0);
        let ran = check(&capsules, &["--format", "json"]);
        assert_eq!(ran.code, 1, "{length} bytes: {}", ran.stderr);
        let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(report[0]["ok"], json!(false), "{length} bytes");
    }
}

/// A cache that was tampered with is not used, and not fatal.
#[test]
fn a_tampered_cache_is_compiled_anew() {
    let capsules = Capsules::new().with("echo", "echo", "");
    assert_eq!(capsules.run(EVENT).code, 0);
    let cached: Vec<_> = fs::read_dir(capsules.root().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| fs::metadata(path).unwrap().len() > 1000)
        .collect();
    assert_eq!(cached.len(), 1, "the compiled module is kept");
    let mut bytes = fs::read(&cached[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&cached[0], &bytes).unwrap();

    let ran = capsules.run(EVENT);

    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.outcomes()[0]["verdict"], "continue");
    assert!(ran.stderr.contains("WARN"), "it is said: {}", ran.stderr);
    assert_ne!(fs::read(&cached[0]).unwrap(), bytes, "it is replaced");
}
