//! `capsule run`: events in, outcomes out, in the order of the input, and
//! nothing lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
};

use serde_json::{Value, json};

use support::{Capsules, Ran, capsule, unconfigured, wat};

fn event(id: usize, principal: &str, payload: Value) -> String {
    json!({"topic": "a.b", "id": id.to_string(), "principal": principal, "payload": payload})
        .to_string()
}

#[test]
fn outcomes_come_in_the_order_of_the_input() {
    let capsules = Capsules::new().with("echo", "echo", "");
    let input: Vec<_> = (0..2000)
        .map(|n| event(n, &format!("p{}", n % 7), json!({ "n": n })))
        .collect();

    let ran = capsules.run(input.join("\n").as_bytes());

    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outcomes = ran.outcomes();
    assert_eq!(outcomes.len(), 2000);
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome["id"], n.to_string());
        assert_eq!(outcome["verdict"], "continue");
        assert_eq!(outcome["payload"], json!({ "n": n }));
        assert_eq!(outcome["steps"][0]["changed"], true);
    }
}

/// Rule: a line that is not an event is answered in its place by
/// `{"line":7,"error":"…"}`, and the exit code is 1.
#[test]
fn a_line_that_is_no_event_is_answered_in_its_place() {
    let capsules = Capsules::new().with("pass", "pass", "");
    let good = event(0, "alice", json!({}));
    let mut input = Vec::new();
    let lines: [(&[u8], Option<&str>); 9] = [
        (good.as_bytes(), None),
        (b"", Some("the line is empty")),
        (b"nonsense", Some("not an event: ")),
        (
            br#"{"topic":"a","colour":"red"}"#,
            Some("unknown field `colour`"),
        ),
        (
            b"{\"topic\":\"a\xff\"}",
            Some("byte 11 of the line is not UTF-8"),
        ),
        (
            br#"{"topic":"host.x"}"#,
            Some("only the host publishes under `host.`"),
        ),
        (
            br#"{"topic":"a","principal":"../etc"}"#,
            Some("principal `../etc`"),
        ),
        (good.as_bytes(), None),
        (br#"{"topic":"#, Some("EOF while parsing")),
    ];
    for (line, _) in &lines {
        input.extend_from_slice(line);
        input.push(b'\n');
    }

    let ran = capsules.run(&input);

    assert_eq!(ran.code, 1);
    let outcomes = ran.outcomes();
    assert_eq!(outcomes.len(), lines.len());
    for (number, ((_, want), outcome)) in (1..).zip(lines.iter().zip(&outcomes)) {
        match want {
            None => assert_eq!(outcome["verdict"], "continue"),
            Some(want) => {
                assert_eq!(outcome["line"], number);
                let error = outcome["error"].as_str().unwrap();
                assert!(error.contains(want), "line {number}: {error}");
            }
        }
    }
}

#[test]
fn a_payload_nested_without_end_goes_through_unread() {
    let capsules = Capsules::new().with("echo", "echo", "");
    let payload = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let ran = capsules.run(format!(r#"{{"topic":"a","payload":{payload}}}"#).as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outcome = String::from_utf8(ran.stdout).unwrap();
    assert!(outcome.contains(&format!(r#""payload":{payload},"#)));
}

#[test]
fn a_line_of_a_hundred_megabytes_is_refused_and_nothing_else_is() {
    let capsules = Capsules::new().with("pass", "pass", "");
    let mut input = event(0, "alice", json!({})).into_bytes();
    input.push(b'\n');
    input.resize(input.len() + 100_000_000, b'x');
    input.push(b'\n');
    input.extend_from_slice(event(2, "alice", json!({})).as_bytes());

    let ran = capsules.run(&input);

    assert_eq!(ran.code, 1);
    let outcomes = ran.outcomes();
    assert_eq!(outcomes.len(), 3);
    assert_eq!(outcomes[0]["id"], "0");
    assert_eq!(
        outcomes[1],
        json!({"line": 2, "error": "the line has 100000000 bytes; at most 8388608 are read \
               (`max_line_bytes` under [input] in host.toml)"})
    );
    assert_eq!(outcomes[2]["id"], "2");
}

#[test]
fn a_reader_that_leaves_ends_the_run_with_a_word_about_it() {
    let capsules = Capsules::new().with("pass", "pass", "");
    let mut child = capsule(&["run", "--no-cache", "--capsules"])
        .arg(capsules.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    writeln!(stdin, "{}", event(0, "alice", json!({}))).unwrap();
    stdout.read_line(&mut first).unwrap();
    assert!(
        first.contains(r#""verdict":"continue""#),
        "an outcome comes while the input is open: {first}"
    );

    drop(stdout);
    // The host stops reading at some point.
    while writeln!(stdin, "{}", event(1, "alice", json!({}))).is_ok() {}

    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("cannot write outcomes: "),
        "{}",
        ran.stderr
    );
}

/// Each capsule that is called takes a file for each engine that it is called
/// in: the usual limit of 1,024 would be that of some hundred capsules.
#[test]
fn a_run_may_open_as_many_files_as_it_is_ever_allowed_to() {
    let capsules = Capsules::new().with("pass", "pass", "");
    let mut child = unconfigured("sh")
        .args(["-c", r#"ulimit -S -n 64 && exec "$0" "$@""#])
        .arg(env!("CARGO_BIN_EXE_capsule"))
        .args(["run", "--no-cache", "--capsules"])
        .arg(capsules.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    writeln!(stdin, "{}", event(0, "alice", json!({}))).unwrap();
    stdout.read_line(&mut first).unwrap();

    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let open_files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let values: Vec<_> = open_files.unwrap().split_whitespace().skip(3).collect();
    assert_eq!(values[0], values[1], "{values:?}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// A capsule that never answers events on `slow`, and lets them pass when its
/// time is up.
fn with_slow(capsules: Capsules, timeout_ms: u32) -> Capsules {
    let manifest = format!(
        "manifest_version = 1\n[capsule]\nname = \"slow\"\nversion = \"0.1.0\"\n\
         module = \"slow.wasm\"\n[[interceptor]]\nevent = \"slow\"\naction = \"act\"\n\
         timeout_ms = {timeout_ms}\n"
    );
    let capsules = capsules.with_file("slow/Capsule.toml", manifest);
    capsules.with_file("slow/slow.wasm", wat::wasm("loop"))
}

#[test]
fn slow_events_change_no_order() {
    let capsules = with_slow(Capsules::new().with("echo", "echo", ""), 5);
    let line = |n: usize| match n % 40 {
        9 => "nothing".to_owned(),
        39 => event(n, &format!("p{}", n % 7), json!(n)).replace("a.b", "slow"),
        _ => event(n, &format!("p{}", n % 7), json!(n)),
    };
    let input: Vec<_> = (0..1000).map(line).collect();

    let ran = capsules.run(input.join("\n").as_bytes());

    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let outcomes = ran.outcomes();
    assert_eq!(outcomes.len(), 1000);
    for (n, outcome) in outcomes.iter().enumerate() {
        match n % 40 {
            9 => assert_eq!(outcome["line"], n + 1),
            _ => assert_eq!(outcome["id"], n.to_string()),
        }
        if n % 40 == 39 {
            let mut steps = outcome["steps"].as_array().unwrap().iter();
            assert!(steps.any(|step| step["verdict"] == "error"), "{outcome}");
        }
    }
}

#[test]
fn an_answer_waits_for_no_line_behind_its_own() {
    let capsules = with_slow(Capsules::new(), 600_000);
    let mut child = capsule(&["run", "--no-cache", "--capsules"])
        .arg(capsules.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut answer = || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    let quick = |n| event(n, "alice", json!({}));
    let slow = event(4, "mallory", json!({})).replace("a.b", "slow");

    write!(stdin, "{}\nnothing\n{}", quick(0), quick(2)).unwrap();
    assert_eq!(answer()["id"], "0");
    assert_eq!(answer()["line"], 2, "the end of the third line is to come");
    write!(stdin, "\n{}\n{slow}\n{}\n", quick(3), quick(5)).unwrap();
    assert_eq!(answer()["id"], "2");
    assert_eq!(answer()["id"], "3");

    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "the one behind is not answered yet");
}

#[test]
fn every_line_passes_through_the_smallest_room() {
    let capsules = Capsules::new().with("echo", "echo", "");
    let config = capsules.root().join("host.toml");
    fs::write(
        &config,
        "[input]\nin_flight_events = 1\nin_flight_bytes = 1\n",
    )
    .unwrap();
    let input: Vec<_> = (0..100).map(|n| event(n, "alice", json!(n))).collect();
    let flags = ["--config", config.to_str().unwrap()];
    let ran = capsules.run_with(&flags, input.join("\n").as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (n, outcome) in ran.outcomes().iter().enumerate() {
        assert_eq!(outcome["id"], n.to_string());
    }
    assert_eq!(ran.outcomes().len(), 100);
}

#[test]
fn cloud_events_and_bytes_go_through() {
    let capsules = Capsules::new().with("echo", "echo", "");
    let input = concat!(
        r#"{"specversion":"1.0","type":"com.example","source":"/x","id":"c1","data":{"a":1}}"#,
        "\n",
        r#"{"topic":"a","id":"b","payload_base64":"AP8="}"#,
        "\n",
    );
    let ran = capsules.run(input.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outcomes = ran.outcomes();
    assert_eq!(outcomes[0]["id"], "c1");
    assert_eq!(outcomes[0]["topic"], "com.example");
    assert_eq!(outcomes[0]["payload"], json!({"a": 1}));
    assert_eq!(outcomes[1]["payload_base64"], "AP8=");
}

#[test]
fn nothing_to_intercept_admits_everything_and_says_so() {
    let ran = Capsules::new().run(event(0, "alice", json!(1)).as_bytes());
    assert_eq!(ran.code, 0);
    assert_eq!(ran.outcomes()[0]["verdict"], "continue");
    assert!(ran.stderr.contains("holds no capsules"), "{}", ran.stderr);
}

#[test]
fn text_is_for_people_and_gives_a_terminal_nothing_to_obey() {
    let capsules = Capsules::new()
        .with("echo", "echo", "priority = 1")
        .with("fail", "fail", "priority = 2")
        .with("guard", "deny", "priority = 3");
    let ran = capsules.run_with(
        &["--format", "text"],
        event(0, "alice", json!({})).as_bytes(),
    );
    insta::assert_snapshot!(String::from_utf8(ran.stdout).unwrap());
}

#[test]
fn the_summary_says_what_was_done_and_by_whom() {
    let capsules = Capsules::new()
        .with("echo", "echo", "priority = 1")
        .with("fail", "fail", "priority = 2")
        .with("watch", "deny", "priority = 3\nmode = \"monitor\"");
    let input: Vec<_> = (0..3).map(|n| event(n, "alice", json!({}))).collect();
    let ran = capsules.run_with(&["--summary", "--log", "off"], input.join("\n").as_bytes());
    // Durations differ from run to run: they stand in the last columns.
    let lines: Vec<_> = ran.stderr.lines().collect();
    let header = lines.iter().find_map(|line| line.find("ERRORS")).unwrap();
    let timed: Vec<_> = lines
        .iter()
        .map(|line| match line.contains(" s: ") {
            true => line,
            false => line.get(..header + "ERRORS".len()).unwrap_or(line),
        })
        .map(str::trim_end)
        .collect();
    let text = timed.join("\n");
    let (_, text) = text.split_once(" s: ").unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn what_cannot_be_used_is_named_with_a_remedy() {
    let capsules = Capsules::new().with("pass", "pass", "");
    fs::write(capsules.root().join("file"), "").unwrap();
    let dir = |name: &str| capsules.root().join(name).display().to_string();
    let path = capsules.path().display().to_string();
    let (nowhere, file, inside) = (dir("nowhere"), dir("file"), dir("capsules/pass"));
    let cases: [(&[&str], &str); 6] = [
        (&["--capsules", &nowhere, "--no-cache"], "missing"),
        (&["--capsules", &file, "--no-cache"], "file"),
        (&["--capsules", &inside, "--no-cache"], "capsule"),
        (&["--capsules", &path, "--cache-dir", &file], "cache"),
        (
            &["--capsules", &path, "--no-cache", "--input", &nowhere],
            "input",
        ),
        (&["--no-cache"], "none"),
    ];
    let mut said = String::new();
    for (flags, name) in cases {
        let ran = Ran::of(capsule(&["run"]).args(flags), b"");
        assert_eq!(ran.code, 1, "{name}");
        assert!(ran.stdout.is_empty(), "{name}");
        said += &format!("{name}: {}", capsules.tidy(ran.stderr.as_bytes()));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn the_metrics_of_a_run_are_written_to_a_file() {
    let capsules = Capsules::new().with("echo", "echo", "");
    let file = capsules.root().join("metrics.txt");
    let flags = ["--metrics", file.to_str().unwrap()];
    let ran = capsules.run_with(&flags, b"{\"topic\":\"a.b\",\"payload\":{}}\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("capsule_events_total{end=\"admitted\"} 1"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
    let ran = capsules.run_with(&["--metrics", "/nowhere/at/all"], b"");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains("cannot write metrics to /nowhere/at/all"),
        "{}",
        ran.stderr
    );
}
