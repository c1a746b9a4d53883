//! What a capsule publishes and asks, seen through the native harness.

use std::time::Duration;

use capsule_sdk::{
    bus::{Cause, Refusal, Reply},
    prelude::*,
    testing::Harness,
};
use serde_json::json;

#[derive(Default)]
struct Busy;

#[capsule]
impl Busy {
    fn new(_config: &Config) -> Result<Self> {
        bus::publish("audit.start", "")?;
        Ok(Self)
    }

    #[action]
    fn publish(&self, payload: Vec<u8>, cx: &Context) -> Result<Verdict> {
        bus::publish(&cx.topic(), &payload)?;
        bus::publish_json("audit.json", &json!({"bytes": payload.len()}))?;
        Ok(Verdict::unchanged())
    }

    #[action]
    fn ask(&self, text: String) -> Result<Verdict> {
        let replies = bus::trigger("review.it")
            .payload(text)
            .deadline(Duration::from_micros(1))
            .quorum(2)
            .send()?;
        let told: Vec<_> = replies
            .iter()
            .map(|reply| match (&reply.answer, reply.bytes()) {
                (Ok(_), bytes) => format!("{} {bytes:?}", reply.capsule),
                (Err(none), _) => format!("{} {none}", reply.capsule),
            })
            .collect();
        Verdict::answer_json(&told)
    }

    #[action]
    fn ask_patiently(&self) -> Result<Verdict> {
        let whom = bus::trigger("review.it").quorum(0).payload_json(&[1, 2])?;
        Ok(Verdict::answer([whom.send()?.len() as u8]))
    }
}

fn busy() -> Result<Harness<Busy>> {
    Harness::new(())
}

#[test]
fn what_is_published_is_recorded_in_order() {
    let mut busy = busy().unwrap();
    busy.event("audit.it").call("publish", "abc").unwrap();
    let published: Vec<_> = busy
        .published()
        .into_iter()
        .map(|one| (one.topic, String::from_utf8(one.payload).unwrap()))
        .collect();
    let want = [
        ("audit.start", ""),
        ("audit.it", "abc"),
        ("audit.json", r#"{"bytes":3}"#),
    ];
    assert_eq!(
        published,
        want.map(|(topic, payload)| (topic.to_owned(), payload.to_owned()))
    );
}

#[test]
fn a_refusal_is_an_error_that_says_why() {
    let cases = [
        (
            Refusal::BadTopic("it is empty".into()),
            "bad topic: it is empty",
        ),
        (
            Refusal::NotGranted,
            "not granted: [capabilities] does not list the topic",
        ),
        (
            Refusal::TooManyHops,
            "too many hops: this loop of publishing ends here",
        ),
        (Refusal::TooOften, "too often: see `publish_per_second`"),
        (Refusal::Full("a lane".into()), "full: a lane"),
        (Refusal::TooLarge("by far".into()), "too large: by far"),
        (Refusal::Closed, "closed: the host takes no more events"),
    ];
    for (refusal, want) in cases {
        let mut busy = busy().unwrap();
        busy.refuse("a.b", refusal.clone());
        busy.refuse("review.it", refusal);
        let published = busy.event("a.b").call("publish", "");
        assert_eq!(published.unwrap_err().to_string(), want);
        let asked = busy.event("a.b").call("ask", "");
        assert_eq!(asked.unwrap_err().to_string(), want);
        assert_eq!(busy.published().len(), 1, "the start's alone");
        assert!(busy.triggered().is_empty());
    }
}

#[test]
fn replies_are_what_the_test_says() {
    let mut busy = busy().unwrap();
    let nobody = busy.event("a").call("ask", "x");
    assert_eq!(nobody, Ok(Verdict::answer_json(&json!([])).unwrap()));

    busy.replies(
        "review.it",
        [
            Reply::new("one", "vote", Verdict::answer([1])),
            Reply::new("two", "vote", Verdict::replace([2])),
            Reply::new("three", "vote", Verdict::deny("no")),
            Reply::none("four", "vote", Cause::Late, "late: too slow"),
        ],
    );
    let told = json!([
        "one Some([1])",
        "two Some([2])",
        "three None",
        "four late: too slow"
    ]);
    let answer = busy.event("a").call("ask", "y");
    assert_eq!(answer, Ok(Verdict::answer_json(&told).unwrap()));
    let answer = busy.event("a").call("ask_patiently", "");
    assert_eq!(answer, Ok(Verdict::answer([4])));

    let asked = busy.triggered();
    let payloads: Vec<_> = asked.iter().map(|one| &one.payload[..]).collect();
    assert_eq!(payloads, [b"x" as &[u8], b"y", b"[1,2]"]);
    assert!(asked.iter().all(|one| one.topic == "review.it"));
    let hurried = (Some(Duration::from_millis(1)), Some(2));
    assert_eq!((asked[1].deadline, asked[1].quorum), hurried);
    assert_eq!((asked[2].deadline, asked[2].quorum), (None, None));
}

/// A harness is the host of its own capsule only.
#[test]
fn without_a_harness_there_is_no_host() {
    assert_eq!(bus::publish("a", "x"), Err(Refusal::Closed));
    assert_eq!(bus::trigger("a").send(), Err(Refusal::Closed));
}
