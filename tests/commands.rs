//! The commands beside `run`: what they print and how they exit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{fs, process::Command};

use serde_json::Value;

use support::{Capsules, Ran, capsule, repository};

fn ran(args: &[&str]) -> Ran {
    Ran::of(&mut capsule(args), b"")
}

/// Three capsules with something to tell about.
fn capsules() -> Capsules {
    let manifest = |name: &str, interceptors: &str| {
        format!(
            "manifest_version = 1\n[capsule]\nname = \"{name}\"\nversion = \"1.2.3\"\n\
             description = \"The {name} capsule\"\nmodule = \"{name}.wasm\"\n{interceptors}"
        )
    };
    let wasm = support::wat::wasm("pass");
    Capsules::new()
        .with_file(
            "guard/Capsule.toml",
            manifest(
                "guard",
                "[[interceptor]]\nevent = \"tool.execute.*\"\naction = \"check\"\npriority = 10\n\
                 on_error = \"deny\"\ntimeout_ms = 50\n[[interceptor]]\nevent = \"tool.>\"\n\
                 action = \"note\"\nmode = \"monitor\"\npriority = 90\n",
            ),
        )
        .with_file("guard/guard.wasm", &wasm)
        .with_file(
            "scan/Capsule.toml",
            manifest(
                "scan",
                "[subscribe]\n\"user.prompt\" = { action = \"scan\" }\n",
            ),
        )
        .with_file("scan/scan.wasm", &wasm)
        .with_file(
            "broken/Capsule.toml",
            manifest(
                "broken",
                "[[interceptor]]\nevent = \"tool.>\"\naction = \"act\"\n",
            ),
        )
}

#[test]
fn explain_says_what_runs_and_why_the_rest_does_not() {
    let capsules = capsules();
    let path = capsules.path().display().to_string();
    let mut said = String::new();
    for topic in ["tool.execute.shell", "tool.execute.shell.now", "quiet"] {
        let ran = ran(&[
            "explain",
            "--no-cache",
            "--log",
            "off",
            "--topic",
            topic,
            "--principal",
            "alice",
            "--capsules",
            &path,
        ]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        said += &format!(
            "$ explain --topic {topic}\n{}\n",
            capsules.tidy(&ran.stdout)
        );
    }
    insta::assert_snapshot!(said);

    let json = ran(&[
        "explain",
        "--no-cache",
        "--format",
        "json",
        "--topic",
        "tool.execute.shell",
        "--capsules",
        &path,
    ]);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["asked"][0]["capsule"], "guard");
    assert_eq!(report["asked"][0]["on_error"], "deny");
    assert_eq!(report["not_asked"][0]["capsule"], "scan");
    assert_eq!(report["not_loaded"][0]["takes_part"], true);
}

#[test]
fn list_names_every_capsule_loaded_or_not() {
    let capsules = capsules();
    let path = capsules.path().display().to_string();
    let text = ran(&["list", "--no-cache", &path]);
    assert_eq!(text.code, 0);
    insta::assert_snapshot!(capsules.tidy(&text.stdout));
    let json: Value =
        serde_json::from_slice(&ran(&["list", "--no-cache", "--format", "json", &path]).stdout)
            .unwrap();
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!(json[0]["state"], "failed");
}

#[test]
fn a_wrong_call_exits_with_2_and_help_with_0() {
    let cases: [&[&str]; 6] = [
        &[],
        &["runn"],
        &["run", "--nonsense"],
        &["explain"],
        &["explain", "--topic", "a..b"],
        &["run", "--format", "xml"],
    ];
    for args in cases {
        let ran = ran(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}");
    }
    for args in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let ran = ran(args);
        assert_eq!(ran.code, 0, "{args:?}");
        assert!(!ran.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = ran(&["completions", shell]);
        assert_eq!(ran.code, 0);
        let text = String::from_utf8(ran.stdout).unwrap();
        assert!(text.contains("explain"), "{shell}");
    }
}

#[test]
fn the_file_gives_way_to_the_environment_and_that_to_flags() {
    let (in_file, in_environment, in_flag) = (
        Capsules::new().with("file", "pass", ""),
        Capsules::new().with("environment", "pass", ""),
        Capsules::new().with("flag", "pass", ""),
    );
    let config = in_file.root().join("host.toml");
    fs::write(&config, "capsules = \"capsules\"\nno_cache = true\n").unwrap();
    let by = |command: &mut Command| {
        let ran = Ran::of(command, br#"{"topic":"a"}"#);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.outcomes()[0]["steps"][0]["capsule"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let config = config.display().to_string();
    let run = || capsule(&["run", "--config", &config]);
    assert_eq!(by(&mut run()), "file");
    assert_eq!(
        by(run().env("CAPSULE_CAPSULES", in_environment.path())),
        "environment"
    );
    assert_eq!(
        by(run()
            .env("CAPSULE_CAPSULES", in_environment.path())
            .arg("--capsules")
            .arg(in_flag.path())),
        "flag"
    );
}

#[test]
fn new_makes_a_capsule_once_and_says_what_is_next() {
    let root = tempfile::tempdir().unwrap();
    let new = |name: &str| Ran::of(capsule(&["new", name]).current_dir(root.path()), b"");
    let made = new("my-capsule");
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(
        String::from_utf8(made.stdout)
            .unwrap()
            .contains("capsule build my-capsule --out capsules")
    );
    let manifest = fs::read_to_string(root.path().join("my-capsule/Cargo.toml")).unwrap();
    let sdk = repository().join("guest-sdk").canonicalize().unwrap();
    assert!(manifest.contains(&sdk.display().to_string()), "{manifest}");

    let again = new("my-capsule");
    assert_eq!(again.code, 1);
    assert!(
        again
            .stderr
            .contains("is already there; nothing was changed"),
        "{}",
        again.stderr
    );
    let bad = new("My Capsule");
    assert_eq!(bad.code, 1);
    assert!(
        bad.stderr.contains("is no name for a new capsule"),
        "{}",
        bad.stderr
    );
    assert!(!root.path().join("My Capsule").exists());
}
