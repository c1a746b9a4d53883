use super::*;
use crate::counts::samples::{baseline, entry};

#[test]
fn what_a_difference_comes_to() {
    struct Case {
        name: &'static str,
        seen: Entry,
        want: &'static [(&'static str, Measure)],
    }
    use Measure::{Allocations, Bytes, Instructions};
    let cases = [
        Case {
            name: "the same",
            seen: entry("p", Some(1000), 6.0, 700),
            want: &[],
        },
        Case {
            name: "as much more as is allowed",
            seen: entry("p", Some(1050), 6.02, 735),
            want: &[],
        },
        Case {
            name: "one instruction beyond",
            seen: entry("p", Some(1051), 6.0, 700),
            want: &[("worse", Instructions)],
        },
        Case {
            name: "an allocation in every twentieth event",
            seen: entry("p", Some(1000), 6.05, 700),
            want: &[("worse", Allocations)],
        },
        Case {
            name: "larger blocks",
            seen: entry("p", Some(1000), 6.0, 736),
            want: &[("worse", Bytes)],
        },
        Case {
            name: "one for the other",
            seen: entry("p", Some(900), 7.0, 700),
            want: &[("better", Instructions), ("worse", Allocations)],
        },
        Case {
            name: "an allocation less",
            seen: entry("p", Some(1000), 5.0, 600),
            want: &[("better", Allocations), ("better", Bytes)],
        },
        Case {
            name: "a little less",
            seen: entry("p", Some(951), 5.99, 690),
            want: &[],
        },
        Case {
            name: "instructions not counted",
            seen: entry("p", None, 6.0, 700),
            want: &[],
        },
        Case {
            name: "instructions not counted, and an allocation more",
            seen: entry("p", None, 7.0, 700),
            want: &[("worse", Allocations)],
        },
    ];
    let baseline = baseline(vec![entry("p", Some(1000), 6.0, 700)]);
    for Case { name, seen, want } in cases {
        let found = compare(&baseline, &[seen]);
        let found: Vec<_> = found
            .iter()
            .map(|finding| match finding {
                Finding::Worse(difference) => ("worse", difference.measure),
                Finding::Better(difference) => ("better", difference.measure),
                other => panic!("case: {name}: {other}"),
            })
            .collect();
        assert_eq!(found, want, "case: {name}");
    }
}

#[test]
fn a_path_may_have_a_margin_of_its_own() {
    let mut wide = entry("p", Some(1000), 0.0, 0);
    wide.margin_percent = Some(10.0);
    let baseline = baseline(vec![wide]);
    let seen = |instructions| [entry("p", Some(instructions), 0.0, 0)];
    assert_eq!(compare(&baseline, &seen(1100)), []);
    assert!(matches!(
        *compare(&baseline, &seen(1101)),
        [Finding::Worse(_)]
    ));
}

#[test]
fn the_messages_say_what_was_seen_and_what_to_do() {
    let baseline = baseline(vec![
        entry("request-1", Some(10_455), 6.01, 700),
        entry("observers", Some(5), 0.0, 0),
        entry("mailbox", None, 1.0, 64),
        entry("renamed", Some(7), 0.0, 0),
    ]);
    let seen = [
        entry("request-1", Some(11_203), 5.0, 760),
        entry("observers", Some(5), 1.0, 0),
        entry("mailbox", Some(77), 1.0, 64),
        entry("publish-1", Some(7), 0.0, 0),
    ];
    let findings = compare(&baseline, &seen);
    let failures: Vec<_> = findings.iter().map(Finding::is_failure).collect();
    assert_eq!(failures, [true, false, true, true, true, true, true]);
    let messages: Vec<_> = findings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    worse: `request-1` takes 11203 instructions for each event; the baseline is 10455 and allows 10978. `callgrind_annotate target/counts/request-1.callgrind` shows where. If it is worth that, `cargo xtask counts --update` writes it down
    better: `request-1` takes 5.00 allocations for each event; the baseline is 6.01. `cargo xtask counts --update` keeps it so
    worse: `request-1` takes 760 bytes for each event; the baseline is 700 and allows 735. If it is worth that, `cargo xtask counts --update` writes it down
    worse: `observers` takes 1.00 allocations for each event; the baseline is 0.00 and allows 0.02. If it is worth that, `cargo xtask counts --update` writes it down
    new: `mailbox` is not in the baseline. `cargo xtask counts --update` adds it
    new: `publish-1` is not in the baseline. `cargo xtask counts --update` adds it
    gone: `renamed` is in the baseline, and there is no such path. `cargo xtask counts --update` removes it
    ");
}
