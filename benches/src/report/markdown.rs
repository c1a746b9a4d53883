//! The report for people.

use std::fmt::Write as _;

use super::{Measured, Report};
use crate::{
    figure::{Reached, Unit},
    findings::{Contest, Curve, Entry},
    harness::Spread,
};

/// The whole report.
pub(super) fn report(report: &Report) -> String {
    let machine = &report.machine;
    let (missed, all) = report.missed();
    let mut text = format!(
        "# How fast the host is\n\n\
         {}{}, capsule {}, {}, {} × {}, Linux {}, load {:.1} at the start.\n\n\
         Ratios come first: both sides of one were measured in the same process, in turns, round \
         by round, so that what else the machine did meets both. Absolute times depend on the \
         machine and its mood. Each number is the median, with the tenth and the ninetieth \
         percentile of the rounds behind it. “Each” is what its thread had of a processor where all is \
         done on one thread, else, as in the column beside, the time on the wall.\n\n\
         {} of {all} figures are reached.\n\n{}{}\n![figures](figures.svg)\n",
        report.date.strftime("%Y-%m-%d %H:%M UTC"),
        if report.quick {
            " (a quick run: rough)"
        } else {
            ""
        },
        report.version,
        machine.rustc,
        machine.cores,
        machine.cpu,
        machine.kernel,
        machine.load,
        all - missed,
        figures(report),
        costs(report),
    );
    for measured in &report.groups {
        text.push_str(&group(measured));
    }
    if curves(report).next().is_some() {
        text.push_str("\n![growth](growth.svg)\n");
    }
    text
}

/// The figures of all groups as one table.
pub(super) fn figures(report: &Report) -> String {
    let mut rows = Rows::new(&["figure", "to reach", "seen", "10% – 90%", ""], "lrrrl");
    for figure in report.groups.iter().flat_map(|g| &g.findings.figures) {
        let Reached {
            name,
            side,
            limit,
            unit,
            seen,
            reached,
            cost: _,
        } = figure;
        rows.add([
            name.clone(),
            format!("{} {}", side.sign(), unit.show(*limit)),
            unit.show(seen.median),
            range(*unit, *seen),
            if *reached {
                "reached"
            } else {
                "**not reached**"
            }
            .to_owned(),
        ]);
    }
    rows.text
}

/// Why those that are not reached are not, as far as it is known.
fn costs(report: &Report) -> String {
    let figures = report.groups.iter().flat_map(|g| &g.findings.figures);
    let mut text = String::new();
    for figure in figures {
        if let Some(cost) = &figure.cost {
            _ = writeln!(text, "- {}: {cost}", figure.name);
        }
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\nWhat is not reached: what takes the time, as measured in this run, and what would be \
         needed. `docs/SPEED.md` has the profiles.\n\n{text}"
    )
}

/// All curves of a report.
pub(super) fn curves(report: &Report) -> impl Iterator<Item = &Curve> {
    report
        .groups
        .iter()
        .flat_map(|group| &group.findings.curves)
}

fn group(measured: &Measured) -> String {
    let Measured {
        name,
        about,
        seconds,
        findings,
    } = measured;
    let mut text = format!("\n## {name}\n\n{about} ({seconds:.0} s)\n");
    for contest in &findings.contests {
        text.push('\n');
        text.push_str(&contest_table(contest));
    }
    if !findings.curves.is_empty() {
        text.push('\n');
        text.push_str(&curve_table(&findings.curves));
    }
    for note in &findings.notes {
        let _infallible = write!(text, "\n{note}\n");
    }
    text
}

fn contest_table(contest: &Contest) -> String {
    let head = [
        &contest.name,
        "ratio",
        "10% – 90%",
        "each",
        "10% – 90%",
        "wall",
    ];
    let mut rows = Rows::new(&head, "lrrrrr");
    for Entry {
        name,
        ratio,
        ns,
        wall,
    } in &contest.entries
    {
        rows.add([
            name.clone(),
            Unit::Times.show(ratio.median),
            range(Unit::Times, *ratio),
            Unit::Ns.show(ns.median),
            range(Unit::Ns, *ns),
            Unit::Ns.show(wall.median),
        ]);
    }
    rows.text
}

fn curve_table(curves: &[Curve]) -> String {
    let head = ["what grows", "of", "exponent", "upper half", "from", "to"];
    let mut rows = Rows::new(&head, "llrrrr");
    for curve in curves {
        let point = |point: Option<&(f64, Spread)>| {
            point.map_or_else(String::new, |(x, ns)| {
                format!("{} at {x}", Unit::Ns.show(ns.median))
            })
        };
        rows.add([
            curve.name.clone(),
            curve.of.clone(),
            format!("{:.2}", curve.slopes.whole),
            format!("{:.2}", curve.slopes.upper),
            point(curve.points.first()),
            point(curve.points.last()),
        ]);
    }
    rows.text
}

fn range(unit: Unit, spread: Spread) -> String {
    format!("{} – {}", unit.show(spread.p10), unit.show(spread.p90))
}

/// A Markdown table.
struct Rows {
    text: String,
}

// === impl Rows ===

impl Rows {
    /// `align` has an `l` or an `r` for each column.
    fn new(head: &[&str], align: &str) -> Self {
        let mut rows = Self {
            text: String::new(),
        };
        rows.add(head.iter().map(|cell| (*cell).to_owned()));
        let rule = |side| if side == 'r' { "---:" } else { "---" }.to_owned();
        rows.add(align.chars().map(rule));
        rows
    }

    fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        for cell in cells {
            self.text.push_str("| ");
            self.text.push_str(&cell);
            self.text.push(' ');
        }
        self.text.push_str("|\n");
    }
}
