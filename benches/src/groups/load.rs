//! From a directory of capsules to the first answer.

use std::{
    hint::black_box,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    Bench, BenchError, Findings,
    figure::{Figure, Unit},
    fixture::{CapsuleDir, Installed},
    harness::{Contestant, Pace},
    machine::Stopwatch,
};

/// Capsules in the directory.
const CAPSULES: usize = 100;
/// The first one's topic.
const TOPIC: &str = "bench.load0";
const START: Figure = Figure::at_most("start over 100 cached capsules of 100 KB", 100.0, Unit::Ms);
const FIRST: Figure = Figure::at_most(
    "first event answered, from process start, 100 cached capsules",
    200.0,
    Unit::Ms,
);

/// Runs the group.
pub(crate) fn run(bench: &Bench) -> Result<Findings, BenchError> {
    let mut findings = Findings::default();
    let wasm = bench.large()?;
    let (one, all) = (
        capsules(bench, &wasm, "load-one", 1)?,
        capsules(bench, &wasm, "load-all", CAPSULES)?,
    );
    let watch = Stopwatch::start();
    drop(all.host()?);
    let compiled = watch.elapsed();
    let pace = Pace {
        rounds: bench.length.pick(21, 7, 1),
        ..bench.pace()
    };
    let contestants = vec![
        Contestant::timed("start, 1 capsule", start(&one)),
        Contestant::timed("start, 100 capsules", start(&all)),
        Contestant::timed("process to first answer, 100 capsules", |times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                took += first_answer(bench, &all)?;
            }
            Ok(took)
        }),
    ];
    let samples = findings.contest("modules cached", pace, contestants)?;
    findings.figure(START.seen(samples.ns(1).scaled(1e-6)));
    findings.figure(FIRST.seen(samples.ns(2).scaled(1e-6)));
    findings.note(format!(
        "Each capsule is the example `secret-scrub` ({} bytes) with a custom section that makes \
         its content, and so its place in the cache, its own. Compiling all {CAPSULES} for the \
         first time took {:.1} s.",
        wasm.len(),
        compiled.as_secs_f64()
    ));
    Ok(findings)
}

/// A directory of so many capsules, each on a topic of its own.
fn capsules(
    bench: &Bench,
    wasm: &[u8],
    name: &str,
    count: usize,
) -> Result<CapsuleDir, BenchError> {
    let dir = CapsuleDir::new(&bench.work, name)?;
    for index in 0..count {
        let event = format!("bench.load{index}");
        let how = Installed {
            event: &event,
            action: "scrub",
            ..Installed::default()
        };
        let mark = format!("capsule {index}");
        dir.add(&format!("load-{index}"), &marked(wasm, &mark), how)?;
    }
    Ok(dir)
}

/// `component` with a custom section called `mark`.
fn marked(component: &[u8], mark: &str) -> Vec<u8> {
    let mut marked = component.to_vec();
    // Both lengths fit the one byte that LEB128 has below 128.
    let name = mark.as_bytes().get(..100).unwrap_or(mark.as_bytes());
    marked.extend([0, name.len() as u8 + 1, name.len() as u8]);
    marked.extend(name);
    marked
}

fn start(dir: &CapsuleDir) -> impl FnMut(u64) -> Result<Duration, BenchError> {
    move |times| {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            let watch = Stopwatch::start();
            let host = dir.host()?;
            took += watch.elapsed();
            drop(black_box(host));
        }
        Ok(took)
    }
}

/// From the start of a process to its first line of output.
fn first_answer(bench: &Bench, dir: &CapsuleDir) -> Result<Duration, BenchError> {
    let program = bench.host.display().to_string();
    let io = || BenchError::io(format!("cannot use {program}"));
    let watch = Stopwatch::start();
    let mut child = Command::new(&bench.host)
        .args(["run", "--capsules"])
        .arg(dir.path())
        .arg("--cache-dir")
        .arg(dir.cache())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(io())?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(BenchError::unexpected("a child without pipes"));
    };
    writeln!(
        stdin,
        r#"{{"topic":"{TOPIC}","payload":{{"text":"hello"}}}}"#
    )
    .map_err(io())?;
    let mut answer = String::new();
    BufReader::new(stdout)
        .read_line(&mut answer)
        .map_err(io())?;
    let took = watch.elapsed();
    drop(stdin);
    let status = child.wait().map_err(io())?;
    if !status.success() || !answer.contains(r#""capsule":"load-0""#) {
        return Err(BenchError::unexpected(format!("{status}: {answer}")));
    }
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_custom_section_at_the_end() {
        assert_eq!(marked(b"wasm", "ab"), b"wasm\0\x03\x02ab");
        assert_eq!(marked(b"", &"x".repeat(300)).len(), 3 + 100);
    }
}
