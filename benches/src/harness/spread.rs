//! What many measurements of one thing come to.

use serde::{Deserialize, Serialize};

/// The middle of many measurements, and where most of them are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of them are below.
    pub median: f64,
    /// A tenth of them are below.
    pub p10: f64,
    /// A tenth of them are above.
    pub p90: f64,
}

// === impl Spread ===

impl Spread {
    /// That of `values`; of none, all zeros.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = values.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self {
            median: quantile(&sorted, 0.5),
            p10: quantile(&sorted, 0.1),
            p90: quantile(&sorted, 0.9),
        }
    }

    /// What was measured once.
    pub fn exactly(value: f64) -> Self {
        Self::of([value])
    }

    /// In another unit.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            p10: self.p10 * factor,
            p90: self.p90 * factor,
        }
    }

    /// Of a rate that is `dividend` by what was measured: the largest
    /// measurement gives the smallest rate.
    #[must_use]
    pub fn rate(self, dividend: f64) -> Self {
        Self {
            median: dividend / self.median,
            p10: dividend / self.p90,
            p90: dividend / self.p10,
        }
    }
}

/// Between the two nearest of `sorted`, in proportion.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at * sorted.len().saturating_sub(1) as f64;
    let value = |place: f64| sorted.get(place as usize).copied().unwrap_or_default();
    let (below, above) = (value(place.floor()), value(place.ceil()));
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_nearest_values() {
        let spread = |median, p10, p90| Spread { median, p10, p90 };
        let cases: [(&[f64], Spread); 5] = [
            (&[], spread(0.0, 0.0, 0.0)),
            (&[3.0], spread(3.0, 3.0, 3.0)),
            (&[3.0, 1.0], spread(2.0, 1.2, 2.8)),
            (&[9.0, 1.0, 2.0], spread(2.0, 1.2, 7.6)),
            (
                &[
                    0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 1e9,
                ],
                spread(50.0, 10.0, 90.0),
            ),
        ];
        for (values, want) in cases {
            let got = Spread::of(values.iter().copied());
            let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(
                near(got.median, want.median) && near(got.p10, want.p10) && near(got.p90, want.p90),
                "{values:?}: {got:?}"
            );
        }
    }

    #[test]
    fn one_outlier_moves_the_median_of_many_by_nothing() {
        let calm = Spread::of([1.0; 11]);
        let mut values = [1.0; 11];
        values[3] = 1e6;
        assert_eq!(Spread::of(values).median, calm.median);
    }

    #[test]
    fn a_rate_is_lowest_where_it_took_longest() {
        let took = Spread::of([1.0, 2.0, 4.0]);
        let rate = took.rate(8.0);
        assert!(rate.p10 < rate.median && rate.median < rate.p90, "{rate:?}");
        assert_eq!(rate.median, 4.0);
    }
}
