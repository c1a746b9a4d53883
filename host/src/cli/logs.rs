//! Logs, on stderr.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use super::args::{Format, LogArgs};

/// Starts logging as `args` say. A filter that cannot be read is said and
/// replaced by the default.
pub(super) fn init(args: &LogArgs) {
    let filter = EnvFilter::try_new(&args.log).unwrap_or_else(|error| {
        warn(&format!("`--log {}` cannot be read: {error}", args.log));
        EnvFilter::new("warn")
    });
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match args.log_format {
        Format::Text => logs.without_time().compact().init(),
        Format::Json => logs.json().init(),
    }
}

/// Says why the command failed.
pub(super) fn failed(error: &anyhow::Error) {
    say(&format!("error: {error:#}"));
}

/// Says that something is off.
pub(super) fn warn(message: &str) {
    say(&format!("warning: {message}"));
}

/// Writes a line to stderr.
pub(super) fn say(message: &str) {
    // There is no other place to say that stderr is gone.
    let _ = writeln!(io::stderr(), "{message}");
}
