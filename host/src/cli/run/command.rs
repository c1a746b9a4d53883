//! The command itself: files, threads, progress, exit code.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{sync::mpsc, time::Instant};

use super::{
    lines::{Line, read_line},
    pipeline::{self, Answer},
    summary::Summary,
    text,
    write::write_lines,
};
use crate::{
    Host,
    cli::{
        args::{Format, RunArgs},
        command::Done,
        logs,
    },
    config::InputSettings,
    wire,
};

/// Lines read ahead, and outcomes waiting to be written.
const CHANNEL: usize = 256;
/// The input's buffer, in bytes.
const BUFFER: usize = 64 << 10;
/// How often the progress bar is drawn.
const DRAW: Duration = Duration::from_millis(100);

/// Where the events come from.
struct Input {
    reader: Box<dyn BufRead + Send>,
    /// Its size in bytes, where it is known.
    size: Option<u64>,
}

/// Sends the events of the input through the capsules.
pub(in crate::cli) fn run(args: RunArgs) -> Result<Done> {
    let config = args.host.config(args.capsules.as_ref())?;
    let limits = config.input.clone();
    let mut builder = crate::HostBuilder::new(config);
    if args.keep_going {
        builder = builder.keep_going();
    }
    // Opened before the capsules are compiled: a wrong path is said at once.
    let input = open(&args.input)?;
    let host = builder.start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let done = runtime.block_on(filter(host, input, limits, &args));
    // A thread that still waits for input is not waited for.
    runtime.shutdown_background();
    done
}

async fn filter(host: Host, input: Input, limits: InputSettings, args: &RunArgs) -> Result<Done> {
    let started = Instant::now();
    let bar = progress_bar(&input);
    let (line_sender, lines) = mpsc::channel(CHANNEL);
    let (out, outcomes) = mpsc::channel(CHANNEL);
    let max = limits.max_line_bytes.get();
    let reading = tokio::task::spawn_blocking({
        let bar = bar.clone();
        move || read(input.reader, max, &line_sender, &bar)
    });
    let writing = tokio::task::spawn_blocking(|| write_lines(io::stdout(), outcomes));

    let mut summary = Summary::default();
    let mut refused = false;
    let answers = pipeline::run(host.clone(), lines, limits, async |answer| {
        refused |= matches!(answer, Answer::Refused { .. });
        if args.summary {
            summary.add(&answer);
        }
        match format(&answer, args.format) {
            Ok(line) => out.send(line).await.is_ok(),
            Err(error) => {
                logs::warn(&format!("an outcome cannot be written: {error}"));
                refused = true;
                true
            }
        }
    });
    let interrupted = tokio::select! {
        () = answers => false,
        _signal = tokio::signal::ctrl_c() => true,
    };
    drop(out);
    writing.await?.context("cannot write outcomes")?;
    bar.finish_and_clear();
    if interrupted {
        return Err(anyhow!(
            "interrupted: events without an outcome were cancelled"
        ));
    }
    reading.await?.context("cannot read the input")?;
    host.shutdown().await;
    if args.summary {
        logs::say(&summary.render(started.elapsed()));
    }
    Ok(if refused {
        Done::WithFailures
    } else {
        Done::Well
    })
}

/// Reads lines until the input ends or nobody wants more.
fn read(
    mut input: Box<dyn BufRead + Send>,
    max: usize,
    lines: &mpsc::Sender<Line>,
    bar: &ProgressBar,
) -> io::Result<()> {
    while let Some(line) = read_line(&mut input, max)? {
        let bytes = match &line {
            Line::Whole(line) => line.len() as u64,
            Line::TooLong(bytes) => *bytes,
        };
        bar.inc(bytes + 1);
        if lines.blocking_send(line).is_err() {
            break;
        }
    }
    Ok(())
}

fn format(answer: &Answer, format: Format) -> Result<String, serde_json::Error> {
    match (format, answer) {
        (Format::Text, answer) => Ok(text::line(answer)),
        (Format::Json, Answer::Outcome(outcome)) => wire::outcome_line(outcome),
        (Format::Json, Answer::Refused { line, error }) => wire::refusal_line(*line, error),
    }
}

fn open(path: &Path) -> Result<Input> {
    if path == Path::new("-") {
        return Ok(Input {
            reader: Box::new(BufReader::with_capacity(BUFFER, io::stdin())),
            size: None,
        });
    }
    let cannot = || format!("cannot read the input {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    let metadata = file.metadata().with_context(cannot)?;
    if metadata.is_dir() {
        return Err(anyhow!(
            "{} is a directory; --input takes a file",
            path.display()
        ));
    }
    Ok(Input {
        reader: Box::new(BufReader::with_capacity(BUFFER, file)),
        size: metadata.is_file().then_some(metadata.len()),
    })
}

/// A bar on a terminal, unless outcomes go there too.
fn progress_bar(input: &Input) -> ProgressBar {
    let Some(size) = input.size else {
        return ProgressBar::hidden();
    };
    if !io::stderr().is_terminal() || io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {percent:>3}%  {binary_bytes_per_sec}  {eta} left")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(DRAW);
    bar
}
