//! The charts.

use plotters::{
    coord::types::RangedCoordf64,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Report, markdown::curves};
use crate::{BenchError, figure::Reached, findings::Curve};

/// Pixels of a row of the figures.
const ROW: u32 = 26;
/// Pixels of the figures' names.
const NAMES: u32 = 470;
/// Pixels of all of the figures.
const WIDTH: u32 = 1000;
/// The most that a bar shows: what uses more of its limit is cut there.
const LONGEST: f64 = 3.0;
const REACHED: RGBColor = RGBColor(60, 140, 90);
const MISSED: RGBColor = RGBColor(200, 80, 60);
const LIMIT: RGBColor = RGBColor(40, 40, 40);
/// Pixels of one curve.
const PANEL: (u32, u32) = (420, 280);
/// Labels on an axis, about.
const LABELS: usize = 5;

/// Each figure as a bar: how much of its limit it uses.
pub(super) fn figures(report: &Report) -> Result<String, BenchError> {
    let figures: Vec<_> = report
        .groups
        .iter()
        .flat_map(|g| &g.findings.figures)
        .collect();
    let height = ROW * (figures.len() as u32 + 3);
    draw((WIDTH, height), |area| {
        let end = figures.len() as f64;
        let mut chart = ChartBuilder::on(area)
            .x_label_area_size(ROW * 2)
            .margin_right(ROW)
            .margin_top(ROW / 2)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(0.0..LONGEST, end..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .light_line_style(TRANSPARENT)
            .y_labels(0)
            .x_desc("of what is allowed; less is better, 1 is the limit")
            .x_label_formatter(&|x| format!("{x:.1}"))
            .draw()?;
        for (row, figure) in figures.iter().enumerate() {
            bar(&mut chart, row as f64, figure)?;
        }
        chart.draw_series([PathElement::new([(1.0, 0.0), (1.0, end)], LIMIT)])?;
        Ok(())
    })
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn bar(chart: &mut Chart<'_, '_>, row: f64, figure: &Reached) -> Drawn {
    let used = figure.used();
    let colour = if figure.reached { REACHED } else { MISSED };
    chart.draw_series([Rectangle::new(
        [(0.0, row + 0.15), (used.clamp(0.0, LONGEST), row + 0.85)],
        colour.filled(),
    )])?;
    let seen = figure.unit.show(figure.seen.median);
    let label = text(12, HPos::Right);
    let name = format!("{}: {seen}", figure.name.replace('`', ""));
    chart.draw_series([Text::new(name, (-0.02, row + 0.5), label)])?;
    Ok(())
}

/// Each curve on logarithmic axes; `None` where there is none.
pub(super) fn growth(report: &Report) -> Result<Option<String>, BenchError> {
    let curves: Vec<_> = curves(report).collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let rows = curves.len().div_ceil(2);
    let svg = draw((PANEL.0 * 2, PANEL.1 * rows as u32), |area| {
        for (curve, panel) in curves.iter().zip(area.split_evenly((rows, 2))) {
            plot(&panel, curve)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn plot(panel: &Area<'_>, curve: &Curve) -> Drawn {
    let points: Vec<_> = curve.points.iter().filter(|(x, _)| *x > 0.0).collect();
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(1.0, f64::max);
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MAX, f64::min);
    let right = most(&mut points.iter().map(|(x, _)| *x)).max(2.0);
    let left = least(&mut points.iter().map(|(x, _)| *x)).min(right / 2.0);
    let top = most(&mut points.iter().map(|(_, ns)| ns.p90)) * 2.0;
    let bottom = least(&mut points.iter().map(|(_, ns)| ns.p10)).min(top) / 2.0;
    let caption = format!("{}: n^{:.2}", curve.of, curve.slopes.whole);
    let mut chart = ChartBuilder::on(panel)
        .margin(10)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .caption(caption, ("sans-serif", 14))
        .build_cartesian_2d((left..right).log_scale(), (bottom..top).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(LABELS)
        .y_labels(LABELS)
        .x_desc(&curve.of)
        .y_desc(format!("ns, {}", curve.name))
        .x_label_formatter(&short)
        .y_label_formatter(&short)
        .draw()?;
    let line = points.iter().map(|(x, ns)| (*x, ns.median));
    chart.draw_series(LineSeries::new(line.clone(), REACHED.stroke_width(2)))?;
    chart.draw_series(
        points
            .iter()
            .map(|(x, ns)| PathElement::new([(*x, ns.p10), (*x, ns.p90)], REACHED)),
    )?;
    chart.draw_series(line.map(|point| Circle::new(point, 3, REACHED.filled())))?;
    Ok(())
}

/// A number on an axis.
fn short(value: &f64) -> String {
    match *value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        value => format!("{value}"),
    }
}

fn text(size: i32, side: HPos) -> TextStyle<'static> {
    ("sans-serif", size)
        .into_text_style(&(WIDTH, ROW))
        .pos(Pos::new(side, VPos::Center))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// An SVG of so many pixels.
fn draw(size: (u32, u32), contents: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, BenchError> {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)
            .map_err(Into::into)
            .and_then(|()| contents(&area))
            .and_then(|()| Ok(area.present()?))
    };
    match drawn {
        Ok(()) => Ok(svg),
        Err(error) => Err(BenchError::Chart {
            reason: error.to_string(),
        }),
    }
}
