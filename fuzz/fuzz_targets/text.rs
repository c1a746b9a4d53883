//! Any text as a topic and as a pattern.

#![no_main]

use capsule_core::types::{MAX_SEGMENTS, MAX_TOPIC_BYTES, Pattern, Topic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (topic, pattern) = (Topic::new(text), Pattern::new(text));
    match &topic {
        Ok(topic) => {
            assert_eq!(topic.as_str(), text);
            assert!(text.len() <= MAX_TOPIC_BYTES);
            assert!(topic.segments().count() <= MAX_SEGMENTS);
            assert!(topic.segments().all(|segment| !segment.is_empty()));
            assert_eq!(topic.segments().collect::<Vec<_>>().join("."), text);
            assert_eq!(Topic::new(topic.as_str()).as_ref(), Ok(topic));

            let same = pattern.as_ref().expect("a topic is a pattern, too");
            assert!(same.matches(topic));
            for other in others(text) {
                let Ok(other) = Topic::new(&other) else {
                    continue;
                };
                assert_eq!(same.matches(&other), other == *topic, "{text} and {other}");
            }
        }
        Err(error) => printable(&error.to_string()),
    }
    match &pattern {
        Ok(pattern) => {
            assert_eq!(pattern.as_str(), text);
            assert_eq!(Pattern::new(pattern.as_str()).as_ref(), Ok(pattern));
            assert_eq!(topic.is_ok(), !text.contains(['*', '>']));
            let spelled = text.replace(['*', '>'], "x");
            let spelled = Topic::new(&spelled).expect("wildcards are whole segments");
            assert!(pattern.matches(&spelled), "{text} and {spelled}");
        }
        Err(error) => {
            assert!(topic.is_err());
            printable(&error.to_string());
        }
    }
});

/// Topics, most of them not `text`, that are close to it.
fn others(text: &str) -> Vec<String> {
    let mut others = vec![format!("{text}.x"), format!("x.{text}"), format!("{text}x")];
    others.extend(text.rsplit_once('.').map(|(head, _)| head.to_owned()));
    others.extend(text.split_once('.').map(|(_, tail)| tail.to_owned()));
    others.push(text.replace('.', ""));
    others.push(text.to_ascii_uppercase());
    others.push(text.chars().rev().collect());
    others
}

/// An error is shown on terminals.
fn printable(error: &str) {
    assert!(!error.chars().any(char::is_control), "{error:?}");
}
