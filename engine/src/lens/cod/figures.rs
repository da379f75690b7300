//! Curves of clusters, the forecast over depth, the map, errors, sizes, and where the clusters lie.

use std::sync::Arc;

use nalgebra::{DMatrix, SymmetricEigen};

use super::Scene;
use super::forecast::{Forecast, Verdict};
use crate::figure::{Axis, Direction, Figure, Ink, Mark};

/// More clusters than this are not drawn; the table holds all.
pub(super) const MOST_CURVES: usize = 6;
/// Points of a smooth line.
const FINE: u32 = 100;

/// Known exits, fit and target of the largest clusters.
pub(super) fn curves(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    if let Some(forecast) = &scene.forecast {
        let items = &forecast.clustered.items;
        let doublings: Vec<f64> = items.costs.iter().map(|cost| cost.log2()).collect();
        let last = doublings.last().copied().unwrap_or(0.0);
        let mut targets = Vec::new();
        let both = forecast.clustered.groups.iter().zip(&forecast.verdicts).enumerate();
        for (idx, (group, verdict)) in both.take(MOST_CURVES) {
            let ink = Ink::Series(idx);
            let (num, words) = (group.members.len(), verdict.words());
            let label = format!("{} (n = {num}, {words})", idx + 1);
            let known = doublings.iter().zip(items.known(&group.means));
            let points = known.map(|(x, y)| [*x, *y]).collect();
            if let Some(fit) = group.fit {
                let at = |i: u32| last * f64::from(i) / f64::from(FINE);
                let points = (0..=FINE).map(|i| [at(i), fit.curve.at(at(i).exp2())]).collect();
                marks.push(Mark::Line { label: label.clone(), points, ink });
            }
            marks.push(Mark::Points { label, points, ink });
            targets.extend(group.means.last().map(|truth| [last, *truth]));
        }
        if !targets.is_empty() {
            let label = "True at full depth".to_owned();
            marks.push(Mark::Points { label, points: targets, ink: Ink::Accent });
        }
    }
    Figure {
        id: "curves",
        title: "Curves of clusters: known exits, fit and full depth".to_owned(),
        x: Axis::linear("Compute over the first exit", "doublings"),
        y: Axis::linear(scene.accuracy(), "").with_range(0.0, 1.0),
        marks,
        picks: Vec::new(),
    }
}

/// All items over depth: what is true, one curve, and COD.
pub(super) fn forecast(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    if let Some(forecast) = &scene.forecast {
        let clustered = &forecast.clustered;
        let items = &clustered.items;
        let by_depth = |values: Vec<f64>| -> Vec<[f64; 2]> {
            items.depths.iter().zip(values).map(|(depth, value)| [*depth as f64, value]).collect()
        };
        let mut line = |label: &str, values: Vec<f64>, ink| {
            let points = by_depth(values);
            marks.push(Mark::Line { label: label.to_owned(), points, ink });
        };
        if let Some(fit) = clustered.one_curve {
            let values = items.costs.iter().map(|cost| fit.curve.at(*cost)).collect();
            line("One curve", values, Ink::Series(1));
        }
        if let Some(map) = &forecast.map {
            let values = forecast.subset_curve.iter().map(|accuracy| map.at(*accuracy)).collect();
            line("COD", values, Ink::Series(2));
        }
        let points = by_depth(clustered.means.clone());
        marks.push(Mark::Points { label: "True".to_owned(), points, ink: Ink::Series(0) });
        let at = scene.settings.groups.series.known as f64;
        marks.push(Mark::Rule {
            label: "Known to here".to_owned(),
            direction: Direction::Vertical,
            at,
            knob: Some("known-depth"),
        });
    }
    Figure {
        id: "forecast",
        title: "All items: what is true and what the known exits predict".to_owned(),
        // Half a depth more on either side: points lie at both ends.
        x: Axis::integer("Depth").with_range(-0.5, scene.recording.num_layers() as f64 + 0.5),
        y: Axis::linear(scene.accuracy(), "").with_range(0.0, 1.0),
        marks,
        picks: Vec::new(),
    }
}

