//! The report's files.

use std::{fs, path::Path};

use super::{Report, chart};
use crate::BenchError;

/// Writes `report.md`, `report.json`, `figures.svg` and, where a curve was
/// measured, `growth.svg` into `dir`.
///
/// # Errors
///
/// A file cannot be written, or a chart not drawn.
pub fn write(report: &Report, dir: &Path) -> Result<(), BenchError> {
    fs::create_dir_all(dir).map_err(BenchError::io(format!("cannot make {}", dir.display())))?;
    let file = |name: &str, text: String| {
        let path = dir.join(name);
        fs::write(&path, text).map_err(BenchError::io(format!("cannot write {}", path.display())))
    };
    file("report.md", report.markdown())?;
    file("report.json", serde_json::to_string_pretty(report)?)?;
    file("figures.svg", chart::figures(report)?)?;
    if let Some(growth) = chart::growth(report)? {
        file("growth.svg", growth)?;
    }
    Ok(())
}
