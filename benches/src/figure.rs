//! What is to be reached, as data.

use serde::{Deserialize, Serialize};

use crate::harness::Spread;

/// A figure to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What is measured, and against what.
    pub name: &'static str,
    /// On which side of `limit` it is to be.
    pub side: Side,
    /// The limit, in `unit`.
    pub limit: f64,
    /// Of what.
    pub unit: Unit,
}

/// A figure, and what was measured of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// What was measured, and against what.
    pub name: String,
    /// On which side of the limit it is to be.
    pub side: Side,
    /// The limit, in `unit`.
    pub limit: f64,
    /// Of what.
    pub unit: Unit,
    /// What was measured, in `unit`.
    pub seen: Spread,
    /// Whether the median is on the right side.
    pub reached: bool,
    /// If it is not: what takes the time, as measured with it, and what would be
    /// needed, where that is known.
    pub cost: Option<String>,
}

/// On which side of a limit something is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Not above it.
    AtMost,
    /// Not below it.
    AtLeast,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// How many times as much as something else.
    Times,
    /// Nanoseconds.
    Ns,
    /// Milliseconds.
    Ms,
    /// Events in a second.
    PerSecond,
    /// Bytes.
    Bytes,
}

// === impl Figure ===

impl Figure {
    /// `name` is to be at most `limit`.
    pub const fn at_most(name: &'static str, limit: f64, unit: Unit) -> Self {
        Self {
            name,
            side: Side::AtMost,
            limit,
            unit,
        }
    }

    /// `name` is to be at least `limit`.
    pub const fn at_least(name: &'static str, limit: f64, unit: Unit) -> Self {
        Self {
            name,
            side: Side::AtLeast,
            limit,
            unit,
        }
    }

    /// What was measured of it.
    pub fn seen(self, seen: Spread) -> Reached {
        let Self {
            name,
            side,
            limit,
            unit,
        } = self;
        Reached {
            name: name.to_owned(),
            side,
            limit,
            unit,
            seen,
            reached: side.holds(seen.median, limit),
            cost: None,
        }
    }
}

// === impl Reached ===

impl Reached {
    /// Says what takes the time, and what would be needed, unless it is reached.
    #[must_use]
    pub fn or_costs(mut self, cost: impl FnOnce() -> String) -> Self {
        self.cost = (!self.reached).then(cost);
        self
    }

    /// How much of what is allowed was used: at most 1 where it is reached.
    pub fn used(&self) -> f64 {
        match self.side {
            Side::AtMost => self.seen.median / self.limit,
            Side::AtLeast => self.limit / self.seen.median,
        }
    }
}

// === impl Side ===

impl Side {
    fn holds(self, seen: f64, limit: f64) -> bool {
        match self {
            Self::AtMost => seen <= limit,
            Self::AtLeast => seen >= limit,
        }
    }

    /// As a mathematician writes it.
    pub fn sign(self) -> char {
        match self {
            Self::AtMost => '≤',
            Self::AtLeast => '≥',
        }
    }
}

// === impl Unit ===

impl Unit {
    /// A number of it, for people.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Times => format!("{} ×", digits(value)),
            Self::Ns => time(value),
            Self::Ms => time(value * 1e6),
            Self::PerSecond => format!("{}/s", thousands(value)),
            Self::Bytes => bytes(value),
        }
    }
}

/// Nanoseconds in the unit that fits.
fn time(ns: f64) -> String {
    match ns {
        _ if ns >= 1e9 => format!("{} s", digits(ns / 1e9)),
        _ if ns >= 1e6 => format!("{} ms", digits(ns / 1e6)),
        _ if ns >= 1e4 => format!("{} µs", digits(ns / 1e3)),
        _ => format!("{} ns", digits(ns)),
    }
}

fn bytes(value: f64) -> String {
    let kib = value / 1024.0;
    match kib {
        _ if kib >= 1024.0 => format!("{} MiB", digits(kib / 1024.0)),
        _ if kib >= 4.0 => format!("{} KiB", digits(kib)),
        _ => format!("{} B", digits(value)),
    }
}

/// At least three digits that mean something.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_reached_on_its_side_of_the_limit_and_at_it() {
        let most = Figure::at_most("a", 1.5, Unit::Times);
        let least = Figure::at_least("a", 1.5, Unit::Times);
        for (seen, at_most, at_least) in [(1.4, true, false), (1.5, true, true), (1.6, false, true)]
        {
            let seen = Spread::exactly(seen);
            assert_eq!(most.seen(seen).reached, at_most, "{seen:?}");
            assert_eq!(least.seen(seen).reached, at_least, "{seen:?}");
            assert_eq!(most.seen(seen).used() <= 1.0, at_most, "{seen:?}");
            assert_eq!(least.seen(seen).used() <= 1.0, at_least, "{seen:?}");
        }
    }

    #[test]
    fn numbers_are_shown_in_the_unit_that_fits() {
        for (unit, value, want) in [
            (Unit::Times, 1.416, "1.42 ×"),
            (Unit::Times, 215.2, "215 ×"),
            (Unit::Ns, 1.26, "1.26 ns"),
            (Unit::Ns, 2429.0, "2429 ns"),
            (Unit::Ns, 65_000.0, "65.0 µs"),
            (Unit::Ms, 83.31, "83.3 ms"),
            (Unit::Ms, 0.02, "20.0 µs"),
            (Unit::Ms, 1500.0, "1.50 s"),
            (Unit::PerSecond, 1_500_000.0, "1,500,000/s"),
            (Unit::PerSecond, 999.0, "999/s"),
            (Unit::Bytes, 600.0, "600 B"),
            (Unit::Bytes, 24.0 * 1024.0, "24.0 KiB"),
            (Unit::Bytes, 3.5 * 1024.0 * 1024.0, "3.50 MiB"),
        ] {
            assert_eq!(unit.show(value), want);
        }
    }
}
