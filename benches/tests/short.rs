//! All that is measured, in its shortest form: that it runs and reports. No
//! timing is asserted.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use capsule_bench::{Bench, GROUPS, Length, Report, WORKLOADS, report};

/// With the capsules and the host as `cargo xtask test` builds them.
fn bench(work: &Path) -> Bench {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_capsule-bench"));
    let bench = Bench {
        length: Length::Trial,
        guests: target.join("bench-capsules"),
        examples: target.join("capsules"),
        host: program.with_file_name("capsule"),
        program,
        work: work.to_owned(),
    };
    for built in [&bench.guests, &bench.examples, &bench.host] {
        assert!(
            built.exists(),
            "{} is missing: `cargo xtask test` builds it before it tests",
            built.display()
        );
    }
    bench
}

#[test]
fn groups_run_and_their_report_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(dir.path());
    let mut measured = Report::new(bench.length);
    let mut seen = Vec::new();
    for group in GROUPS {
        let findings = group.run(&bench).unwrap();
        for figure in &findings.figures {
            let median = figure.seen.median;
            let may_be_none = figure.name == "left of a principal that has gone";
            assert!(median.is_finite(), "{figure:?}");
            assert!(median > 0.0 || may_be_none, "{figure:?}");
        }
        seen.push((group.name, findings.figures.len(), findings.curves.len()));
        measured.add(group.name, group.about, Default::default(), findings);
    }
    let want = [
        ("request", 2, 0),
        ("chain", 1, 0),
        ("fresh", 3, 0),
        ("threads", 1, 0),
        ("native", 2, 0),
        ("lookup", 2, 0),
        ("publish", 2, 0),
        ("checks", 2, 0),
        ("load", 2, 0),
        ("memory", 3, 0),
        ("stream", 3, 0),
        ("growth", 0, 7),
    ];
    assert_eq!(seen, want);
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
    for workload in WORKLOADS {
        for threads in [1, 2] {
            let dir = tempfile::tempdir().unwrap();
            let bench = bench(dir.path());
            let (times, _) = workload.run(&bench, threads, Duration::ZERO).unwrap();
            assert!(times > 0, "{} on {threads}", workload.name);
        }
    }
}
