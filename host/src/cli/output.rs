//! Printing for people and for programs.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Writes `value` as JSON for programs, over several lines.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Writes `text`, with a line end.
pub(super) fn text(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

/// A table without lines, which fits the terminal.
pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}

/// `text` fit for a terminal: capsules write part of what is printed.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    capsule_core::text::printable(text, usize::MAX)
}
