//! `capsule run --input` over many events.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{CapsuleDir, Installed, TOPIC, payload},
    harness::Spread,
    machine::{Stopwatch, peak_bytes},
};

/// Bytes of a payload, as JSON.
const BYTES: usize = 1024;
/// Principals whose events they are, in turn.
const PRINCIPALS: usize = 100;
/// How often the child's memory is looked at.
const LOOK: Duration = Duration::from_millis(5);
const RATE: Figure = Figure::at_least(
    "`capsule run --input`, events of 1 KiB, one guard",
    250_000.0,
    Unit::PerSecond,
);
/// As constant as an allocator is. A run of its own with fewer events is no
/// measure: it may end before it has once had as many under way.
const MEMORY: Figure = Figure::at_most(
    "`capsule run --input`, peak memory against that of its first half",
    1.1,
    Unit::Times,
);

/// What one run of the host took.
#[derive(Clone, Copy, Debug)]
struct Ran {
    time: Duration,
    /// Bytes resident at most, until half of the time was over.
    half: u64,
    /// The same until the end.
    peak: u64,
}

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let capsules = CapsuleDir::new(&bench.work, "stream")?;
    let guard = Installed {
        on_error: "deny",
        ..Installed::default()
    };
    capsules.add("pass", &bench.pass()?, guard)?;
    // Compiles the guard, so that no run that counts does.
    drop(capsules.host()?);

    let (count, rounds) = bench.length.pick((1_000_000, 3), (100_000, 3), (100, 1));
    let events = write_events(&bench.work, count)?;
    let (mut rates, mut growth, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let ran = filter(bench, &capsules, &events)?;
        rates.push(count as f64 / ran.time.as_secs_f64());
        growth.push(ran.peak as f64 / ran.half as f64);
        peaks.push(ran.peak as f64);
    }
    findings.figure(RATE.seen(Spread::of(rates)));
    findings.figure(MEMORY.seen(Spread::of(growth)));
    findings.note(format!(
        "{} events, from a file to /dev/null, start and end of the process included; at most {} \
         resident.",
        count,
        Unit::Bytes.show(Spread::of(peaks).median)
    ));
    Ok(findings)
}

/// Writes `count` events to a file in `dir`.
fn write_events(dir: &Path, count: usize) -> Result<PathBuf, BenchError> {
    let path = dir.join("events.jsonl");
    let io = || BenchError::io(format!("cannot write {}", path.display()));
    let mut file = BufWriter::new(File::create(&path).map_err(io())?);
    let text = payload(BYTES - r#"{"text":""}"#.len());
    let text = String::from_utf8_lossy(&text);
    for index in 0..count {
        let principal = index % PRINCIPALS;
        writeln!(
            file,
            r#"{{"topic":"{TOPIC}","principal":"p{principal}","payload":{{"text":"{text}"}}}}"#
        )
        .map_err(io())?;
    }
    file.flush().map_err(io())?;
    Ok(path)
}

/// Runs the host over the events in `input`.
fn filter(bench: &Bench, capsules: &CapsuleDir, input: &Path) -> Result<Ran, BenchError> {
    let program = bench.host.display().to_string();
    let io = || BenchError::io(format!("cannot use {program}"));
    let watch = Stopwatch::start();
    let mut child = Command::new(&bench.host)
        .args(["run", "--capsules"])
        .arg(capsules.path())
        .arg("--cache-dir")
        .arg(capsules.cache())
        .arg("--input")
        .arg(input)
        .stdout(Stdio::null())
        .spawn()
        .map_err(io())?;
    let mut peaks = Vec::new();
    let status = loop {
        // It may end between two looks; its peak only grows, and most of it
        // is reached early.
        peaks.extend(peak_bytes(child.id()));
        match child.try_wait().map_err(io())? {
            Some(status) => break status,
            None => thread::sleep(LOOK),
        }
    };
    let time = watch.elapsed();
    if !status.success() {
        return Err(BenchError::Child { program, status });
    }
    let (Some(&half), Some(&peak)) = (peaks.get(peaks.len() / 2), peaks.last()) else {
        return Err(BenchError::unexpected("its memory could not be looked at"));
    };
    Ok(Ran { time, half, peak })
}
