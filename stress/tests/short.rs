//! Every scenario in its short form. What depends on the machine, memory and
//! time, is not asserted here: the binary says it.

use std::{path::Path, process::Command};

use capsule_stress::{Basis, Length, Scenario, Verdict};

const PROGRAM: &str = env!("CARGO_BIN_EXE_capsule-stress");

/// Runs a scenario and holds it to what is exact.
#[expect(clippy::unwrap_used, reason = "a part of the tests")]
fn holds(name: &str) {
    let scenario = Scenario::find(name).unwrap();
    let findings = scenario.run(Length::Short, Path::new(PROGRAM)).unwrap();
    let mut exact = 0;
    for finding in findings.iter() {
        if finding.basis == Basis::Exact {
            exact += 1;
            assert_eq!(finding.verdict, Verdict::Holds, "{finding:#?}");
        }
    }
    assert!(exact > 0, "`{name}` claims nothing");
}

#[test]
fn a_flood_loses_nothing_and_keeps_every_lane_in_order() {
    holds("flood");
}

#[test]
fn a_burst_is_answered_or_refused_to_the_publishers_face() {
    holds("burst");
}

#[test]
fn a_noisy_neighbour_takes_nothing_from_the_others() {
    holds("noisy");
}

#[test]
fn principals_that_have_gone_leave_nothing() {
    holds("footprint");
}

#[test]
fn stalled_consumers_change_nothing_for_anyone_else() {
    holds("stalled");
}

#[test]
fn loops_of_publishing_end_at_their_hop_limit() {
    holds("loops");
}

#[test]
fn triggers_that_would_wait_for_themselves_end() {
    holds("trigger");
}

#[test]
fn subscriptions_that_come_and_go_leave_nothing() {
    holds("churn");
}

#[test]
fn the_binary_prints_a_table_and_knows_its_scenarios() {
    let run = |args: &[&str]| Command::new(PROGRAM).args(args).output().unwrap();
    let output = run(&["--short", "--scenario", "trigger"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{table}");
    assert!(table.contains("trigger"), "{table}");
    assert!(!table.contains("FAILED"), "{table}");

    let output = run(&["--scenario", "flod"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("'flood'"), "{message}");
}
