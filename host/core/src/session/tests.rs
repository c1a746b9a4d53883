//! The rule of late binding, quoted by the tests that fail without it.

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;
use crate::types::{Draft, Name, Principal, Topic};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn principal(text: &str) -> Principal {
    Principal::new(text).unwrap()
}

/// Remembers at most `max` bindings.
fn sessions(max: usize) -> Sessions {
    bounded(max, max)
}

fn bounded(max: usize, max_of_one: usize) -> Sessions {
    Sessions::new(SessionConfig {
        max_bound: NonZeroUsize::new(max).unwrap(),
        max_bound_per_principal: NonZeroUsize::new(max_of_one).unwrap(),
    })
}

/// With its session filled in, if it is known.
fn bound(sessions: &Sessions, mut draft: Draft) -> Draft {
    sessions.bind(&mut draft);
    draft
}

fn draft() -> Draft {
    Draft::new(Topic::new("a.b").unwrap())
}

/// Rule: registering (source, native session id) -> session id fills `session`
/// on every later event that lacks it.
#[test]
fn a_registered_session_is_filled_in() {
    let sessions = sessions(10);
    let from = |source: &str, native: &str| {
        draft()
            .with_source(name(source))
            .with_native_session(name(native))
    };
    let before = bound(&sessions, from("chat", "7")).into_event(0);
    assert_eq!(before.session, None, "nothing is registered");
    let registered = sessions.register(None, &name("chat"), &name("7"), name("s1"));
    assert_eq!(registered, Registered::New);

    let cases = [
        ("registered", from("chat", "7"), Some("s1")),
        (
            "it has one",
            from("chat", "7").with_session(name("own")),
            Some("own"),
        ),
        ("another source", from("mail", "7"), None),
        ("another session", from("chat", "8"), None),
        ("no source", draft().with_native_session(name("7")), None),
        ("no native session", draft().with_source(name("chat")), None),
        (
            "another tenant",
            from("chat", "7").with_principal(principal("eve")),
            None,
        ),
    ];
    for (case, draft, want) in cases {
        let native = draft.native_session().cloned();
        let event = bound(&sessions, draft).into_event(0);
        assert_eq!(event.session.as_ref().map(Name::as_str), want, "{case}");
        assert_eq!(event.native_session, native, "{case}: it stays");
    }
}

/// Rule: a tenant never binds, sees or forgets the sessions of another.
#[test]
fn bindings_are_a_tenants_own() {
    let sessions = sessions(10);
    let (alice, eve) = (principal("alice"), principal("eve"));
    let (source, native) = (name("chat"), name("7"));
    let tenants = [Some(&alice), Some(&eve), None];
    for (tenant, session) in tenants.into_iter().zip(["a", "e", "s"]) {
        let registered = sessions.register(tenant, &source, &native, name(session));
        assert_eq!(registered, Registered::New);
    }
    let removed = sessions.remove(Some(&eve), &source, &native);
    assert_eq!(removed, Some(name("e")));
    let left = tenants.map(|tenant| sessions.resolve(tenant, &source, &native));
    assert_eq!(left, [Some(name("a")), None, Some(name("s"))]);
}

#[test]
fn registering_again_says_what_changed() {
    let sessions = sessions(10);
    let register = |session| sessions.register(None, &name("chat"), &name("7"), name(session));
    let changed = Registered::Changed {
        previous: name("s1"),
    };
    let cases = [
        ("s1", Registered::New),
        ("s1", Registered::Same),
        ("s2", changed),
        ("s2", Registered::Same),
    ];
    for (session, want) in cases {
        assert_eq!(register(session), want);
    }
    assert_eq!((sessions.len(), sessions.evicted()), (1, 0));
}

#[derive(Clone, Debug)]
enum Op {
    Register(u8, u8, u8),
    Resolve(u8, u8),
    Bind(u8, u8),
    Remove(u8, u8),
}

/// A tenant and a source's session, of a few, so that they meet often.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let (tenant, native) = (0..3_u8, 0..4_u8);
    let op = prop_oneof![
        (tenant.clone(), native.clone(), 0..3_u8).prop_map(|(t, n, s)| Op::Register(t, n, s)),
        (tenant.clone(), native.clone()).prop_map(|(t, n)| Op::Resolve(t, n)),
        (tenant.clone(), native.clone()).prop_map(|(t, n)| Op::Bind(t, n)),
        (tenant, native).prop_map(|(t, n)| Op::Remove(t, n)),
    ];
    proptest::collection::vec(op, 0..100)
}

