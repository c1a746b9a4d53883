//! The report's files.

use std::{fs, io, path::Path};

use super::{Report, chart};
use crate::BenchError;

/// Writes `report.md`, `report.json`, `figures.svg` and, where a curve was
/// measured, `growth.svg` into `dir`, and removes an older one where none was.
///
/// # Errors
///
/// A file cannot be written, or a chart not drawn.
pub fn write(report: &Report, dir: &Path) -> Result<(), BenchError> {
    fs::create_dir_all(dir).map_err(BenchError::io(format!("cannot make {}", dir.display())))?;
    let at = |name: &str| dir.join(name);
    let file = |name: &str, text: String| {
        let what = format!("cannot write {}", at(name).display());
        fs::write(at(name), text).map_err(BenchError::io(what))
    };
    file("report.md", report.markdown())?;
    file("report.json", serde_json::to_string_pretty(report)?)?;
    file("figures.svg", chart::figures(report)?)?;
    match chart::growth(report)? {
        Some(growth) => file("growth.svg", growth),
        None => match fs::remove_file(at("growth.svg")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(BenchError::io("cannot remove an old growth.svg")(e))
            }
            _ => Ok(()),
        },
    }
}
