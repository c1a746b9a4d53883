//! Every group of measurements, by name.

use crate::{
    Bench, BenchError, Findings,
    groups::{
        chain, checks, fresh, growth, load, lookup, memory, native, publish, request, stream,
        threads,
    },
};

/// Measurements that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What it is called.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    run: fn(&Bench) -> Result<Findings, BenchError>,
}

/// All groups, in the order in which they are run.
pub const GROUPS: [Group; 12] = [
    Group {
        name: "request",
        about: "an event through one capsule whose instance is kept, beside the raw engine",
        run: request::run,
    },
    Group {
        name: "chain",
        about: "an event through eight capsules, beside the raw engine",
        run: chain::run,
    },
    Group {
        name: "fresh",
        about: "an instance made for each event, beside the raw engine, on one thread and two",
        run: fresh::run,
    },
    Group {
        name: "threads",
        about: "many principals, each with an instance that is kept, on one thread and two",
        run: threads::run,
    },
    Group {
        name: "native",
        about: "the host's own work for an event: a hook that does nothing, few and many capsules",
        run: native::run,
    },
    Group {
        name: "lookup",
        about: "finding who wants a topic among 10,000 patterns",
        run: lookup::run,
    },
    Group {
        name: "publish",
        about: "until every subscriber has an event, beside tokio's channels",
        run: publish::run,
    },
    Group {
        name: "checks",
        about: "what is paid where nobody listens",
        run: checks::run,
    },
    Group {
        name: "load",
        about: "from a directory of capsules to the first answer",
        run: load::run,
    },
    Group {
        name: "memory",
        about: "what principals and instances take",
        run: memory::run,
    },
    Group {
        name: "stream",
        about: "`capsule run --input` over many events",
        run: stream::run,
    },
    Group {
        name: "growth",
        about: "how each cost grows with what there is more and more of",
        run: growth::run,
    },
];

// === impl Group ===

impl Group {
    /// The group called `name`.
    pub fn find(name: &str) -> Option<Self> {
        GROUPS.into_iter().find(|group| group.name == name)
    }

    /// Measures.
    ///
    /// # Errors
    ///
    /// It could not be measured.
    pub fn run(&self, bench: &Bench) -> Result<Findings, BenchError> {
        (self.run)(bench)
    }
}