/// Bindings, least recently used first.
#[derive(Debug, Default)]
struct Model {
    bound: Vec<((u8, u8), u8)>,
    /// Who has used one of theirs, least recently first.
    tenants: Vec<u8>,
    evicted: u64,
}

impl Model {
    fn remove(&mut self, key: (u8, u8)) -> Option<u8> {
        let at = self.bound.iter().position(|(bound, _)| *bound == key)?;
        Some(self.bound.remove(at).1)
    }

    fn used(&mut self, tenant: u8) {
        self.tenants.retain(|other| *other != tenant);
        self.tenants.push(tenant);
    }

    fn oldest(&self, tenant: u8) -> Option<usize> {
        self.bound.iter().position(|((of, _), _)| *of == tenant)
    }

    fn register(
        &mut self,
        key: (u8, u8),
        session: u8,
        max: usize,
        max_of_one: usize,
    ) -> Option<u8> {
        let previous = self.remove(key);
        self.bound.push((key, session));
        self.used(key.0);
        let own = self.bound.iter().filter(|((of, _), _)| *of == key.0);
        let too_many = match own.count() > max_of_one {
            true => self.oldest(key.0),
            false if self.bound.len() > max => {
                self.tenants.iter().find_map(|tenant| self.oldest(*tenant))
            }
            false => None,
        };
        if let Some(at) = too_many {
            self.bound.remove(at);
            self.evicted += 1;
        }
        previous
    }

    fn resolve(&mut self, key: (u8, u8)) -> Option<u8> {
        let session = self.remove(key)?;
        self.bound.push((key, session));
        self.used(key.0);
        Some(session)
    }
}

proptest! {
    /// Rule: when full, what was used least recently is forgotten, and counted.
    #[test]
    fn the_table_does_what_a_list_does(
        ops in ops(),
        max in 1..8_usize,
        max_of_one in 1..4_usize,
    ) {
        let (sessions, mut model) = (bounded(max, max_of_one), Model::default());
        let source = name("chat");
        let session = |n: u8| name(&format!("s{n}"));
        for op in ops {
            let (Op::Register(tenant, native, _)
            | Op::Resolve(tenant, native)
            | Op::Bind(tenant, native)
            | Op::Remove(tenant, native)) = op;
            let key = (tenant, native);
            let tenant = (tenant > 0).then(|| principal(&format!("p{tenant}")));
            let native = name(&native.to_string());
            match op {
                Op::Register(_, _, to) => {
                    let told = sessions.register(tenant.as_ref(), &source, &native, session(to));
                    let want = match model.register(key, to, max, max_of_one) {
                        None => Registered::New,
                        Some(previous) if previous == to => Registered::Same,
                        Some(previous) => Registered::Changed { previous: session(previous) },
                    };
                    prop_assert_eq!(told, want);
                }
                Op::Resolve(..) => {
                    let found = sessions.resolve(tenant.as_ref(), &source, &native);
                    prop_assert_eq!(found, model.resolve(key).map(session));
                }
                Op::Bind(..) => {
                    let draft = draft()
                        .with_principal(tenant)
                        .with_source(source.clone())
                        .with_native_session(native);
                    let filled_in = bound(&sessions, draft).session().cloned();
                    prop_assert_eq!(filled_in, model.resolve(key).map(session));
                }
                Op::Remove(..) => {
                    let removed = sessions.remove(tenant.as_ref(), &source, &native);
                    prop_assert_eq!(removed, model.remove(key).map(session));
                }
            }
            prop_assert_eq!(sessions.len(), model.bound.len());
            prop_assert_eq!(sessions.evicted(), model.evicted);
        }
    }
}

/// Rule: a tenant never forgets the sessions of another.
#[test]
fn one_who_registers_without_end_forgets_its_own() {
    let sessions = bounded(100, 10);
    let (alice, mallory) = (principal("alice"), principal("mallory"));
    let source = name("chat");
    let _new = sessions.register(Some(&alice), &source, &name("7"), name("s"));
    for n in 0..1000 {
        let native = name(&n.to_string());
        let _new = sessions.register(Some(&mallory), &source, &native, name("s"));
    }
    let found = sessions.resolve(Some(&alice), &source, &name("7"));
    assert_eq!(found, Some(name("s")));
    assert_eq!((sessions.len(), sessions.evicted()), (11, 990));
}
