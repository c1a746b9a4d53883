//! Filters by table, and the index of any filter against its matches.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::types::{Draft, Event, Kind, Name, Pattern, Principal, Topic};

fn pattern(text: &str) -> Condition {
    Condition::Pattern(Pattern::new(text).unwrap())
}

fn principal(name: &str) -> Condition {
    Condition::Principal(Some(Principal::new(name).unwrap()))
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// `tool.run` by `ci` in session `s1`, for alice.
fn event() -> Arc<Event> {
    Draft::new(Topic::new("tool.run").unwrap())
        .with_principal(Principal::new("alice").unwrap())
        .with_session(name("s1"))
        .with_source(name("ci"))
        .into_event(0)
}

#[test]
fn a_condition_is_of_one_part_of_the_event() {
    let bare = Draft::new(Topic::new("tool.run").unwrap()).into_event(0);
    let cases = [
        // condition, of the event, of one with nothing but a topic
        (pattern("tool.*"), true, true),
        (pattern("agent.>"), false, false),
        (principal("alice"), true, false),
        (principal("bob"), false, false),
        (Condition::Principal(None), false, true),
        (Condition::Session(name("s1")), true, false),
        (Condition::Session(name("ci")), false, false),
        (Condition::Source(name("ci")), true, false),
        (Condition::Source(name("s1")), false, false),
        (Condition::Kind(Kind::Application), true, true),
        (Condition::Kind(Kind::Capsule), false, false),
    ];
    for (condition, full, empty) in cases {
        assert_eq!(condition.holds(&event().facts()), full, "{condition:?}");
        assert_eq!(condition.holds(&bare.facts()), empty, "{condition:?}, bare");
    }
}

#[test]
fn any_and_all_and_none_must_agree() {
    let (yes, no) = (|| pattern("tool.run"), || pattern("agent"));
    let all = Filter::everything;
    let cases = [
        (all(), true),
        (all().any([yes()]), true),
        (all().any([no()]), false),
        (all().any([no(), yes()]), true),
        (all().all([yes()]), true),
        (all().all([yes(), no()]), false),
        (all().none([no()]), true),
        (all().none([no(), yes()]), false),
        (all().any([yes(), no()]).all([yes()]).none([no()]), true),
        (all().any([yes()]).all([no()]), false),
        (all().any([yes()]).none([yes()]), false),
        (all().any([no()]).any([yes()]), true),
        (all().all([yes()]).all([no()]), false),
    ];
    for (filter, want) in cases {
        assert_eq!(filter.matches(&event().facts()), want, "{filter:?}");
    }
}

#[test]
fn the_index_is_as_narrow_as_the_patterns_say() {
    let all = Filter::everything;
    let cases: [(Filter, &[&str]); 10] = [
        (all(), &[">"]),
        (all().any([pattern("b"), pattern("a.>")]), &["a.>", "b"]),
        (all().any([pattern("a"), pattern("a")]), &["a"]),
        (all().any([pattern("a"), principal("bob")]), &[">"]),
        (
            all()
                .any([pattern("a"), principal("bob")])
                .all([pattern("c.>")]),
            &["c.>"],
        ),
        (all().any([pattern("a")]).all([pattern("b.c")]), &["a"]),
        (
            all().all([pattern("a.>"), principal("bob"), pattern("a.*.c")]),
            &["a.*.c"],
        ),
        (all().all([pattern("a.>"), pattern("a.*")]), &["a.*"]),
        (all().all([principal("bob")]), &[">"]),
        (all().none([pattern("a")]), &[">"]),
    ];
    for (filter, want) in cases {
        let index: Vec<_> = filter.index().collect();
        let index: Vec<_> = index.iter().map(Pattern::as_str).collect();
        assert_eq!(index, want, "{filter:?}");
    }
}

#[test]
fn a_filter_reads_as_it_is_written() {
    let cases = [
        (json!({}), Filter::everything()),
        (
            json!({"any": [{"pattern": "tool.>"}], "none": [{"principal": "bob"}]}),
            Filter::everything()
                .any([pattern("tool.>")])
                .none([principal("bob")]),
        ),
        (
            json!({"all": [
                {"principal": null}, {"session": "s 1"}, {"source": "ci"}, {"kind": "host"},
            ]}),
            Filter::everything().all([
                Condition::Principal(None),
                Condition::Session(name("s 1")),
                Condition::Source(name("ci")),
                Condition::Kind(Kind::Host),
            ]),
        ),
    ];
    for (json, filter) in cases {
        assert_eq!(serde_json::to_value(&filter).unwrap(), json);
        assert_eq!(serde_json::from_value::<Filter>(json).unwrap(), filter);
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    let cases = [
        (json!({"some": []}), "unknown field `some`"),
        (json!({"any": [{"topic": "a"}]}), "unknown variant `topic`"),
        (json!({"any": [{"pattern": "a.>.b"}]}), "`>` stands in"),
        (json!({"any": [{"principal": "Bob"}]}), "principal `Bob`"),
        (json!({"any": [{"principal": ""}]}), "leave it out"),
        (json!({"any": [{"session": ""}]}), "it is empty"),
        (json!({"any": [{"kind": "guest"}]}), "unknown variant"),
        (json!({"any": {"pattern": "a"}}), "expected a sequence"),
        (
            json!({"any": [{"pattern": "a", "principal": "bob"}]}),
            "single key",
        ),
        (json!({"any": [{}]}), "single key"),
    ];
    for (json, want) in cases {
        let text = json.to_string();
        let error = serde_json::from_value::<Filter>(json).unwrap_err();
        assert!(error.to_string().contains(want), "{text}: {error}");
        assert!(serde_json::from_str::<Filter>(&text).is_err(), "{text}");
    }
}

/// Few words for everything, so that conditions often hold.
fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        4 => "([ab*]\\.){0,2}[ab*>]".prop_map(|text| pattern(&text)),
        1 => proptest::option::of("[ab]")
            .prop_map(|name| Condition::Principal(name.map(|n| Principal::new(&n).unwrap()))),
        1 => "[ab]".prop_map(|text| Condition::Session(name(&text))),
        1 => "[ab]".prop_map(|text| Condition::Source(name(&text))),
    ]
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    prop::collection::vec(condition(), 0..3)
}

prop_compose! {
    fn any_event()(
        topic in "([ab]\\.){0,2}[ab]",
        principal in proptest::option::of("[ab]"),
        session in proptest::option::of("[ab]"),
        source in proptest::option::of("[ab]"),
    ) -> Arc<Event> {
        Draft::new(Topic::new(&topic).unwrap())
            .with_principal(principal.map(|name| Principal::new(&name).unwrap()))
            .with_session(session.map(|text| name(&text)))
            .with_source(source.map(|text| name(&text)))
            .into_event(0)
    }
}

proptest! {
    #[test]
    fn the_index_misses_no_event_that_the_filter_matches(
        (any, all, none) in (conditions(), conditions(), conditions()),
        events in prop::collection::vec(any_event(), 1..40),
    ) {
        let filter = Filter::everything().any(any).all(all).none(none);
        let index: Vec<_> = filter.index().collect();
        for event in events {
            let found = index.iter().any(|pattern| pattern.matches(&event.topic));
            prop_assert!(found || !filter.matches(&event.facts()), "{} of {:?}", event.topic, filter);
        }
    }

    #[test]
    fn any_filter_survives_json(
        (any, all, none) in (conditions(), conditions(), conditions()),
    ) {
        let filter = Filter::everything().any(any).all(all).none(none);
        let json = serde_json::to_string(&filter).unwrap();
        prop_assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), filter);
    }
}
