//! What no sample can show.

use std::time::Duration;

use serde_json::json;

use crate::{Access, Instance, MAX_BYTES, Manifest, Mode, OnError, Order, words::Word};

/// A valid manifest, with room behind it.
const MINIMAL: &str = r#"manifest_version = 1
[capsule]
name = "a"
version = "0.1.0"
module = "a.wasm"
[[interceptor]]
event = "a"
action = "a"
"#;

#[test]
fn a_file_past_the_limit_is_refused_by_its_size() {
    let longest = format!("{MINIMAL}#{}", " ".repeat(MAX_BYTES - MINIMAL.len() - 1));
    assert!(Manifest::parse(&longest, "Capsule.toml").is_ok());

    let error = Manifest::parse(&format!("{longest} "), "Capsule.toml").unwrap_err();

    assert_eq!(
        error.to_string(),
        "Capsule.toml:1:1: has 1048577 bytes; at most 1048576 are read; move the data out of \
         `[config]`, for example into the component",
    );
}

#[test]
fn a_byte_order_mark_does_not_count_as_a_column() {
    for text in ["colour = 1", "colour", "a = \"\\"] {
        let plain = Manifest::parse(text, "Capsule.toml").unwrap_err();
        let marked = Manifest::parse(&format!("\u{feff}{text}"), "Capsule.toml").unwrap_err();
        assert_eq!(plain, marked);
    }
}

#[test]
fn columns_count_characters() {
    let text = MINIMAL.replace("event = \"a\"", "event = \"a\" # ok\n\"übel\" = 1");
    let error = Manifest::parse(&text, "Capsule.toml").unwrap_err();
    let problem = &error.problems()[0];
    assert_eq!((problem.line, problem.column), (8, 1));
    assert_eq!(problem.key, "interceptor[0].\"übel\"");

    let text = MINIMAL.replace("[[inter", "config = { \"ü\" = nan }\n[[inter");
    let text = text
        .replace("[capsule]\n", "")
        .replace("name", "capsule.name");
    let error = Manifest::parse(&text, "Capsule.toml").unwrap_err();
    assert!(
        error.to_string().contains(":5:18: config.\"ü\": nan"),
        "{error}"
    );
}

#[test]
fn an_error_tells_its_parts() {
    let unknown: String = (0..105).map(|key| format!("k{key} = 1\n")).collect();
    let text = MINIMAL.replace("[capsule]\n", &format!("{unknown}[capsule]\n"));

    let error = Manifest::parse(&text, "a/\u{1b}Capsule.toml").unwrap_err();

    assert_eq!(error.file(), "a/\\u{1b}Capsule.toml");
    assert_eq!(error.problems().len(), 100);
    assert_eq!(error.omitted(), 5);
    assert!(
        error
            .to_string()
            .ends_with("\na/\\u{1b}Capsule.toml: and 5 more problems")
    );
    let first = &error.problems()[0];
    assert_eq!((first.line, first.key.as_str()), (2, "k0"));
}

#[test]
fn the_configuration_is_one_json_object() {
    let none = Manifest::parse(MINIMAL, "Capsule.toml").unwrap();
    assert_eq!(none.config_json(), "{}");

    let text = format!("{MINIMAL}[config]\nblocked = [\"rm -rf\"]\nmost = {{ per.day = 1.5 }}\n");
    let some = Manifest::parse(&text, "Capsule.toml").unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&some.config_json()).unwrap();
    assert_eq!(
        parsed,
        json!({"blocked": ["rm -rf"], "most": {"per": {"day": 1.5}}})
    );
}

#[test]
fn limits_are_given_in_the_units_of_those_who_apply_them() {
    let text = MINIMAL.replace(
        "[[inter",
        "[runtime]\nmax_result_kib = 65536\nmemory_mib = 4096\n[[inter",
    );
    let manifest = Manifest::parse(&text, "Capsule.toml").unwrap();
    assert_eq!(manifest.runtime.memory_bytes(), 4 << 30);
    assert_eq!(manifest.runtime.max_result_bytes(), 64 << 20);
    assert_eq!(manifest.interceptors[0].timeout(), Duration::from_secs(1));
}

#[test]
fn the_names_of_hosts_are_checked() {
    let valid = [
        "a",
        "api.example.com",
        "a:1",
        "a:65535",
        "127.0.0.1",
        "127.0.0.1:80",
        "::1",
        "[::1]:443",
    ];
    let invalid = [
        "", ":80", "a:", "a:0", "a:65536", "a:08", "a:+8", "A", "a..b", "-a", "a-", "a b", "a/b",
        "*.a", "[::1", "[a]:1", "::G", "[::A]:1", "http://a", "user@a",
    ];
    let read = |host: &str| {
        Manifest::parse(
            &format!("{MINIMAL}[capabilities]\nallowed_hosts = [\"{host}\"]\n"),
            "Capsule.toml",
        )
    };
    for host in valid {
        assert_eq!(read(host).unwrap().capabilities.allowed_hosts, [host]);
    }
    for host in invalid {
        assert!(read(host).is_err(), "{host:?}");
    }
}

#[test]
fn words_are_written_as_they_are_read() {
    fn check<W: Word + serde::Serialize>() {
        for (word, _) in W::CHOICES {
            assert_eq!(serde_json::to_value(word).unwrap(), json!(word.word()));
        }
    }
    check::<Instance>();
    check::<Order>();
    check::<OnError>();
    check::<Mode>();
    check::<Access>();
    assert_eq!(OnError::Deny.to_string(), "deny");
}

/// Each of these is wrong in as many places as fit; reading any of them takes
/// seconds without optimization, and would take hours if it were quadratic.
#[test]
fn a_large_file_that_is_wrong_everywhere_is_refused() {
    let fill = |unit: &dyn Fn(usize) -> String, around: (&str, &str)| {
        let mut text = around.0.to_owned();
        for index in 0.. {
            let unit = unit(index);
            if text.len() + unit.len() + around.1.len() > MAX_BYTES {
                return text + around.1;
            }
            text.push_str(&unit);
        }
        text
    };
    let dirs = format!("{MINIMAL}[capabilities]\ndirs = [");
    let cases = [
        fill(&|_| "x\n".into(), ("", "")),
        fill(&|_| "x ".into(), ("", "")),
        fill(&|_| "[".into(), ("", "")),
        fill(&|index| format!("k{index}=1\n"), ("", MINIMAL)),
        fill(
            &|_| "[[interceptor]]\nevent='a'\naction='a'\n".into(),
            (MINIMAL, ""),
        ),
        fill(&|_| "{host='/a',guest='/a'},".into(), (&dirs, "]")),
    ];
    for text in cases {
        let error = Manifest::parse(&text, "Capsule.toml").unwrap_err();
        assert!(
            error.to_string().len() < 64 << 10,
            "{}",
            text.get(..80).unwrap()
        );
    }
}

#[test]
fn every_value_has_its_place() {
    let text = "manifest_version = 1\n[capsule]\nname = \"a\"\nversion = \"0.1.0\"\n\
                module = \"a.wasm\"\n[[interceptor]]\nevent = \"a\"\naction = \"b\"\n\
                [subscribe]\n\"c.d\" = { action = \"e\" }\n";
    let manifest = Manifest::parse(text, "Capsule.toml").unwrap();
    let cases = [
        ("capsule.module", Some((5, 10))),
        ("interceptor[0].action", Some((8, 10))),
        ("subscribe.\"c.d\".action", Some((10, 20))),
        ("capsule.sha256", None),
    ];
    for (key, want) in cases {
        assert_eq!(manifest.place(key), want, "key: {key}");
    }
}
