//! Capsules that publish and trigger, in a whole host.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use capsule_host::{
    Audit, Category, Condition, Decision, Draft, Event, Filter, Host, HostBuilder, MailboxConfig,
    Observer, Outcome, Pattern, Principal, Received, Record, SubscribeOptions, Subscription, Topic,
    config::HostConfig,
};

use super::{Capsules, wat};

/// Leave to publish and trigger everything, as often as a manifest may say.
pub const EVERYTHING: &str = "publish = [\">\"]\ntrigger = [\">\"]\npublish_per_second = 100000";

/// A capsule around a WAT guest: its interceptors by event and action, and its
/// `[capabilities]`.
pub struct Guest<'a> {
    pub name: &'a str,
    pub guest: &'a str,
    pub interceptors: &'a [(&'a str, &'a str)],
    pub capabilities: &'a str,
}

/// A host that runs, with everything that is audited.
pub struct Bus {
    _capsules: Capsules,
    pub host: Host,
    pub audit: Observer,
}

impl Guest<'_> {
    fn manifest(&self) -> String {
        let Self {
            name, capabilities, ..
        } = self;
        let interceptors: String = self
            .interceptors
            .iter()
            .map(|(event, action)| {
                format!("[[interceptor]]\nevent = \"{event}\"\naction = \"{action}\"\n")
            })
            .collect();
        format!(
            "manifest_version = 1\n[capsule]\nname = \"{name}\"\nversion = \"0.1.0\"\n\
             module = \"{name}.wasm\"\n{interceptors}[capabilities]\n{capabilities}\n"
        )
    }
}

/// A directory of these.
pub fn capsules(guests: &[Guest<'_>]) -> Capsules {
    guests.iter().fold(Capsules::new(), |capsules, guest| {
        let name = guest.name;
        capsules
            .with_file(&format!("{name}/Capsule.toml"), guest.manifest())
            .with_file(&format!("{name}/{name}.wasm"), wat::wasm(guest.guest))
    })
}

impl Bus {
    /// With everything as it is by default.
    pub fn start(guests: &[Guest<'_>]) -> Self {
        Self::configured(guests, HostConfig::default())
    }

    /// With a configuration of its own.
    pub fn configured(guests: &[Guest<'_>], config: HostConfig) -> Self {
        Self::of(capsules(guests), config)
    }

    /// Over a directory of capsules.
    pub fn of(capsules: Capsules, config: HostConfig) -> Self {
        let builder = HostBuilder::new(config).capsules(capsules.path());
        let host = builder.no_cache().start().unwrap();
        let large = MailboxConfig {
            max_bytes: NonZeroUsize::MAX,
            max_items: NonZeroUsize::MAX,
            ..MailboxConfig::default()
        };
        let audit = host.observe("audit", Category::Audit.into(), large);
        Self {
            _capsules: capsules,
            host,
            audit,
        }
    }

    /// Publishes and waits for the outcome.
    pub async fn ask(&self, principal: &str, topic: &str, payload: &str) -> Outcome {
        self.host
            .request(draft(principal, topic, payload))
            .await
            .unwrap()
    }

    /// As [`ask`](Self::ask), where the chain must end with an answer.
    pub async fn answer(&self, principal: &str, topic: &str, payload: &str) -> String {
        answer(&self.ask(principal, topic, payload).await)
    }

    /// What is published on `pattern`, as its chain leaves it.
    pub fn subscribe(&self, pattern: &str) -> Subscription {
        let pattern = Condition::Pattern(Pattern::new(pattern).unwrap());
        let filter = Filter::everything().any([pattern]);
        let options = SubscribeOptions::new("test").with_filter(filter);
        self.host.subscribe(options)
    }

    /// Waits for everything to come to its end, which must leave nothing.
    pub async fn ends(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(self.host.in_flight(), Default::default());
        assert_eq!((self.host.lanes(), self.host.principals()), (0, 0));
        let counted = self.host.counters();
        assert_eq!(
            counted.published,
            counted.admitted + counted.answered + counted.denied + counted.cancelled,
            "each event came to an end: {counted:?}"
        );
    }

    /// The refusals since the last time: capsule, topic, reason and the hops
    /// of the event that it was asked about.
    pub fn refusals(&mut self) -> Vec<(String, String, String, u32)> {
        let mut refusals = Vec::new();
        while let Ok(received) = self.audit.try_recv() {
            let Received::Item(Record::Audit(audit)) = received else {
                panic!("not for an audit: {received:?}");
            };
            if let Audit::Refused {
                capsule,
                event,
                topic,
                reason,
            } = audit
            {
                refusals.push((capsule.to_string(), topic, reason, event.hops));
            }
        }
        refusals
    }
}

/// An event of a principal.
pub fn draft(principal: &str, topic: &str, payload: &str) -> Draft {
    Draft::new(Topic::new(topic).unwrap())
        .with_principal(Principal::new(principal).unwrap())
        .with_payload(payload.to_owned())
}

/// What a chain was answered with, which must end so.
pub fn answer(outcome: &Outcome) -> String {
    match &outcome.decision {
        Decision::Final { response, .. } => String::from_utf8(response.to_vec()).unwrap(),
        other => panic!("no answer: {other:?}"),
    }
}

/// The next event, which is there already.
pub fn next(subscription: &mut Subscription) -> Arc<Event> {
    match subscription.try_recv().unwrap() {
        Received::Item(message) => message.event.clone(),
        lost => panic!("{lost:?}"),
    }
}

/// Publishes `topic`, with its `.` written as `-`, on every `event`.
pub fn publisher<'a>(name: &'a str, interceptors: &'a [(&'a str, &'a str)]) -> Guest<'a> {
    Guest {
        name,
        guest: "bus-publish",
        interceptors,
        capabilities: EVERYTHING,
    }
}

/// Triggers `topic`, written in the same way, on every `event`.
pub fn asker<'a>(name: &'a str, interceptors: &'a [(&'a str, &'a str)]) -> Guest<'a> {
    Guest {
        guest: "bus-trigger",
        ..publisher(name, interceptors)
    }
}

/// Any other guest, with nothing granted.
pub fn plain<'a>(
    name: &'a str,
    guest: &'a str,
    interceptors: &'a [(&'a str, &'a str)],
) -> Guest<'a> {
    Guest {
        name,
        guest,
        interceptors,
        capabilities: "",
    }
}
