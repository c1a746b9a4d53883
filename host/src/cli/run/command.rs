//! The command itself: files, threads, progress, exit code.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal, Read, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    runtime::Handle,
    sync::{AcquireError, Semaphore, mpsc},
    time::Instant,
};

use super::{
    hangup::Hangups,
    lines::{Line, Most, read_batch},
    pipeline::{self, Batch, Room},
    summary::Summary,
    write::{Written, write_answers},
};
use crate::{
    Draft, Host,
    cli::{args::RunArgs, command::Done, logs},
    config::InputSettings,
    wire,
};

/// Batches read ahead, and such of outcomes waiting to be written: enough that
/// no thread waits for another at each. How much they may hold is `[input]`'s
/// to say.
const CHANNEL: usize = 4;
/// The input's buffer and a batch of lines, in bytes.
const BUFFER: usize = 64 << 10;
/// Lines of a batch.
const LINES: usize = 64;
/// As many batches of lines as may be under way at least, so that all stages
/// have some.
const BATCHES: usize = 4;
/// How often the progress bar is drawn.
const DRAW: Duration = Duration::from_millis(100);

/// Where the events come from.
struct Input {
    reader: BufReader<Box<dyn Read + Send>>,
    /// Its size in bytes, where it is known.
    size: Option<u64>,
}

/// Room for lines whose outcome is not written yet.
struct Rooms {
    limits: InputSettings,
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
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
    open_many_files();
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
    let (batch_sender, batches) = mpsc::channel(CHANNEL);
    let (out, answers) = mpsc::channel(CHANNEL);
    let reading = tokio::task::spawn_blocking({
        let bar = bar.clone();
        move || read(input.reader, &Rooms::new(limits), &batch_sender, &bar)
    });
    let writing = tokio::task::spawn_blocking({
        let (format, summary) = (args.format, args.summary.then(Summary::default));
        move || write_answers(io::stdout(), answers, format, summary)
    });

    let answered = pipeline::run(host.clone(), batches, out);
    let interrupted = tokio::select! {
        () = answered => false,
        _signal = tokio::signal::ctrl_c() => true,
        never = hangups.reload(&host) => match never {},
    };
    // Who has stopped reading the outcomes is not waited for when asked twice.
    let written = tokio::select! {
        written = writing => written?.context("cannot write outcomes")?,
        _signal = tokio::signal::ctrl_c() => Written::default(),
    };
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
    if let Some(summary) = written.summary {
        logs::say(&summary.render(started.elapsed()));
    }
    Ok(if written.refused {
        Done::WithFailures
    } else {
        Done::Well
    })
}

/// Reads lines until the input ends or nobody wants more, and hands them on
/// when there is room for them.
fn read(
    mut input: BufReader<Box<dyn Read + Send>>,
    rooms: &Rooms,
    batches: &mpsc::Sender<Batch>,
    bar: &ProgressBar,
) -> io::Result<()> {
    let runtime = Handle::current();
    while let Some(batch) = read_batch(&mut input, rooms.most())? {
        bar.inc(batch.read);
        let (events, bytes) = (batch.lines.len(), batch.kept);
        let lines = batch.lines.into_iter();
        let drafts = lines.map(|line| parse(line, &rooms.limits)).collect();
        let Ok(room) = runtime.block_on(rooms.take(events, bytes)) else {
            break;
        };
        if batches.blocking_send(Batch { drafts, room }).is_err() {
            break;
        }
    }
    Ok(())
}

fn parse(line: Line, limits: &InputSettings) -> Result<Draft, String> {
    match line {
        Line::Whole(line) => wire::parse_event(&line).map_err(|error| error.to_string()),
        Line::TooLong(bytes) => Err(format!(
            "the line has {bytes} bytes; at most {} are read (`max_line_bytes` under [input] in \
             host.toml)",
            limits.max_line_bytes
        )),
    }
}

/// Lets the process have as many files open as it may at most: each capsule
/// takes one for each engine that it is called in.
fn open_many_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(?current, ?maximum, "the limit of open files stays: {error}");
    }
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write metrics to {}", path.display()))
}

fn open(path: &Path) -> Result<Input> {
    if path == Path::new("-") {
        return Ok(Input {
            reader: BufReader::with_capacity(BUFFER, Box::new(io::stdin())),
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
        reader: BufReader::with_capacity(BUFFER, Box::new(file)),
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

// === impl Rooms ===

impl Rooms {
    fn new(limits: InputSettings) -> Self {
        Self {
            events: Arc::new(Semaphore::new(limits.in_flight_events.get().into())),
            bytes: Arc::new(Semaphore::new(limits.in_flight_bytes.get() as usize)),
            limits,
        }
    }

    fn most(&self) -> Most {
        let events = usize::from(self.limits.in_flight_events.get());
        Most {
            line: self.limits.max_line_bytes.get(),
            lines: (events / BATCHES).clamp(1, LINES),
            bytes: BUFFER.min(self.limits.in_flight_bytes.get() as usize),
        }
    }

    /// Waits for room for lines. Those that are larger than all the room there
    /// is take all of it.
    async fn take(&self, events: usize, bytes: usize) -> Result<Room, AcquireError> {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bytes = bytes.min(self.limits.in_flight_bytes.get());
        Ok([
            self.events.clone().acquire_many_owned(events).await?,
            self.bytes.clone().acquire_many_owned(bytes).await?,
        ])
    }
}