/// Accuracy of the predictable subset against that of all items, and the map between them.
pub(super) fn map(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    if let Some((forecast, map)) = scene.forecast.as_ref().and_then(|f| Some((f, f.map.as_ref()?)))
    {
        let items = &forecast.clustered.items;
        let straight = vec![[0.0, 0.0], [1.0, 1.0]];
        marks.push(Mark::Line {
            label: "As the subset".to_owned(),
            points: straight,
            ink: Ink::Muted,
        });
        let at = |i: u32| f64::from(i) / f64::from(FINE);
        let points = (0..=FINE).map(|i| [at(i), map.at(at(i))]).collect();
        marks.push(Mark::Line { label: "Map f".to_owned(), points, ink: Ink::Series(2) });
        let pairs: Vec<[f64; 2]> = forecast
            .subset_means
            .iter()
            .zip(&forecast.clustered.means)
            .map(|(x, y)| [*x, *y])
            .collect();
        let label = "Known exits".to_owned();
        marks.push(Mark::Points {
            label,
            points: pairs.iter().take(items.num_known).copied().collect(),
            ink: Ink::Series(0),
        });
        let label = "Full depth, true".to_owned();
        let points = pairs.last().copied().into_iter().collect();
        marks.push(Mark::Points { label, points, ink: Ink::Series(1) });
        let predicted = forecast.subset_curve.last().map(|x| [*x, map.at(*x)]);
        let label = "Full depth, predicted".to_owned();
        marks.push(Mark::Points {
            label,
            points: predicted.into_iter().collect(),
            ink: Ink::Accent,
        });
    }
    Figure {
        id: "map",
        title: "From the predictable subset to all items".to_owned(),
        x: Axis::linear(format!("{}, subset", scene.accuracy()), "").with_range(0.0, 1.0),
        y: Axis::linear(format!("{}, all items", scene.accuracy()), "").with_range(0.0, 1.0),
        marks,
        picks: Vec::new(),
    }
}

/// How far each way to predict is from the truth.
pub(super) fn errors(scene: &Scene<'_>) -> Figure {
    let predictions = scene.forecast.as_ref().map(|f| (f.predictions(), f.truth()));
    let (names, bars): (Vec<String>, Vec<[f64; 2]>) = predictions
        .iter()
        .flat_map(|(predictions, truth)| {
            predictions.iter().enumerate().map(move |(idx, prediction)| {
                let error =
                    prediction.value.zip(*truth).map(|(value, truth)| (value - truth).abs());
                (prediction.name.to_owned(), [idx as f64, error.map_or(f64::NAN, |e| e * 100.0)])
            })
        })
        .unzip();
    let known = bars.iter().filter(|[_, error]| error.is_finite());
    let texts: Vec<Mark> =
        known.map(|at| Mark::Text { at: *at, text: format!("{:.2}", at[1]) }).collect();
    let label = "Absolute error".to_owned();
    let bars = Mark::Bars { label, bars, width: 0.7, ink: Ink::Series(0) };
    Figure {
        id: "errors",
        title: "Error of each prediction at full depth".to_owned(),
        x: Axis::category("Prediction", names),
        y: Axis::linear("Absolute error", "points"),
        marks: std::iter::once(bars).chain(texts).collect(),
        picks: Vec::new(),
    }
}

