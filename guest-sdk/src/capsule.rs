//! What a capsule is to the host.

use crate::{Config, Context, Error, Result, Verdict};

/// A capsule: state, and a hook that answers events.
///
/// [`#[capsule]`](macro@crate::capsule) writes the implementation, and exports
/// it to the host. Written by hand it is good for tests alone.
///
/// The state is a cache: the host drops an instance when it pleases, and
/// makes another from the same configuration.
pub trait Capsule: Sized {
    /// The actions that [`hook`](Self::hook) has a handler for, in the order of
    /// the source.
    const ACTIONS: &'static [&'static str];

    /// Makes the state, before an instance's first event.
    ///
    /// # Errors
    ///
    /// If the configuration is not what the capsule needs. Each event of this
    /// instance then fails with that message.
    fn start(config: &Config) -> Result<Self>;

    /// Answers one event; `action` is the word the manifest gave the
    /// interceptor that fired.
    ///
    /// # Errors
    ///
    /// If the action has no handler, the payload is not what the handler
    /// takes, or the handler fails.
    fn hook(&mut self, action: &str, payload: Vec<u8>, cx: &Context) -> Result<Verdict>;
}

/// One instance's state: nothing until the first event, and from then on a
/// capsule, or the reason why there is none.
#[doc(hidden)]
#[derive(Debug)]
pub struct Instance<C> {
    started: Option<Result<C>>,
}

// === impl Instance ===

impl<C> Instance<C> {
    /// An instance that has seen no event.
    pub const fn new() -> Self {
        Self { started: None }
    }
}

impl<C> Default for Instance<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Capsule> Instance<C> {
    /// Answers one event, the first of them after starting the capsule.
    ///
    /// # Errors
    ///
    /// The start's, each time, or the hook's own.
    pub fn hook(
        &mut self,
        config: &Config,
        action: &str,
        payload: Vec<u8>,
        cx: &Context,
    ) -> Result<Verdict> {
        match self.started.get_or_insert_with(|| C::start(config)) {
            Ok(capsule) => capsule.hook(action, payload, cx),
            Err(error) => Err(Error::msg(format!("the capsule could not start: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host;

    struct Counter(u64);

    impl Capsule for Counter {
        const ACTIONS: &'static [&'static str] = &["count"];

        fn start(config: &Config) -> Result<Self> {
            Ok(Self(
                config.parse::<std::collections::HashMap<String, u64>>()?["from"],
            ))
        }

        fn hook(&mut self, _: &str, _: Vec<u8>, _: &Context) -> Result<Verdict> {
            self.0 += 1;
            Verdict::answer_json(&self.0)
        }
    }

    fn answers(config: serde_json::Value) -> [Result<Verdict>; 2] {
        let config = Config::new(host::Table::new(&config).unwrap());
        let cx = Context::new(host::Event::new("a"));
        let mut instance = Instance::<Counter>::new();
        [(); 2].map(|()| instance.hook(&config, "count", Vec::new(), &cx))
    }

    #[test]
    fn state_is_made_once_and_kept_between_events() {
        assert_eq!(
            answers(json!({"from": 7})),
            [Ok(Verdict::answer("8")), Ok(Verdict::answer("9"))]
        );
    }

    #[test]
    fn a_failed_start_fails_every_event_with_its_message() {
        for answer in answers(json!({"from": "seven"})) {
            let error = answer.unwrap_err().to_string();
            assert!(
                error.starts_with("the capsule could not start: [config]: `from`: invalid type"),
                "got {error}"
            );
        }
    }
}
