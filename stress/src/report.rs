//! What scenarios find, and the table of it.

use std::{fmt, time::Duration};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

/// How wide the table is where no terminal says so.
const WIDTH: u16 = 150;

/// What one scenario has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

/// One claim, and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is to be.
    pub claimed: String,
    /// What is.
    pub seen: String,
    /// Whether they agree.
    pub verdict: Verdict,
    /// What `seen` depends on.
    pub basis: Basis,
}

/// What was seen against what was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The claim holds.
    Holds,
    /// It does not.
    Fails,
    /// Nothing was claimed: a figure to look at.
    Told,
}

/// What a finding depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Nothing but the code.
    Exact,
    /// The machine: its speed, its allocator.
    Machine,
}

/// What all scenarios have found, as a table.
#[derive(Debug, Default)]
pub struct Report {
    scenarios: Vec<(String, Findings, Duration)>,
}

// === impl Findings ===

impl Findings {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Each of them, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// How many claims fail.
    pub fn failed(&self) -> usize {
        let fails = |finding: &&Finding| finding.verdict == Verdict::Fails;
        self.iter().filter(fails).count()
    }

    /// A claim that holds on every machine, or on none.
    pub(crate) fn exact(
        &mut self,
        claimed: impl fmt::Display,
        seen: impl fmt::Display,
        holds: bool,
    ) {
        self.add(claimed, seen, Verdict::of(holds), Basis::Exact);
    }

    /// A claim that a slow or a strange machine may fail.
    pub(crate) fn measured(
        &mut self,
        claimed: impl fmt::Display,
        seen: impl fmt::Display,
        holds: bool,
    ) {
        self.add(claimed, seen, Verdict::of(holds), Basis::Machine);
    }

    /// A figure that nothing is claimed of.
    pub(crate) fn told(&mut self, what: impl fmt::Display, seen: impl fmt::Display) {
        self.add(what, seen, Verdict::Told, Basis::Machine);
    }

    /// Adds those of another part of the scenario.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn add(
        &mut self,
        claimed: impl fmt::Display,
        seen: impl fmt::Display,
        verdict: Verdict,
        basis: Basis,
    ) {
        self.0.push(Finding {
            claimed: claimed.to_string(),
            seen: seen.to_string(),
            verdict,
            basis,
        });
    }
}

// === impl Verdict ===

impl Verdict {
    fn of(holds: bool) -> Self {
        match holds {
            true => Self::Holds,
            false => Self::Fails,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "ok",
            Self::Fails => "FAILED",
            Self::Told => "",
        }
    }
}

// === impl Report ===

impl Report {
    /// Adds what a scenario has found, and how long it took on the machine's
    /// clock.
    pub fn add(&mut self, scenario: &str, findings: Findings, took: Duration) {
        self.scenarios.push((scenario.to_owned(), findings, took));
    }

    /// How many claims fail.
    pub fn failed(&self) -> usize {
        self.scenarios
            .iter()
            .map(|(_, findings, _)| findings.failed())
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = LineStyle::none().fill('─').junction('─');
        let mut table = Table::new();
        table
            .load_style(TableStyle::new().header_separator(rule))
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(["scenario", "claimed", "seen", "", "time"]);
        if !table.is_tty() {
            table.set_width(WIDTH);
        }
        for (index, (scenario, findings, took)) in self.scenarios.iter().enumerate() {
            if index > 0 {
                table.add_row([""]);
            }
            let mut title = (scenario.as_str(), seconds(*took));
            for finding in findings.iter() {
                let (scenario, took) = std::mem::take(&mut title);
                let verdict = finding.verdict.as_str();
                table.add_row([scenario, &finding.claimed, &finding.seen, verdict, &took]);
            }
        }
        if let Some(time) = table.column_mut(4) {
            time.set_cell_alignment(CellAlignment::Right);
        }
        write!(f, "{table}")
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_a_scenario_once_and_each_of_its_claims() {
        let mut findings = Findings::new();
        findings.exact("nothing lost", "2 of 2", true);
        findings.measured("at most 1 MiB", "2 MiB", false);
        findings.told("speed", "3/s");
        assert_eq!(findings.failed(), 1);
        let mut report = Report::default();
        report.add("flood", findings, Duration::from_millis(1500));
        report.add("burst", Findings::new(), Duration::ZERO);
        assert_eq!(report.failed(), 1);

        let table = report.to_string();
        let lines: Vec<_> = table.lines().map(str::trim_end).collect();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(lines[0]), "scenario claimed seen time");
        assert_eq!(words(lines[2]), "flood nothing lost 2 of 2 ok 1.5 s");
        assert_eq!(words(lines[3]), "at most 1 MiB 2 MiB FAILED");
        assert_eq!(words(lines[4]), "speed 3/s");
    }
}