/// Sizes of clusters, and how many items are in none.
pub(super) fn sizes(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    let mut names = Vec::new();
    if let Some(forecast) = &scene.forecast {
        let groups = &forecast.clustered.groups;
        names = (1..=groups.len()).map(|number| number.to_string()).collect();
        names.push("None".to_owned());
        let bars = |is_wanted: &dyn Fn(Verdict) -> bool| -> Vec<[f64; 2]> {
            let all = groups.iter().zip(&forecast.verdicts).enumerate();
            let wanted = all.filter(|(_, (_, verdict))| is_wanted(**verdict));
            wanted.map(|(idx, (group, _))| [idx as f64, group.members.len() as f64]).collect()
        };
        let outliers = forecast.clustered.clusters.of_point.iter().filter(|c| c.is_none()).count();
        let kinds = [
            ("Predictable", bars(&|verdict| verdict == Verdict::Predictable), Ink::Series(0)),
            ("Left out", bars(&|verdict| verdict != Verdict::Predictable), Ink::Series(1)),
            ("In no cluster", vec![[groups.len() as f64, outliers as f64]], Ink::Muted),
        ];
        for (label, bars, ink) in kinds {
            if !bars.is_empty() {
                marks.push(Mark::Bars { label: label.to_owned(), bars, width: 0.8, ink });
            }
        }
    }
    Figure {
        id: "sizes",
        title: "Items in each cluster".to_owned(),
        x: Axis::category("Cluster", names),
        y: Axis::integer("Items"),
        marks,
        picks: Vec::new(),
    }
}

/// Two axes along which items differ most, one place for each item.
pub(super) struct Plane(Vec<[f64; 2]>);

/// Items in the plane of the two largest principal components of their known exits.
pub(super) fn plane(scene: &Scene<'_>) -> Figure {
    let mut marks = Vec::new();
    if let Some(forecast) = &scene.forecast {
        let name = format!("growing exits plane {:?}", scene.settings.groups);
        let places: Arc<Plane> = scene.recording.cubes.memo.get(&name, || components(forecast));
        let of = |label: Option<usize>| -> Vec<[f64; 2]> {
            let labels = forecast.clustered.clusters.of_point.iter();
            let here = labels.zip(&places.0).filter(|(found, _)| match (label, found) {
                (Some(label), Some(found)) => label == *found,
                // What is not drawn as a cluster of its own.
                (None, found) => found.is_none_or(|found| found >= MOST_CURVES),
                (Some(_), None) => false,
            });
            here.map(|(_, place)| *place).collect()
        };
        let points = of(None);
        if !points.is_empty() {
            marks.push(Mark::Points { label: "Others".to_owned(), points, ink: Ink::Muted });
        }
        for idx in 0..forecast.clustered.groups.len().min(MOST_CURVES) {
            let (label, points) = ((idx + 1).to_string(), of(Some(idx)));
            marks.push(Mark::Points { label, points, ink: Ink::Series(idx) });
        }
    }
    Figure {
        id: "plane",
        title: "Items by cluster, two principal components".to_owned(),
        x: Axis::linear("First principal component", ""),
        y: Axis::linear("Second principal component", ""),
        marks,
        picks: Vec::new(),
    }
}

fn components(forecast: &Forecast) -> Plane {
    let items = &forecast.clustered.items;
    let middle = items.known(&forecast.clustered.means);
    let rows: Vec<&[f64]> = items.values.iter().map(|values| items.known(values)).collect();
    let at = |row: usize, column: usize| {
        let value = rows.get(row).and_then(|row| row.get(column)).copied();
        value.zip(middle.get(column)).map_or(0.0, |(value, mean)| value - mean)
    };
    let centred = DMatrix::from_fn(rows.len(), items.num_known, at);
    let parts = SymmetricEigen::new(centred.transpose() * &centred);
    let mut order: Vec<usize> = (0..items.num_known).collect();
    let size = |idx: &usize| parts.eigenvalues.get(*idx).copied().unwrap_or(0.0);
    order.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let axis = |number: usize| {
        let column = order.get(number).map(|idx| parts.eigenvectors.column(*idx).into_owned());
        // Either direction is an eigenvector; up is where more items are right.
        column.map(|axis| if axis.sum() < 0.0 { -axis } else { axis })
    };
    let along = |axis: Option<nalgebra::DVector<f64>>| {
        axis.map_or_else(
            || vec![0.0; rows.len()],
            |axis| (&centred * axis).iter().copied().collect(),
        )
    };
    Plane(along(axis(0)).into_iter().zip(along(axis(1))).map(|(x, y)| [x, y]).collect())
}
