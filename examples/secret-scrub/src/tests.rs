use std::{collections::BTreeMap, fs};

use capsule_sdk::{prelude::*, testing::Harness};
use serde_json::{Value, json};

use crate::SecretScrub;

/// What comes out of the capsule; `None` if it is left as it is.
fn scrub(config: Value, payload: impl Into<Vec<u8>>) -> Option<String> {
    let mut scrub = Harness::<SecretScrub>::new(config).unwrap();
    match scrub.event("user.prompt").call("scrub", payload).unwrap() {
        Verdict::Continue(Some(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Verdict::Continue(None) => None,
        other => panic!("got {other:?}"),
    }
}

/// Joined here so that scanners of repositories do not take it for a secret.
fn fake(prefix: &str, length: usize) -> String {
    let body = "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv"
        .chars()
        .cycle()
        .take(length);
    format!("{prefix}{}", body.collect::<String>())
}

const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

#[test]
fn secrets_are_replaced_by_their_kind() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEfake\n-----END RSA PRIVATE KEY-----";
    let cases: &[(&str, &[&str])] = &[
        (
            "private-key",
            &[
                pem,
                "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----",
            ],
        ),
        ("jwt", &[JWT]),
        ("aws-key", &["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"]),
        (
            "github-token",
            &[
                &fake("ghp_", 36),
                &fake("ghs_", 36),
                &fake("github_pat_", 82),
            ],
        ),
        ("gitlab-token", &[&fake("glpat-", 20)]),
        (
            "slack-token",
            &[&fake("xoxb-", 24), &fake("hooks.slack.com/services/", 30)],
        ),
        (
            "stripe-key",
            &[
                &fake("sk_test_", 24),
                &fake("rk_live_", 24),
                &fake("whsec_", 32),
            ],
        ),
        ("google-key", &[&fake("AIza", 35), &fake("ya29.", 40)]),
        (
            "openai-key",
            &[
                &fake("sk-", 48),
                &fake("sk-proj-", 48),
                &fake("sk-ant-api03-", 90),
            ],
        ),
        ("npm-token", &[&fake("npm_", 36)]),
        (
            "email",
            &["a@b.io", "jane.doe+tag@mail.example.co.uk", "x_y@1and1.com"],
        ),
        (
            "card",
            &[
                "4111111111111111",
                "4111 1111 1111 1111",
                "4111-1111-1111-1111",
                "5555555555554444",
                "2223003122003222",
                "378282246310005",
                "3782 822463 10005",
                "6011111111111117",
                "3056 930902 5904",
                "3530111333300000",
                "4222222222222",
            ],
        ),
    ];
    for (kind, secrets) in cases {
        let want = format!("[redacted:{kind}]");
        for secret in *secrets {
            for (before, after) in [
                ("key=", " end"),
                ("", " x"),
                ("(", ")"),
                ("\u{fc}: ", ",\u{fc}"),
                ("<", ">"),
                ("\"", "\""),
            ] {
                let text = format!("{before}{secret}{after}");
                assert_eq!(
                    scrub(json!({}), text),
                    Some(format!("{before}{want}{after}")),
                    "secret: {secret}"
                );
            }
        }
    }
}

#[test]
fn secrets_stand_anywhere_in_a_text() {
    let cases = [
        (
            "mail a@b.io, c@d.org.",
            "mail [redacted:email], [redacted:email].",
        ),
        (
            "https://bob:hunter2@host.example/x",
            "https://bob:[redacted:url-password]@host.example/x",
        ),
        (
            "pay 4111 1111 1111 1111 123 now",
            "pay [redacted:card] 123 now",
        ),
        (
            "order 1234 4111 1111 1111 1111",
            "order 1234 [redacted:card]",
        ),
        ("mailto:a@b.io?x=1", "mailto:[redacted:email]?x=1"),
        ("u=a@b.io&v=c@d.io", "u=[redacted:email]&v=[redacted:email]"),
        (
            "AKIAIOSFODNN7EXAMPLE:AKIAIOSFODNN7EXAMPLE",
            "[redacted:aws-key]:[redacted:aws-key]",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(
            scrub(json!({}), text).as_deref(),
            Some(want),
            "text: {text}"
        );
    }
}

#[test]
fn what_only_looks_like_a_secret_stays() {
    let texts = [
        "",
        "@",
        "@octocat hello",
        "a@b",
        "a@b.c1",
        "npm i left-pad@1.3.0",
        "logo@2x.png",
        "git@github.com:octo/hello.git",
        "ssh://git@github.com/octo/hello.git",
        "https://token@github.com/octo",
        "https://api.github.com/users/octocat{/gists_url}",
        "6dcb09b5b57875f334f61aebed695e2e4193db5e",
        "4111111111111111aa",
        "a4111111111111111",
        "4111111111111112",
        "41111111111111111111",
        "1234567812345670",
        "0000000000000000",
        "2024-05-15 04:11:11.111111",
        "+1 415-555-2671",
        "https://github.com/octo/hello/actions/runs/4111111111111111",
        "3.4111111111111111",
        "AKIA",
        "AKIAIOSFODNN7EXAMPLEX",
        "xAKIAIOSFODNN7EXAMPLE",
        "ghp_short",
        "sk-learn-is-a-library-with-a-long-name",
        "task-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI=",
        "http://localhost:8080/a@b",
        "sha256-AIzaSy",
        "pk_live_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8",
    ];
    for text in texts {
        assert_eq!(scrub(json!({}), text), None, "text: {text}");
        assert_eq!(
            scrub(json!({}), json!({ "x": text }).to_string()),
            None,
            "text in JSON: {text}"
        );
    }
}

#[test]
fn json_keeps_every_other_byte() {
    let cases = [
        (r#"{"a":"x@y.io"}"#, r#"{"a":"[redacted:email]"}"#),
        (
            r#"{ "z" : [ 1.10, 12345678901234567890123, {"m":"x@y.io"} ], "a":null }"#,
            r#"{ "z" : [ 1.10, 12345678901234567890123, {"m":"[redacted:email]"} ], "a":null }"#,
        ),
        (
            r#"{"x@y.io":"k","x@y.io" : ["x@y.io"]}"#,
            r#"{"x@y.io":"k","x@y.io" : ["[redacted:email]"]}"#,
        ),
        (
            r#"{"a":"\u0078@y.io \"q\" \\"}"#,
            r#"{"a":"[redacted:email] \"q\" \\"}"#,
        ),
        (
            r#"{"a":"{\"k\":\"AKIAIOSFODNN7EXAMPLE\"}"}"#,
            r#"{"a":"{\"k\":\"[redacted:aws-key]\"}"}"#,
        ),
        (
            r#"{"a":"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"}"#,
            r#"{"a":"[redacted:private-key]\n"}"#,
        ),
        (r#""x@y.io""#, r#""[redacted:email]""#),
        (
            "[\"ü x@y.io\",\"\u{1f600}\"]",
            "[\"ü [redacted:email]\",\"\u{1f600}\"]",
        ),
    ];
    for (payload, want) in cases {
        assert_eq!(
            scrub(json!({}), payload).as_deref(),
            Some(want),
            "payload: {payload}"
        );
    }
    for payload in [
        r#"{"n":4111111111111111}"#,
        r#"{"x@y.io":1}"#,
        r#"{"AKIAIOSFODNN7EXAMPLE":{"x@y.io":[]}}"#,
        "[]",
        "7",
    ] {
        assert_eq!(scrub(json!({}), payload), None, "payload: {payload}");
    }
}

#[test]
fn no_string_is_passed_over_for_how_it_is_written() {
    let cases: &[(&str, &[u8], &str)] = &[
        (
            "half a surrogate pair",
            br#"{"a":"\ud800 AKIAIOSFODNN7EXAMPLE"}"#,
            "{\"a\":\"\u{fffd}\u{fffd}\u{fffd} [redacted:aws-key]\"}",
        ),
        (
            "the other half, beside letters in escapes",
            br#"["\udc00 \u0041KIAIOSFODNN7EXAMPLE"]"#,
            "[\"\u{fffd}\u{fffd}\u{fffd} [redacted:aws-key]\"]",
        ),
        (
            "half a pair before a letter",
            br#"["\ud83d\u0041 a@b.io"]"#,
            "[\"\u{fffd}\u{fffd}\u{fffd}A [redacted:email]\"]",
        ),
        (
            "half a pair in a string without a secret stays",
            br#"["\ud800","a@b.io"]"#,
            r#"["\ud800","[redacted:email]"]"#,
        ),
        (
            "half a pair in a key",
            br#"{"\ud800":"a@b.io"}"#,
            r#"{"\ud800":"[redacted:email]"}"#,
        ),
        (
            "bytes that are no UTF-8, with an escape",
            b"[\"\xff\\t a@b.io\"]",
            "[\"\u{fffd}\\t [redacted:email]\"]",
        ),
        (
            "escapes in lines of JSON",
            b"{}\n[\"\\u0041KIAIOSFODNN7EXAMPLE\"]",
            "{}\n[\"[redacted:aws-key]\"]",
        ),
        (
            "escapes behind a byte order mark",
            b"\xef\xbb\xbf[\"\\u0041KIAIOSFODNN7EXAMPLE\"]",
            "\u{feff}[\"[redacted:aws-key]\"]",
        ),
        (
            "an escape before a token, in JSON in a string",
            br#"{"a":"{\"b\":\"x\\nAKIAIOSFODNN7EXAMPLE\"}"}"#,
            r#"{"a":"{\"b\":\"x\\n[redacted:aws-key]\"}"}"#,
        ),
        (
            "a number for the escape",
            br#"{"a":"[\"\\u000aAKIAIOSFODNN7EXAMPLE\"]"}"#,
            r#"{"a":"[\"\\u000a[redacted:aws-key]\"]"}"#,
        ),
        (
            "a line end of a form",
            b"x=1%0aAKIAIOSFODNN7EXAMPLE",
            "x=1%0a[redacted:aws-key]",
        ),
        (
            "names around a key",
            b"KEY_AKIAIOSFODNN7EXAMPLE_1",
            "KEY_[redacted:aws-key]_1",
        ),
        (
            "an `@` in a password",
            b"db://bob:p@ss@host/x",
            "db://bob:[redacted:url-password]@host/x",
        ),
        (
            "a password without a user",
            b"redis://:hunter2@host",
            "redis://:[redacted:url-password]@host",
        ),
    ];
    for (name, payload, want) in cases {
        let got = scrub(json!({}), *payload);
        assert_eq!(got.as_deref(), Some(*want), "case: {name}");
    }
    let long = format!("https://bob:{}@host", "x".repeat(1_000));
    let want = "https://bob:[redacted:url-password]@host";
    assert_eq!(scrub(json!({}), long).as_deref(), Some(want));
    assert_eq!(scrub(json!({}), r#"["\ud800","\udfff x"]"#), None);
}

#[test]
fn hostile_payloads_are_scrubbed_all_the_same() {
    let secret = "AKIAIOSFODNN7EXAMPLE";
    let payloads: [Vec<u8>; 9] = [
        format!("{}\"{secret}\"{}", "[".repeat(100_000), "]".repeat(100_000)).into(),
        format!("{{\"a\":\"{secret}").into(),
        [b"\xff\xfe ".as_slice(), secret.as_bytes(), b" \xff"].concat(),
        format!("{} {secret}", "sk-".repeat(100_000)).into(),
        format!("{} {secret}", "a@".repeat(100_000)).into(),
        format!("{} {secret}", "eyJ.".repeat(100_000)).into(),
        format!("{} {secret}", "4111 1111 ".repeat(100_000)).into(),
        format!("{} {secret}", "://:".repeat(100_000)).into(),
        format!("{} {secret}", "\"\\ud800".repeat(100_000)).into(),
    ];
    for payload in payloads {
        let start = String::from_utf8_lossy(&payload[..20]).into_owned();
        let got = scrub(json!({}), payload).unwrap();
        assert!(
            got.contains("[redacted:aws-key]") && !got.contains(secret),
            "payload: {start}…"
        );
    }
    let kept = scrub(json!({}), [b"\xff ".as_slice(), b"a@b.io"].concat());
    assert_eq!(kept.as_deref(), Some("\u{fffd} [redacted:email]"));
}

#[test]
fn webhooks_lose_e_mail_addresses_and_the_key_of_a_signed_url() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../data/github-webhooks.jsonl"
    );
    let events = fs::read_to_string(path).unwrap();
    let mut scrub = Harness::<SecretScrub>::new(json!({})).unwrap();
    for line in events.lines() {
        scrub.event("github.x").call("scrub", line).unwrap();
    }
    let mut kinds = BTreeMap::new();
    for (_, line) in scrub.logs() {
        for kind in line.rsplit(": ").next().unwrap().split(", ") {
            *kinds.entry(kind.to_owned()).or_insert(0) += 1;
        }
    }
    let want = [("aws-key".to_owned(), 2), ("email".to_owned(), 93)];

    assert_eq!(kinds, BTreeMap::from(want));
}

#[test]
fn config_says_what_counts() {
    let text = "a@b.io c@sub.b.io d@ab.io AKIAIOSFODNN7EXAMPLE";
    let all = "[redacted:email] [redacted:email] [redacted:email] [redacted:aws-key]";
    let cases = [
        (json!({}), Some(all)),
        (
            json!({"kinds": ["aws-key"]}),
            Some("a@b.io c@sub.b.io d@ab.io [redacted:aws-key]"),
        ),
        (
            json!({"allow_email_domains": ["B.io"]}),
            Some("a@b.io c@sub.b.io [redacted:email] [redacted:aws-key]"),
        ),
        (
            json!({"allow": ["AKIAIOSFODNN7EXAMPLE"]}),
            Some("[redacted:email] [redacted:email] [redacted:email] AKIAIOSFODNN7EXAMPLE"),
        ),
        (json!({"kinds": ["card"]}), None),
    ];
    for (config, want) in cases {
        assert_eq!(
            scrub(config.clone(), text).as_deref(),
            want,
            "config: {config}"
        );
    }
}

#[test]
fn a_log_line_has_kinds_and_no_secret() {
    let mut scrub = Harness::<SecretScrub>::new(json!({})).unwrap();

    scrub
        .event("a.b")
        .call("scrub", "x@y.io 4111111111111111")
        .unwrap();

    let logs: Vec<String> = scrub.logs().into_iter().map(|(_, line)| line).collect();
    assert_eq!(logs, ["redacted in a.b: email, card"]);
}

#[test]
fn a_bad_config_names_the_key() {
    let cases = [
        (json!({"kinds": ["emial"]}), "kinds"),
        (json!({"kinds": []}), "kinds"),
        (json!({"allow": "x"}), "allow"),
        (
            json!({"allow_email_domains": ["a@b.io"]}),
            "allow_email_domains",
        ),
        (
            json!({"allow_email_domains": ["io"]}),
            "allow_email_domains",
        ),
        (json!({"kind": []}), "kind"),
    ];
    for (config, key) in cases {
        let error = Harness::<SecretScrub>::new(&config)
            .unwrap_err()
            .to_string();
        assert!(error.contains(key), "{config} gives {error}");
    }
}

/// The `[config]` of the manifest, and the sample events on topics with this
/// start.
fn samples(topics: &str) -> (Value, Vec<Value>) {
    let manifest: Value = toml::from_str(include_str!("../Capsule.toml")).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/agent-events.jsonl");
    let events = std::fs::read_to_string(path).unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = events.filter(|event| event["topic"].as_str().unwrap().starts_with(topics));
    (manifest["config"].clone(), events.collect())
}

#[test]
fn the_manifest_scrubs_the_sample_events() {
    let (config, events) = samples("");
    let mut scrub = Harness::<SecretScrub>::new(config).unwrap();
    for event in events {
        let topic = event["topic"].as_str().unwrap();
        scrub
            .event(topic)
            .call_json("scrub", &event["payload"])
            .unwrap();
    }
    let logs: Vec<String> = scrub.logs().into_iter().map(|(_, line)| line).collect();
    let want = [
        "redacted in user.prompt: card",
        "redacted in tool.execute.sql: email",
        "redacted in tool.execute.http: card, email",
        "redacted in assistant.reply: card, email",
        "redacted in user.prompt: email, card",
        "redacted in user.prompt: email",
        "redacted in tool.execute.sql: email",
        "redacted in assistant.reply: email",
        "redacted in tool.result.shell: aws-key",
        "redacted in tool.result.shell: url-password",
        "redacted in tool.execute.http: jwt",
        "redacted in tool.result.http: email",
        "redacted in assistant.reply: aws-key",
        "redacted in assistant.reply: email",
    ];

    assert_eq!(logs, want);
}
