//! Every scenario, by name.

use std::path::Path;

use crate::{
    Findings, StressError,
    scenarios::{burst, churn, flood, footprint, loops, noisy, stalled, trigger},
};

/// One way to put the host under load.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    run: fn(Length, &Path) -> Result<Findings, StressError>,
}

/// How much of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Length {
    /// As large as what is claimed: minutes in all, in a release build.
    #[default]
    Full,
    /// Small enough for tests: seconds in all.
    Short,
}

/// All scenarios, in the order in which they are run.
pub const SCENARIOS: [Scenario; 8] = [
    Scenario {
        name: "flood",
        about: "as many events as the machine can take, on all cores",
        run: |length, _| flood::run(length.pick(flood::FULL, flood::SHORT)),
    },
    Scenario {
        name: "burst",
        about: "many principals at once, and one that publishes too much at once",
        run: |length, _| burst::run(length.pick(burst::FULL, burst::SHORT)),
    },
    Scenario {
        name: "noisy",
        about: "one principal at fifty times the rate of the others",
        run: |length, _| noisy::run(length.pick(noisy::FULL, noisy::SHORT)),
    },
    Scenario {
        name: "footprint",
        about: "memory with many principals at once, and after they are gone",
        run: footprint::run,
    },
    Scenario {
        name: "stalled",
        about: "consumers that stop reading for a minute",
        run: |length, _| stalled::run(length.pick(stalled::FULL, stalled::SHORT)),
    },
    Scenario {
        name: "loops",
        about: "capsules that publish what makes them publish",
        run: |length, _| loops::run(length.pick(loops::FULL, loops::SHORT)),
    },
    Scenario {
        name: "trigger",
        about: "capsules that ask themselves, and each other",
        run: |length, _| trigger::run(length.pick(trigger::FULL, trigger::SHORT)),
    },
    Scenario {
        name: "churn",
        about: "subscriptions that come and go while events flow",
        run: |length, _| churn::run(length.pick(churn::FULL, churn::SHORT)),
    },
];

// === impl Scenario ===

impl Scenario {
    /// The scenario called `name`.
    pub fn find(name: &str) -> Option<Self> {
        SCENARIOS.into_iter().find(|scenario| scenario.name == name)
    }

    /// Runs it to its end. `program` is the binary of this crate, for what
    /// needs a process of its own.
    ///
    /// # Errors
    ///
    /// It could not be run to its end. A claim that fails is a finding.
    pub fn run(&self, length: Length, program: &Path) -> Result<Findings, StressError> {
        (self.run)(length, program)
    }
}

// === impl Length ===

impl Length {
    pub(crate) fn pick<T>(self, full: T, short: T) -> T {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }
}
