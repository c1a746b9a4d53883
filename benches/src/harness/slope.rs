//! How something grows.

use serde::{Deserialize, Serialize};

/// The exponents of a curve: `y` grows as `x` to the power of it. 0 is flat,
/// 1 is in proportion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slopes {
    /// Over all points.
    pub whole: f64,
    /// Over the upper half of them, where what is paid once no longer hides
    /// what grows.
    pub upper: f64,
}

/// Those of `points`, fitted to their logarithms by least squares. Points
/// that have none are left out.
pub fn slopes(points: &[(f64, f64)]) -> Slopes {
    let logs: Vec<_> = points
        .iter()
        .filter(|(x, y)| *x > 0.0 && *y > 0.0)
        .map(|(x, y)| (x.ln(), y.ln()))
        .collect();
    let upper = logs.len() / 2;
    Slopes {
        whole: slope(&logs),
        upper: slope(logs.get(upper.saturating_sub(1)..).unwrap_or_default()),
    }
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let mut covariance = 0.0;
    let mut variance = 0.0;
    for (x, y) in points {
        covariance += (x - mean_x) * (y - mean_y);
        variance += (x - mean_x).powi(2);
    }
    match variance > 0.0 {
        true => covariance / variance,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_found_whatever_its_factor() {
        for power in [0.0, 0.5, 1.0, 2.0] {
            let points = [1.0_f64, 10.0, 100.0, 1000.0].map(|x| (x, 7.0 * x.powf(power)));
            let Slopes { whole, upper } = slopes(&points);
            assert!((whole - power).abs() < 1e-9, "{power}: {whole}");
            assert!((upper - power).abs() < 1e-9, "{power}: {upper}");
        }
    }

    #[test]
    fn what_is_paid_once_hides_growth_from_the_whole_and_not_from_the_upper_half() {
        let points = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5].map(|x| (x, 1000.0 + x));
        let Slopes { whole, upper } = slopes(&points);
        assert!(whole < 0.5 && upper > 0.6, "{whole} {upper}");
    }

    #[test]
    fn what_has_no_logarithm_is_left_out() {
        let points = [(0.0, 5.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)];
        assert!((slopes(&points).whole - 1.0).abs() < 1e-9);
        for points in [&[][..], &[(1.0, 1.0)], &[(0.0, 1.0), (3.0, 1.0)]] {
            assert_eq!(slopes(points), Slopes::default(), "{points:?}");
        }
    }
}
