//! Who gets an event, against asking everybody.

use proptest::prelude::*;

use super::*;
use crate::dispatch::audience::Audience;
use crate::subscribe::{Message, Subscriber};
use crate::types::Kind;

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        prop::sample::select(vec!["a", "a.b", "a.*", "a.>", ">", "b", "*.b"])
            .prop_map(|p| Condition::Pattern(pattern(p))),
        prop::sample::select(vec![None, Some("x"), Some("y")])
            .prop_map(|p| Condition::Principal(p.map(principal))),
        prop::sample::select(vec!["s1", "s2"]).prop_map(|p| Condition::Session(name(p))),
        prop::sample::select(vec!["c1", "c2"]).prop_map(|p| Condition::Source(name(p))),
        prop::sample::select(vec![Kind::Application, Kind::Capsule, Kind::Host])
            .prop_map(Condition::Kind),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let some = || prop::collection::vec(condition(), 0..4);
    (
        some(),
        prop::collection::vec(condition(), 0..3),
        prop::collection::vec(condition(), 0..3),
    )
        .prop_map(|(any, all, none)| Filter::everything().any(any).all(all).none(none))
}

fn any_draft() -> impl Strategy<Value = Draft> {
    (
        prop::sample::select(vec!["a", "a.b", "b", "c.b", "a.b.c"]),
        prop::sample::select(vec![None, Some("x"), Some("y"), Some("z")]),
        prop::sample::select(vec![None, Some("s1"), Some("s2"), Some("s3")]),
        prop::sample::select(vec![None, Some("c1"), Some("c2"), Some("c3")]),
        prop::sample::select(vec![Kind::Application, Kind::Capsule, Kind::Host]),
    )
        .prop_map(|(topic, who, session, source, kind)| {
            Draft::new(Topic::new(topic).unwrap())
                .with_principal(who.map(principal))
                .with_session(session.map(name))
                .with_source(source.map(name))
                .made_by(kind, 0)
        })
}

fn subscriber_options() -> impl Strategy<Value = (Filter, Option<Option<&'static str>>, bool)> {
    (
        filter(),
        prop::option::of(prop::sample::select(vec![None, Some("x"), Some("y")])),
        any::<bool>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn given_is_what_matches_says(filter in filter(), draft in any_draft()) {
        let matches = filter.matches(&draft.facts());
        if let Some(given) = filter.given(draft.topic()) {
            prop_assert_eq!(given, matches);
        }
        if let Some(keys) = filter.keys() && matches {
            let fulfilled = keys.iter().filter(|key| key.holds(&draft.facts())).count();
            prop_assert_eq!(fulfilled, 1);
        }
    }

    #[test]
    fn given_is_as_sure_as_can_be(filter in filter(), drafts in prop::collection::vec(any_draft(), 1)) {
        // Where it says unknown, some event on the topic differs; not exhaustive, so only patterns.
        let topic = drafts[0].topic().clone();
        let text = format!("{filter:?}");
        if !text.contains("Principal(") && !text.contains("Session(") && !text.contains("Source(") && !text.contains("Kind(") {
            prop_assert!(filter.given(&topic).is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn an_audience_is_all_who_want_it_each_once(
        options in prop::collection::vec(subscriber_options(), 1..12),
        drafts in prop::collection::vec(any_draft(), 1..8),
    ) {
        let mut kept = Vec::new();
        let all: Vec<_> = (0..).zip(&options).map(|(id, (filter, scope, blocks))| {
            let mailbox = queue(if *blocks { Overflow::Block } else { Overflow::DropOldest }, 8);
            let mut options = SubscribeOptions::new("s").with_filter(filter.clone()).with_mailbox(mailbox);
            if let Some(scope) = scope {
                options = options.with_scope(Scope::Principal(scope.map(principal)));
            }
            let (subscriber, receiver) = Subscriber::new(id, options, MailboxConfig::default());
            kept.push(receiver);
            Arc::new(subscriber)
        }).collect();
        for draft in drafts {
            let mut audience = Audience::default();
            for subscriber in &all {
                // As routing: only those whose index matches.
                if subscriber.options().filter.index().any(|p| p.matches(draft.topic())) {
                    audience.add(draft.topic(), subscriber);
                }
            }
            let facts = draft.facts();
            let mut found: Vec<_> = audience.wanting(facts).map(|s| s.id()).collect();
            found.sort();
            let want: Vec<_> = all.iter().filter(|s| s.wants(&facts)).map(|s| s.id()).collect();
            prop_assert_eq!(&found, &want);
            let mut waited: Vec<_> = audience.waited_for(facts).map(|(s, _)| s.id()).collect();
            waited.sort();
            let want: Vec<_> = all.iter().filter(|s| s.wants(&facts) && s.lanes().is_some()).map(|s| s.id()).collect();
            prop_assert_eq!(&waited, &want);
            prop_assert!(audience.is_waited_for() || waited.is_empty());

            let event = draft.into_event(0);
            let message = Arc::new(Message { payload: event.payload.clone(), event: event.clone() });
            let bytes = message.size();
            let handed_out = audience.hand_out(message, bytes, |_, lost| panic!("{lost:?}"));
            let mut got = 0;
            for (subscriber, receiver) in all.iter().zip(&mut kept) {
                let received = receiver.try_recv().is_ok();
                let wants = subscriber.wants(&event.facts()) && subscriber.lanes().is_none();
                prop_assert_eq!(received, wants);
                prop_assert!(receiver.try_recv().is_err(), "once");
                got += u64::from(received);
            }
            prop_assert_eq!(handed_out, got);
            prop_assert_eq!(Arc::strong_count(&event), 1, "nobody keeps it");
        }
    }
}
