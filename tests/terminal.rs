//! `capsule run` on a terminal: progress is for people, outcomes are data.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use support::{Capsules, Ran, unconfigured};

/// More events than outcomes fit in what lies between the host and who reads
/// them.
const EVENTS: usize = 2000;

/// A capsule, and as `input` beside it the events.
fn prepared() -> (Capsules, PathBuf) {
    let capsules = Capsules::new().with("echo", "echo", "");
    let input = capsules.root().join("input");
    fs::write(
        &input,
        "{\"topic\":\"a.b\",\"payload\":{}}\n".repeat(EVENTS),
    )
    .unwrap();
    (capsules, input)
}

/// `capsule run` over `input` in `dir`, with a terminal for its stderr, and
/// for its stdout unless `redirect` sends that elsewhere. `script` of
/// util-linux makes the terminal, and copies to its stdout what appears there.
fn on_a_terminal(dir: &Path, redirect: &str) -> Command {
    let binary = env!("CARGO_BIN_EXE_capsule");
    let run = format!("'{binary}' run --no-cache --capsules capsules --input input {redirect}");
    let mut script = unconfigured("script");
    script
        .args(["--quiet", "--return", "--flush", "--command"])
        // No window gives this terminal a size.
        .arg(format!("stty cols 100; exec {run}"))
        .arg("/dev/null")
        .current_dir(dir)
        .envs([("SHELL", "/bin/sh"), ("TERM", "xterm")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    script
}

/// Whether a bar on `screen` has come some way, and not all of it.
fn shows_progress(screen: &[u8]) -> bool {
    let screen = String::from_utf8_lossy(screen);
    let before = screen.split('%').filter(|text| text.contains('█'));
    let mut percents = before.filter_map(|text| text.rsplit(' ').next()?.parse::<u8>().ok());
    percents.any(|percent| 0 < percent && percent < 100)
}

/// Reads what appears on the terminal until it is gone, and drops `seen` when
/// a bar was there.
fn watch(mut terminal: impl Read, seen: mpsc::Sender<()>) -> Vec<u8> {
    let mut seen = Some(seen);
    let (mut screen, mut some) = (Vec::new(), [0; 1024]);
    while let read @ 1.. = terminal.read(&mut some).unwrap() {
        screen.extend_from_slice(&some[..read]);
        if shows_progress(&screen) {
            drop(seen.take());
        }
    }
    screen
}

#[test]
fn a_bar_shows_how_much_is_read_and_goes_away() {
    let (capsules, _) = prepared();
    let fifo = capsules.root().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());

    let mut script = on_a_terminal(capsules.root(), "> fifo").spawn().unwrap();
    let terminal = script.stdout.take().unwrap();
    let (seen, wait) = mpsc::channel();
    let (screen, stdout) = thread::scope(|scope| {
        let fifo = &fifo;
        let stdout = scope.spawn(move || {
            let mut stdout = File::open(fifo).unwrap();
            // While nobody reads its outcomes, the host waits, and its bar
            // stands still. One that never comes ends the test, late.
            let _ = wait.recv_timeout(Duration::from_secs(60));
            let mut outcomes = Vec::new();
            stdout.read_to_end(&mut outcomes).unwrap();
            outcomes
        });
        let screen = watch(terminal, seen);
        // Where nobody came to write, nobody goes on waiting for it.
        drop(File::options().read(true).write(true).open(fifo));
        (screen, stdout.join().unwrap())
    });

    let ran = Ran {
        code: script.wait().unwrap().code().unwrap_or(-1),
        stdout,
        stderr: String::from_utf8_lossy(&screen).into_owned(),
    };
    assert!(shows_progress(&screen), "no bar: {}", ran.stderr);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.outcomes().len(), EVENTS);
    assert!(!ran.stderr.contains("verdict"), "{}", ran.stderr);
    let left = ran.stderr.rsplit("\x1b[2K").next();
    assert_eq!(left, Some(""), "it goes away");
}

#[test]
fn outcomes_on_a_terminal_have_no_bar_between_them() {
    let (capsules, _) = prepared();
    let ran = Ran::from(on_a_terminal(capsules.root(), "").output().unwrap());
    assert_eq!(ran.code, 0);
    assert_eq!(ran.outcomes().len(), EVENTS, "and nothing else");
}

#[test]
fn without_a_terminal_there_is_no_bar() {
    let (capsules, input) = prepared();
    let input = input.display().to_string();
    let ran = capsules.run_with(&["--input", &input], b"");
    assert_eq!(ran.outcomes().len(), EVENTS);
    assert_eq!(ran.stderr, "");
}
