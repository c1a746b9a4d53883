//! Rounds, and what they give.

use std::time::Duration;

use super::{Contestant, Spread, order::order};
use crate::BenchError;

/// More than fits any slice: a contestant that the compiler has emptied.
const MOST_TIMES: u64 = 1 << 40;

/// How long is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Turns of each contestant.
    pub rounds: usize,
    /// How long a turn takes, about. Shorter ones alternate faster, and so
    /// share more of what the machine does beside.
    pub turn: Duration,
}

/// Nanoseconds for each time that a contestant has done it, by contestant and
/// round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    names: Vec<String>,
    /// By the clock that counts.
    ns: Vec<Vec<f64>>,
    /// By the clock on the wall.
    wall: Vec<Vec<f64>>,
}

// === impl Pace ===

impl Pace {
    /// So many rounds, and turns of so many milliseconds.
    pub(crate) fn new((rounds, millis): (usize, u64)) -> Self {
        Self {
            rounds,
            turn: Duration::from_millis(millis),
        }
    }
}

/// Measures all of `contestants` in rounds. What they do before the first is
/// their warm-up.
///
/// # Errors
///
/// The first of a contestant's own.
pub fn contest(pace: Pace, contestants: Vec<Contestant<'_>>) -> Result<Samples, BenchError> {
    let mut contestants = contestants;
    let mut times = Vec::with_capacity(contestants.len());
    for contestant in &mut contestants {
        times.push(calibrate(pace.turn, contestant)?);
    }
    let none = vec![Vec::with_capacity(pace.rounds); contestants.len()];
    let mut samples = Samples {
        names: contestants.iter().map(|c| c.name.clone()).collect(),
        ns: none.clone(),
        wall: none,
    };
    for round in 0..pace.rounds {
        for index in order(round, contestants.len()) {
            let (Some(contestant), Some(times), Some(ns), Some(wall)) = (
                contestants.get_mut(index),
                times.get(index).copied(),
                samples.ns.get_mut(index),
                samples.wall.get_mut(index),
            ) else {
                continue;
            };
            let took = (contestant.run)(times)?;
            let each = |time: Duration| time.as_nanos() as f64 / times as f64;
            ns.push(each(took.time));
            wall.push(each(took.wall));
        }
    }
    Ok(samples)
}

/// How often it fits a turn.
fn calibrate(turn: Duration, contestant: &mut Contestant<'_>) -> Result<u64, BenchError> {
    let mut times = 1;
    loop {
        let took = (contestant.run)(times)?.time;
        // Long enough to tell, also after the first few that are slow.
        if took * 3 >= turn || times >= MOST_TIMES {
            let fit = turn.as_secs_f64() / took.as_secs_f64().max(1e-9) * times as f64;
            return Ok((fit as u64).clamp(1, MOST_TIMES));
        }
        times = times.saturating_mul(if took * 30 < turn { 10 } else { 2 });
    }
}

// === impl Samples ===

impl Samples {
    /// The contestants, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Nanoseconds of contestant number `index` for each time.
    pub fn ns(&self, index: usize) -> Spread {
        Spread::of(of(&self.ns, index).iter().copied())
    }

    /// The same by the clock on the wall.
    pub fn wall(&self, index: usize) -> Spread {
        Spread::of(of(&self.wall, index).iter().copied())
    }

    /// How many times as long `index` takes as `base`, round by round.
    pub fn ratio(&self, index: usize, base: usize) -> Spread {
        let rounds = of(&self.ns, index).iter().zip(of(&self.ns, base));
        Spread::of(rounds.map(|(ns, base)| ns / base))
    }
}

fn of(samples: &[Vec<f64>], index: usize) -> &[f64] {
    samples.get(index).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        rounds: 12,
        turn: Duration::from_millis(1),
    };

    /// A contestant on a clock of its own.
    fn taking(name: &str, each: Duration) -> Contestant<'static> {
        Contestant::timed(name, move |times| Ok(each * u32::try_from(times).unwrap()))
    }

    #[test]
    fn each_is_measured_by_its_own_time_whatever_fits_a_turn() {
        let micros = Duration::from_micros;
        let contestants = vec![
            taking("a", Duration::from_nanos(40)),
            taking("b", micros(100)),
            taking("c", micros(5000)),
        ];
        let samples = contest(PACE, contestants).unwrap();
        assert_eq!(samples.ns(0).median, 40.0);
        assert_eq!(samples.ns(1).median, 100_000.0);
        assert_eq!(samples.ns(2).median, 5_000_000.0);
        assert_eq!(samples.ratio(2, 1), Spread::exactly(50.0));
        assert!(samples.names().eq(["a", "b", "c"]));
    }

    #[test]
    fn a_turn_is_as_long_as_asked() {
        let mut asked = Vec::new();
        let contestant = Contestant::timed("a", |times| {
            asked.push(times);
            Ok(Duration::from_nanos(100) * u32::try_from(times).unwrap())
        });
        contest(PACE, vec![contestant]).unwrap();
        let rounds = &asked[asked.len() - PACE.rounds..];
        assert!(rounds.iter().all(|times| *times == 10_000), "{rounds:?}");
    }

    /// Rule: what slows everybody down for some rounds changes no ratio.
    #[test]
    fn ratios_are_taken_within_a_round() {
        let slow = |round: usize| if round.is_multiple_of(3) { 9.0 } else { 1.0 };
        let ns = |each: f64| (0..9).map(|round| each * slow(round)).collect();
        let samples = Samples {
            names: vec!["a".into(), "b".into()],
            ns: vec![ns(10.0), ns(20.0)],
            wall: Vec::new(),
        };
        assert_eq!(samples.ratio(1, 0), Spread::exactly(2.0));
    }

    #[test]
    fn an_error_ends_the_contest() {
        let failing =
            Contestant::on_wall("a", |_| Err(BenchError::Unexpected { what: "no".into() }));
        let error = contest(PACE, vec![failing]).unwrap_err();
        assert_eq!(error.to_string(), "not as expected: no");
    }
}
