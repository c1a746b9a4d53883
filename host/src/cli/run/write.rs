//! Writing answers.

use std::io::{self, Write};

use tokio::sync::mpsc;

use super::{
    pipeline::{Answer, Answers},
    summary::Summary,
    text,
};
use crate::{cli::args::Format, wire};

/// Bytes that are written at once, about.
const BUFFER: usize = 64 << 10;

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// What became of the events, where that was asked for.
    pub(super) summary: Option<Summary>,
    /// Whether a line was no event.
    pub(super) refused: bool,
}

/// Writes `answers` to `out`, a line each; nothing written is kept back while
/// no more answers are waiting, so that a reader at the other end of a pipe
/// sees an outcome as soon as there is one.
///
/// # Errors
///
/// The first one that writing gives; answers still waiting are then not taken.
pub(super) fn write_answers(
    mut out: impl Write,
    mut answers: mpsc::Receiver<Answers>,
    format: Format,
    summary: Option<Summary>,
) -> io::Result<Written> {
    let mut written = Written {
        summary,
        refused: false,
    };
    let mut text = Vec::new();
    while let Some(batch) = answers.blocking_recv() {
        for answer in &batch.answers {
            written.refused |= matches!(answer, Answer::Refused { .. });
            if let Some(summary) = &mut written.summary {
                summary.add(answer);
            }
            write_line(&mut text, answer, format)?;
            if text.len() >= BUFFER {
                out.write_all(&text)?;
                text.clear();
            }
        }
        if answers.is_empty() {
            out.write_all(&text)?;
            out.flush()?;
            text.clear();
        }
    }
    Ok(written)
}

fn write_line(to: &mut Vec<u8>, answer: &Answer, format: Format) -> io::Result<()> {
    match (format, answer) {
        (Format::Text, answer) => to.extend_from_slice(text::line(answer).as_bytes()),
        (Format::Json, Answer::Outcome(outcome)) => wire::write_outcome(to, outcome)?,
        (Format::Json, Answer::Refused { line, error }) => wire::write_refusal(to, *line, error)?,
    }
    to.push(b'\n');
    Ok(())
}
