//! What a guest says to the operator, bounded.

use std::sync::Arc;

use capsule_core::text::printable;

use crate::bindings::capsule::host::log::Level;

/// The log of one instance. Its limits count anew for each call.
#[derive(Debug)]
pub(crate) struct GuestLog {
    capsule: Arc<str>,
    max_lines: u32,
    max_line_bytes: usize,
    /// Lines written in this call.
    pub(crate) lines: u32,
    /// Whether the operator was told that this call's log is cut.
    cut_reported: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// An output stream of WASI.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Logged at level `info`.
    Stdout,
    /// Logged at level `warn`.
    Stderr,
}

// === impl GuestLog ===

impl GuestLog {
    pub(crate) fn new(capsule: Arc<str>, max_lines: u32, max_line_bytes: usize) -> Self {
        Self {
            capsule,
            max_lines,
            max_line_bytes,
            lines: 0,
            cut_reported: false,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    /// Ends a call: what is left of an unfinished line is written.
    pub(crate) fn end_call(&mut self) {
        self.flush(Stream::Stdout);
        self.flush(Stream::Stderr);
        self.lines = 0;
        self.cut_reported = false;
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, level: Level, message: &str) {
        if self.lines >= self.max_lines {
            return self.report_cut();
        }
        self.lines += 1;
        if message.len() > self.max_line_bytes {
            self.report_cut();
        }
        let capsule = &*self.capsule;
        let message = &*printable(message, self.max_line_bytes);
        match level {
            Level::Trace => tracing::trace!(target: "capsule", capsule, "{message}"),
            Level::Debug => tracing::debug!(target: "capsule", capsule, "{message}"),
            Level::Info => tracing::info!(target: "capsule", capsule, "{message}"),
            Level::Warn => tracing::warn!(target: "capsule", capsule, "{message}"),
            Level::Error => tracing::error!(target: "capsule", capsule, "{message}"),
        }
    }

    /// Takes bytes of an output stream, and writes each line they complete.
    pub(crate) fn bytes(&mut self, stream: Stream, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, tail) = rest.split_at(end);
            self.append(stream, line);
            self.flush(stream);
            rest = tail.get(1..).unwrap_or_default();
        }
        self.append(stream, rest);
    }

    /// Keeps one byte more than a line may have, by which its end is seen to
    /// be missing.
    fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let most = self.max_line_bytes.saturating_add(1);
        let line = self.unfinished(stream);
        let room = most.saturating_sub(line.len());
        line.extend(bytes.iter().take(room));
    }

    fn flush(&mut self, stream: Stream) {
        let line = std::mem::take(self.unfinished(stream));
        if line.is_empty() {
            return;
        }
        let level = match stream {
            Stream::Stdout => Level::Info,
            Stream::Stderr => Level::Warn,
        };
        self.line(level, &String::from_utf8_lossy(&line));
    }

    fn unfinished(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn report_cut(&mut self) {
        if std::mem::replace(&mut self.cut_reported, true) {
            return;
        }
        tracing::warn!(
            target: "capsule",
            capsule = &*self.capsule,
            max_lines = self.max_lines,
            max_line_bytes = self.max_line_bytes,
            "the capsule logs more than one call may; the rest is cut",
        );
    }
}

impl Drop for GuestLog {
    /// A panic's message often lacks its end of line.
    fn drop(&mut self) {
        self.end_call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_stream_is_cut_into_lines_and_never_kept_beyond_one() {
        let mut log = GuestLog::new("noisy".into(), 3, 10);
        log.bytes(Stream::Stdout, b"one\ntwo");
        assert_eq!(log.lines, 1, "a line is written when it ends");
        assert_eq!(log.stdout, b"two");
        for _ in 0..1000 {
            log.bytes(Stream::Stdout, &[b'x'; 1000]);
        }
        assert_eq!(log.stdout.len(), 11, "one byte more than a line may have");
        log.bytes(Stream::Stderr, b"a\nb\nc\nd\n");
        assert_eq!(log.lines, 3, "the rest is cut");
        assert!(log.cut_reported);
        log.end_call();
        assert_eq!((log.lines, log.stdout.len()), (0, 0));
    }
}
