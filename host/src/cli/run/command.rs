//! The command itself: files, threads, progress, exit code.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    runtime::Handle,
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};

use super::{
    hangup::Hangups,
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

/// Lines read ahead, and outcomes waiting to be written: enough that no thread
/// waits for another at each. How much they may hold is `[input]`'s to say.
const CHANNEL: usize = 16;
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

/// Room for lines whose outcome is not written yet.
struct Room {
    bytes: u32,
    free: Arc<Semaphore>,
    max_line: usize,
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
    let metrics = args.metrics.as_deref().map(create).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    // Before the capsules are read: what changes while they are is seen, too.
    let hangups = {
        let _within = runtime.enter();
        Hangups::catch().context("cannot catch SIGHUP")?
    };
    let host = builder.start()?;
    let done = runtime.block_on(filter(host, input, limits, &args, metrics, hangups));
    // A thread that still waits for input is not waited for.
    runtime.shutdown_background();
    done
}

async fn filter(
    host: Host,
    input: Input,
    limits: InputSettings,
    args: &RunArgs,
    metrics: Option<File>,
    hangups: Hangups,
) -> Result<Done> {
    let started = Instant::now();
    let bar = progress_bar(&input);
    let (line_sender, lines) = mpsc::channel(CHANNEL);
    let (out, outcomes) = mpsc::channel(CHANNEL);
    let room = Room {
        bytes: limits.in_flight_bytes.get(),
        free: Arc::new(Semaphore::new(limits.in_flight_bytes.get() as usize)),
        max_line: limits.max_line_bytes.get(),
    };
    let reading = tokio::task::spawn_blocking({
        let bar = bar.clone();
        move || read(input.reader, &room, &line_sender, &bar)
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
        never = hangups.reload(&host) => match never {},
    };
    drop(out);
    // Who has stopped reading the outcomes is not waited for when asked twice.
    tokio::select! {
        written = writing => written?.context("cannot write outcomes")?,
        _signal = tokio::signal::ctrl_c() => {}
    }
    bar.finish_and_clear();
    if interrupted {
        return Err(anyhow!(
            "interrupted: events that had no outcome yet were dropped"
        ));
    }
    reading.await?.context("cannot read the input")?;
    host.shutdown().await;
    if let Some(mut file) = metrics {
        file.write_all(host.metrics().as_bytes())
            .context("cannot write the metrics")?;
    }
    if args.summary {
        logs::say(&summary.render(started.elapsed()));
    }
    Ok(if refused {
        Done::WithFailures
    } else {
        Done::Well
    })
}

/// Reads lines until the input ends or nobody wants more, each when there is
/// room for it.
fn read(
    mut input: Box<dyn BufRead + Send>,
    room: &Room,
    lines: &mpsc::Sender<(Line, OwnedSemaphorePermit)>,
    bar: &ProgressBar,
) -> io::Result<()> {
    let runtime = Handle::current();
    while let Some(line) = read_line(&mut input, room.max_line)? {
        let (read, kept) = match &line {
            Line::Whole(line) => (line.len() as u64, line.len()),
            Line::TooLong(bytes) => (*bytes, 0),
        };
        bar.inc(read + 1);
        let Ok(place) = runtime.block_on(room.take(kept)) else {
            break;
        };
        if lines.blocking_send((line, place)).is_err() {
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

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write metrics to {}", path.display()))
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

// === impl Room ===

impl Room {
    /// Waits for room for a line. One that is larger than all the room there
    /// is takes all of it.
    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, AcquireError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bytes);
        self.free.clone().acquire_many_owned(bytes).await
    }
}
