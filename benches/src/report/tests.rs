//! The report of made-up numbers.

use insta::assert_snapshot;

use super::*;
use crate::{
    figure::{Figure, Unit},
    findings::{Contest, Curve, Entry},
    harness::{Slopes, Spread},
};

/// Of numbers that JSON keeps to the last digit.
fn spread(median: f64) -> Spread {
    Spread {
        median,
        p10: median * 0.75,
        p90: median * 1.25,
    }
}

fn made_up() -> Report {
    let entry = |name: &str, ratio, ns| Entry {
        name: name.to_owned(),
        ratio: spread(ratio),
        ns: spread(ns),
        wall: spread(ns * 2.0),
    };
    let mut findings = Findings::default();
    let ratio = Figure::at_most("request, 1 KiB, against raw", 1.5, Unit::Times);
    let rate = Figure::at_least("native hook", 1_500_000.0, Unit::PerSecond);
    let ratio = ratio.seen(spread(1.375));
    findings.figure(ratio.or_costs(|| "not told, since it is reached.".into()));
    let rate = rate.seen(spread(900_000.0));
    findings.figure(rate.or_costs(|| "all of it is the hook's; it would need another.".into()));
    findings.contests.push(Contest {
        name: "1 KiB".into(),
        entries: vec![entry("raw", 1.0, 691.0), entry("host", 1.375, 950.5)],
    });
    findings.note("Measured by nobody.");
    let mut grown = Findings::default();
    grown.curves.push(Curve {
        name: "event".into(),
        of: "principals".into(),
        points: vec![
            (1.0, spread(500.0)),
            (10.0, spread(510.0)),
            (100.0, spread(900.0)),
        ],
        slopes: Slopes {
            whole: 0.125,
            upper: 0.25,
        },
    });
    let mut report = Report {
        date: "2026-01-02T03:04:05Z".parse().unwrap(),
        quick: true,
        version: "0.1.0".into(),
        machine: Machine {
            cpu: "Made-up 3000".into(),
            cores: 2,
            load: 0.5,
            kernel: "6.12".into(),
            rustc: "rustc 1.95.0".into(),
        },
        groups: Vec::new(),
    };
    let took = Duration::from_secs(4);
    report.add("request", "an event through one capsule", took, findings);
    report.add("growth", "how each cost grows", took, grown);
    report
}

#[test]
fn the_report_says_what_is_reached_beside_what_was_measured() {
    assert_snapshot!(made_up().markdown());
}

#[test]
fn missed_figures_are_counted() {
    assert_eq!(made_up().missed(), (1, 2));
}

#[test]
fn what_programs_read_is_what_was_written() {
    let report = made_up();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn charts_name_every_figure_and_every_curve() {
    let figures = chart::figures(&made_up()).unwrap();
    for part in [
        "request, 1 KiB, against raw: 1.38 ×",
        "native hook: 900,000/s",
    ] {
        assert!(figures.contains(part), "{part}");
    }
    let growth = chart::growth(&made_up()).unwrap().unwrap();
    assert!(growth.contains("principals: n^0.12"));
    let mut without = made_up();
    without.groups.truncate(1);
    assert!(chart::growth(&without).unwrap().is_none());
}
