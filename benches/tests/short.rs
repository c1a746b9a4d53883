//! The groups that need nothing but this crate, in their shortest form: that
//! they run and report. No timing is asserted.

use std::{fs, path::PathBuf, time::Duration};

use capsule_bench::{Bench, Group, Length, Report, Workload, report};

/// For what needs no capsule.
fn nothing_built(work: PathBuf) -> Bench {
    let missing = PathBuf::from("not needed");
    Bench {
        length: Length::Trial,
        guests: missing.clone(),
        examples: missing.clone(),
        host: missing.clone(),
        program: missing,
        work,
    }
}

#[test]
fn groups_run_and_their_report_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let bench = nothing_built(dir.path().to_owned());
    let mut measured = Report::new(bench.length);
    for (name, figures, curves) in [
        ("native", 2, 0),
        ("lookup", 2, 0),
        ("publish", 2, 0),
        ("checks", 1, 0),
        ("growth", 0, 6),
    ] {
        let group = Group::find(name).unwrap();
        let findings = group.run(&bench).unwrap();
        assert_eq!(findings.figures.len(), figures, "{name}");
        assert_eq!(findings.curves.len(), curves, "{name}");
        for figure in &findings.figures {
            assert!(figure.seen.median > 0.0, "{figure:?}");
        }
        measured.add(group.name, group.about, Default::default(), findings);
    }
    report::write(&measured, dir.path()).unwrap();
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read("report.md"), measured.markdown());
    assert!(read("figures.svg").contains("whether anybody observes"));
    assert!(read("growth.svg").contains("subscribers"));
    let json: Report = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(json.missed(), measured.missed());
}

#[test]
fn what_a_profiler_looks_at_runs_alone() {
    let bench = nothing_built(PathBuf::new());
    for name in ["native", "publish"] {
        let workload = Workload::find(name).unwrap();
        for threads in [1, 2] {
            let times = workload.run(&bench, threads, Duration::ZERO).unwrap();
            assert!(times > 0, "{name} on {threads}");
        }
    }
}
