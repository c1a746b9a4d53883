//! Writing outcomes.

use std::io::{self, BufWriter, Write};

use tokio::sync::mpsc;

/// Writes `lines` to `out`, each with a line end; what is written is flushed
/// whenever no more lines are waiting, so that a reader at the other end of a
/// pipe sees an outcome as soon as there is one.
///
/// # Errors
///
/// The first one that writing gives; lines still waiting are then not taken.
pub(super) fn write_lines(out: impl Write, mut lines: mpsc::Receiver<String>) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    while let Some(line) = lines.blocking_recv() {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        if lines.is_empty() {
            out.flush()?;
        }
    }
    out.flush()
}
