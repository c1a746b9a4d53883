//! Everything that was counted, for a person to read.

use super::baseline::{Baseline, Entry};

/// A line for each path: what it costs, and by how much that differs from the
/// baseline, in percent.
pub(crate) fn table(baseline: &Baseline, seen: &[Entry]) -> String {
    let mut table = line(
        "for each event",
        [("instructions", ""), ("allocations", ""), ("bytes", "")],
    );
    for Entry { name, counts, .. } in seen {
        let old = baseline.path(name).map(|old| old.counts);
        let was = old.and_then(|old| old.instructions);
        let is = counts.instructions;
        let instructions = (
            &*is.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            &*change(was.map(|count| count as f64), is.map(|count| count as f64)),
        );
        let allocations = (
            &*format!("{:.2}", counts.allocations),
            &*change(old.map(|old| old.allocations), Some(counts.allocations)),
        );
        let bytes = (
            &*counts.bytes.to_string(),
            &*change(old.map(|old| old.bytes as f64), Some(counts.bytes as f64)),
        );
        table.push_str(&line(name, [instructions, allocations, bytes]));
    }
    table
}

fn line(name: &str, columns: [(&str, &str); 3]) -> String {
    let columns = columns.map(|(count, change)| format!(" {count:>12} {change:>8}"));
    let line = format!("    {name:<18}{}", columns.concat());
    format!("{}\n", line.trim_end())
}

/// Nothing where next to nothing changed, or there is nothing to compare.
fn change(was: Option<f64>, is: Option<f64>) -> String {
    let (Some(was), Some(is)) = (was, is) else {
        return String::new();
    };
    let percent = (is / was - 1.0) * 100.0;
    match percent.is_finite() && percent.abs() >= 0.05 {
        true => format!("{percent:+.1} %"),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::samples::{baseline, entry};

    #[test]
    fn the_table_tells_what_changed() {
        let baseline = baseline(vec![
            entry("request-1", Some(10_455), 6.01, 700),
            entry("guest-fresh", None, 40.0, 9000),
        ]);
        let seen = [
            entry("request-1", Some(10_000), 6.01, 770),
            entry("guest-fresh", None, 41.0, 9000),
            entry("new", Some(5), 0.0, 0),
        ];
        insta::assert_snapshot!(table(&baseline, &seen), @r"
        for each event     instructions           allocations                 bytes
        request-1                 10000   -4.4 %         6.01                   770  +10.0 %
        guest-fresh                   -                 41.00   +2.5 %         9000
        new                           5                  0.00                     0
        ");
    }
}
