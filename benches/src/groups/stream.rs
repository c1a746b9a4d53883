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
/// How many times the events go through a pipe where the memory is looked at: the
/// more, the smaller is what each of them may leave behind unseen.
const TIMES: u32 = 4;
/// As constant as an allocator is.
const MEMORY: [Figure; 2] = [
    Figure::at_most(
        "`capsule run --input`, peak memory against a tenth of the events",
        1.1,
        Unit::Times,
    ),
    Figure::at_most(
        "`capsule run`, peak memory against that of the first half",
        1.1,
        Unit::Times,
    ),
];

/// What one run of the host took.
#[derive(Clone, Copy, Debug)]
struct Ran {
    time: Duration,
    /// Bytes resident at most, until half of the time was over and until the end.
    half: u64,
    peak: u64,
}

/// How the host is given the events of a file.
#[derive(Clone, Copy, Debug)]
enum Input {
    File,
    /// [`TIMES`] times.
    Pipe,
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
    let few = write_events(&bench.work, "few.jsonl", count / 10)?;
    let events = write_events(&bench.work, "events.jsonl", count)?;
    let (mut rates, mut peaks) = (Vec::new(), Vec::new());
    let mut growth = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let tenth = filter(bench, &capsules, &few, Input::File)?;
        let whole = filter(bench, &capsules, &events, Input::File)?;
        let piped = filter(bench, &capsules, &events, Input::Pipe)?;
        rates.push(count as f64 / whole.time.as_secs_f64());
        let [over_tenth, over_half] = &mut growth;
        over_tenth.push(whole.peak as f64 / tenth.peak as f64);
        over_half.push(piped.peak as f64 / piped.half as f64);
        peaks.push(piped.peak as f64);
    }
    findings.figure(RATE.seen(Spread::of(rates)));
    for (figure, growth) in MEMORY.into_iter().zip(growth) {
        findings.figure(figure.seen(Spread::of(growth)));
    }
    findings.note(format!(
        "{count} events, from a file to /dev/null, start and end of the process included. A run of a \
         tenth may end before it has once had as many events under way; the halves are those of \
         {TIMES} times as many through a pipe, with at most {} resident.",
        Unit::Bytes.show(Spread::of(peaks).median)
    ));
    Ok(findings)
}

/// Writes `count` events to the file `name` in `dir`.
fn write_events(dir: &Path, name: &str, count: usize) -> Result<PathBuf, BenchError> {
    let path = dir.join(name);
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

/// Runs the host over the events in `events`.
fn filter(
    bench: &Bench,
    capsules: &CapsuleDir,
    events: &Path,
    input: Input,
) -> Result<Ran, BenchError> {
    let program = || bench.host.display().to_string();
    let io = || BenchError::io(format!("cannot use {}", program()));
    let mut command = Command::new(&bench.host);
    command
        .args(["run", "--capsules"])
        .arg(capsules.path())
        .arg("--cache-dir")
        .arg(capsules.cache())
        .stdout(Stdio::null());
    match input {
        Input::File => command.arg("--input").arg(events).stdin(Stdio::null()),
        Input::Pipe => command.stdin(Stdio::piped()),
    };
    let watch = Stopwatch::start();
    let mut child = command.spawn().map_err(io())?;
    let mut peak = peak_bytes(child.id())?;
    let mut peaks = Vec::new();
    let pipe = child.stdin.take();
    thread::scope(|scope| {
        let fed = scope.spawn(move || pipe.map_or(Ok(()), |pipe| feed(events, pipe)));
        let status = loop {
            // It may end between two looks; its peak only grows, and most of it
            // is reached early.
            peak = peak_bytes(child.id()).map_or(peak, |bytes| bytes.max(peak));
            peaks.push(peak);
            match child.try_wait().map_err(io())? {
                Some(status) => break status,
                None => thread::sleep(LOOK),
            }
        };
        let time = watch.elapsed();
        let fed = fed.join().unwrap_or_else(|panic| resume_unwind(panic));
        // Why it failed says more than that it took no more input.
        match status.success() {
            true => fed.map(|()| Ran {
                time,
                half: peaks.get(peaks.len() / 2).copied().unwrap_or(peak),
                peak,
            }),
            false => Err(BenchError::Child {
                program: program(),
                status,
            }),
        }
    })
}

/// Writes `events` to `pipe`, [`TIMES`] times.
fn feed(events: &Path, mut pipe: ChildStdin) -> Result<(), BenchError> {
    let io = || BenchError::io(format!("cannot feed {}", events.display()));
    for _ in 0..TIMES {
        let mut file = File::open(events).map_err(io())?;
        std::io::copy(&mut file, &mut pipe).map_err(io())?;
    }
    Ok(())
}
