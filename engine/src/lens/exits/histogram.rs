//! How many tokens exit at which depth, and how deep the values of a column go.

use super::{Scene, capital};
use crate::figure::{Axis, Direction, Figure, HUES, Ink, Mark};
use crate::lens::DataTable;
use crate::recording::Tally;

/// More values than this are not drawn side by side: two bars of one hue would be taken for one series.
pub(super) const MAX_SERIES: usize = HUES;
/// Counts are written above the bars up to this many blocks.
const MAX_COUNTS: usize = 40;

/// Share of tokens that exit at each depth; side by side for the values of the compared column.
pub(super) fn exits(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    let rows = capital(scene.recording.subject().nouns());
    let parts = scene.parts.get(..scene.parts.len().min(MAX_SERIES)).unwrap_or_default();
    if parts.len() >= 2 {
        let column = scene.column();
        let width = 0.84 / parts.len() as f64;
        for (idx, (value, tally)) in parts.iter().enumerate() {
            let offset = (idx as f64 + 0.5) * width - 0.42;
            let label = format!("{column} {value} (n = {})", tally.num_tokens());
            marks.push(Mark::Bars {
                label,
                bars: bars(tally, offset),
                width,
                ink: Ink::Series(idx),
            });
        }
    } else {
        let tally = &scene.tally;
        let label = format!("{rows} (n = {})", tally.num_tokens());
        marks.push(Mark::Bars { label, bars: bars(tally, 0.0), width: 0.84, ink: Ink::Series(0) });
        if scene.num_layers() < MAX_COUNTS {
            let counts = tally.by_depth().filter(|(_, exits)| *exits > 0);
            marks.extend(counts.map(|(depth, exits)| Mark::Text {
                at: [f64::from(depth.0), tally.share(depth)],
                text: exits.to_string(),
            }));
        }
    }
    if let Some(token) = scene.token {
        marks.push(Mark::Rule {
            label: scene.selected(),
            direction: Direction::Vertical,
            at: f64::from(scene.exit(token).0),
            knob: None,
        });
    }
    Figure {
        id: "exits",
        title: format!("{rows} that exit at each depth"),
        x: Axis::integer("Exit depth").with_range(-0.5, scene.num_layers() as f64 + 0.5),
        y: Axis::linear(rows, "fraction"),
        marks,
        picks: Vec::new(),
    }
}

fn bars(tally: &Tally, offset: f64) -> Vec<[f64; 2]> {
    let bar = |(depth, _)| [f64::from(depth) + offset, tally.share(crate::signal::Depth(depth))];
    tally.by_depth().map(|(depth, exits)| bar((depth.0, exits))).collect()
}

/// Mean exit depth of every value of the compared column.
pub(super) fn slices(scene: &Scene<'_>) -> Figure {
    let label = if scene.parts.is_empty() { "slice" } else { scene.column() };
    let whole = [("All".to_owned(), scene.tally.clone())];
    let parts = if scene.parts.is_empty() { &whole[..] } else { &scene.parts };
    // How many tokens each has stands in the legend of the figure beside it; here it would not fit.
    let names = parts.iter().map(|(value, _)| value.clone());
    let mean = |tally: &Tally| tally.mean_depth().unwrap_or(f64::NAN);
    let bars: Vec<[f64; 2]> =
        parts.iter().enumerate().map(|(idx, (_, tally))| [idx as f64, mean(tally)]).collect();
    let known = bars.iter().filter(|[_, mean]| !mean.is_nan());
    let texts: Vec<Mark> =
        known.map(|at| Mark::Text { at: *at, text: format!("{:.2}", at[1]) }).collect();
    let label_of_bars = "Mean exit depth".to_owned();
    let bars = Mark::Bars { label: label_of_bars, bars, width: 0.7, ink: Ink::Series(0) };
    Figure {
        id: "slices",
        title: format!("Mean exit depth by {label}"),
        x: Axis::category(label, names.collect()),
        y: Axis::linear("Mean exit depth", "layers").with_range(0.0, scene.num_layers() as f64),
        marks: std::iter::once(bars).chain(texts).collect(),
        picks: Vec::new(),
    }
}

/// The same as numbers.
pub(super) fn table(scene: &Scene<'_>) -> DataTable {
    let column = scene.column();
    let parts = scene.parts.iter().map(|(value, tally)| (format!("{column}:{value}"), tally));
    let whole = std::iter::once(("all".to_owned(), &scene.tally));
    let (names, tallies): (Vec<String>, Vec<&Tally>) = whole.chain(parts).unzip();
    let row = |tally: &&Tally| {
        let mut row = vec![
            tally.num_tokens() as f64,
            tally.mean_depth().unwrap_or(f64::NAN),
            tally.agreement().unwrap_or(f64::NAN),
            tally.mean_nll().unwrap_or(f64::NAN),
        ];
        row.extend(scene.has_labels().then(|| tally.accuracy().unwrap_or(f64::NAN)));
        row
    };
    let mut columns = vec!["tokens", "mean_exit_depth", "agreement", "nll_exit"];
    columns.extend(scene.has_labels().then_some("accuracy_exit"));
    DataTable {
        id: "per_slice",
        columns,
        rows: tallies.iter().map(row).collect(),
        names: Some(("slice", names)),
    }
}
