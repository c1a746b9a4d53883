//! What a group has measured.

use serde::{Deserialize, Serialize};

use crate::{
    BenchError,
    figure::Reached,
    harness::{Contestant, Pace, Samples, Slopes, Spread, contest, slopes},
};

/// What a group has measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Figures, and whether they are reached.
    pub figures: Vec<Reached>,
    /// Who was measured beside whom.
    pub contests: Vec<Contest>,
    /// How something grows.
    pub curves: Vec<Curve>,
    /// What has to be known to read them.
    pub notes: Vec<String>,
}

/// Several ways to do one thing, measured in one process in turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// The thing.
    pub name: String,
    /// Each way; the first is what the others are compared with.
    pub entries: Vec<Entry>,
}

/// One way to do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub name: String,
    /// How many times as long it takes as the first.
    pub ratio: Spread,
    /// Nanoseconds each time: of this thread where it works alone, else on
    /// the wall.
    pub ns: Spread,
    /// Nanoseconds each time on the wall.
    pub wall: Spread,
}

/// How long something takes for more and more of something else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What takes that long.
    pub name: String,
    /// What there is more and more of.
    pub of: String,
    /// How much there is, and nanoseconds each time.
    pub points: Vec<(f64, Spread)>,
    /// The exponents.
    pub slopes: Slopes,
}

// === impl Findings ===

impl Findings {
    /// Measures contestants beside each other and keeps what it gives; the
    /// first of them is what the others are compared with.
    ///
    /// # Errors
    ///
    /// The first of a contestant's own.
    pub fn contest(
        &mut self,
        name: impl Into<String>,
        pace: Pace,
        contestants: Vec<Contestant<'_>>,
    ) -> Result<Samples, BenchError> {
        let samples = contest(pace, contestants)?;
        let entry = |(index, entry): (usize, &str)| Entry {
            name: entry.to_owned(),
            ratio: samples.ratio(index, 0),
            ns: samples.ns(index),
            wall: samples.wall(index),
        };
        self.contests.push(Contest {
            name: name.into(),
            entries: samples.names().enumerate().map(entry).collect(),
        });
        Ok(samples)
    }

    /// Measures the points of a curve beside each other: a contestant for
    /// each amount.
    ///
    /// # Errors
    ///
    /// The first of a contestant's own.
    pub fn curve(
        &mut self,
        name: &str,
        of: &str,
        pace: Pace,
        contestants: Vec<(usize, Contestant<'_>)>,
    ) -> Result<(), BenchError> {
        let (amounts, contestants): (Vec<_>, Vec<_>) = contestants.into_iter().unzip();
        let samples = contest(pace, contestants)?;
        let point = |(index, amount): (usize, &usize)| (*amount as f64, samples.ns(index));
        let points: Vec<_> = amounts.iter().enumerate().map(point).collect();
        let medians: Vec<_> = points.iter().map(|(x, ns)| (*x, ns.median)).collect();
        self.curves.push(Curve {
            name: name.to_owned(),
            of: of.to_owned(),
            points,
            slopes: slopes(&medians),
        });
        Ok(())
    }

    /// Keeps what was seen of a figure.
    pub fn figure(&mut self, reached: Reached) {
        self.figures.push(reached);
    }

    /// Keeps what has to be known to read the rest.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// How many figures are not reached.
    pub fn missed(&self) -> usize {
        self.figures.iter().filter(|figure| !figure.reached).count()
    }
}
