//! `capsule run --input` over many events.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
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
/// How many times as many events the memory is compared over.
const LONGER: u32 = 4;
/// As constant as an allocator is.
const MEMORY: Figure = Figure::at_most(
    "`capsule run`, peak memory over four times as many events",
    1.1,
    Unit::Times,
);

/// What one run of the host took.
#[derive(Clone, Copy, Debug)]
struct Ran {
    time: Duration,
    /// Bytes resident at most.
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
        let once = filter(bench, &capsules, &events, 1)?;
        let longer = filter(bench, &capsules, &events, LONGER)?;
        rates.push(count as f64 / once.time.as_secs_f64());
        growth.push(longer.peak as f64 / once.peak as f64);
        peaks.push(longer.peak as f64);
    }
    findings.figure(RATE.seen(Spread::of(rates)));
    findings.figure(MEMORY.seen(Spread::of(growth)));
    findings.note(format!(
        "{count} events, from a file to /dev/null, start and end of the process included. Memory is \
         compared with {LONGER} times as many through a pipe, with at most {} resident.",
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

/// Runs the host over the events in `input`, so many times: once as it is meant
/// to be read, more often through a pipe.
fn filter(
    bench: &Bench,
    capsules: &CapsuleDir,
    input: &Path,
    times: u32,
) -> Result<Ran, BenchError> {
    let program = || bench.host.display().to_string();
    let io = || BenchError::io(format!("cannot use {}", program()));
    let mut command = Command::new(&bench.host);
    command
        .args(["run", "--capsules"])
        .arg(capsules.path())
        .arg("--cache-dir")
        .arg(capsules.cache())
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    if times == 1 {
        command.arg("--input").arg(input);
    }
    let watch = Stopwatch::start();
    let mut child = command.spawn().map_err(io())?;
    let pipe = child.stdin.take().filter(|_| times > 1);
    let ran = thread::scope(|scope| {
        let fed = scope.spawn(|| feed(input, times, pipe));
        let mut peak = 0;
        let status = loop {
            // It may end between two looks; its peak only grows, and most of it
            // is reached early.
            peak = peak_bytes(child.id()).map_or(peak, |bytes| bytes.max(peak));
            match child.try_wait().map_err(io())? {
                Some(status) => break status,
                None => thread::sleep(LOOK),
            }
        };
        let time = watch.elapsed();
        let fed = fed.join().unwrap_or_else(|panic| resume_unwind(panic));
        // Why it failed says more than that it took no more input.
        match status.success() {
            true => fed.map(|()| Ran { time, peak }),
            false => Err(BenchError::Child {
                program: program(),
                status,
            }),
        }
    })?;
    if ran.peak == 0 {
        return Err(BenchError::unexpected("its memory could not be looked at"));
    }
    Ok(ran)
}

/// Writes `input` to `pipe`, if there is one, so many times.
fn feed(input: &Path, times: u32, pipe: Option<ChildStdin>) -> Result<(), BenchError> {
    let Some(mut pipe) = pipe else {
        return Ok(());
    };
    let io = || BenchError::io(format!("cannot feed {}", input.display()));
    for _ in 0..times {
        let mut file = File::open(input).map_err(io())?;
        std::io::copy(&mut file, &mut pipe).map_err(io())?;
    }
    Ok(())
}
