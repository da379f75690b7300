//! The named numbers of the view, its tables, and what a person must know about them.

use super::Scene;
use super::figures::MOST_CURVES;
use super::forecast::{Forecast, Group, Verdict};
use super::items::{Feature, LEAST_EXITS, Missing};
use super::monotone::WANTED_RMSE;
use crate::count::counted;
use crate::lens::{DataTable, Reading, ReadingKind};
use crate::notes::Note;
use crate::signal::Subject;

pub(super) fn readings(scene: &Scene<'_>) -> Vec<Reading> {
    use ReadingKind::{Estimate, Exact, Modelled};
    let forecast = scene.forecast.as_ref();
    let reading = |id, label: &str, value: Option<f64>, unit, kind| {
        let value = value.filter(|value| value.is_finite());
        Reading { id, label: label.to_owned(), value, unit, kind }
    };
    let clustered = forecast.map(|f| &f.clustered);
    let num_items = clustered.map(|c| c.items.rows.len() as f64);
    let share = forecast.zip(num_items).map(|(f, num)| f.num_predictable as f64 / num);
    let outliers = clustered
        .map(|c| c.clusters.of_point.iter().filter(|label| label.is_none()).count() as f64);
    let ratio = clustered.and_then(|c| {
        let full = c.items.costs.last()?;
        Some(full / c.items.known(&c.items.costs).last()?)
    });
    let truth = forecast.and_then(Forecast::truth);
    let map = forecast.and_then(|f| f.map.as_ref());
    let mut readings = vec![
        reading("items", "Items", num_items, "items", Exact),
        reading(
            "clusters",
            "Clusters",
            clustered.map(|c| c.groups.len() as f64),
            "clusters",
            Exact,
        ),
        reading("outliers", "Items in no cluster", outliers, "items", Exact),
        reading("predictable", "Items in predictable clusters", share, "fraction", Estimate),
        reading(
            "compute_ratio",
            "Compute of the full depth over the last known exit",
            ratio,
            "",
            Modelled,
        ),
        reading(
            "true_full",
            &format!("{} at full depth, true", scene.accuracy()),
            truth,
            "",
            Exact,
        ),
    ];
    const PREDICTED: [(&str, &str); 4] = [
        ("predicted_no_change", "error_no_change"),
        ("predicted_one_curve", "error_one_curve"),
        ("predicted_subset", "error_subset"),
        ("predicted_cod", "error_cod"),
    ];
    let predictions = forecast.map(Forecast::predictions);
    for (idx, (predicted, error)) in PREDICTED.into_iter().enumerate() {
        let found = predictions.as_ref().and_then(|all| all.get(idx));
        let name = found.map_or(predicted, |found| found.name);
        let value = found.and_then(|found| found.value);
        let miss = value.zip(truth).map(|(value, truth)| (value - truth).abs());
        readings.push(reading(predicted, &format!("Predicted, {name}"), value, "", Estimate));
        readings.push(reading(error, &format!("Error, {name}"), miss, "", Estimate));
    }
    readings.push(reading(
        "map_rmse",
        "Map, error on the known exits (RMS)",
        map.map(|m| m.rmse),
        "",
        Estimate,
    ));
    readings
}

/// `E[p] − exp(E ln p)` over some rates, and what variance / (2 mean) says it is: why items are clustered first.
pub(super) fn gaps(rates: &[f64]) -> (f64, f64) {
    let num = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / num;
    let logarithm = rates.iter().map(|rate| rate.ln()).sum::<f64>() / num;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / num;
    (mean - logarithm.exp(), variance / (2.0 * mean))
}

pub(super) fn tables(scene: &Scene<'_>) -> Vec<DataTable> {
    let Some(forecast) = &scene.forecast else {
        return Vec::new();
    };
    vec![clusters(scene, forecast), exits(forecast), predictions(forecast)]
}

fn clusters(scene: &Scene<'_>, forecast: &Forecast) -> DataTable {
    let items = &forecast.clustered.items;
    let row = |(group, verdict): (&Group, &Verdict)| {
        let fit = group.fit;
        let of = |value: &dyn Fn(super::curve::Fit) -> f64| fit.map_or(f64::NAN, value);
        // Many parameters fit what is flat alike; those found say nothing.
        let parameter = |value: &dyn Fn(super::curve::Fit) -> f64| {
            if *verdict == Verdict::Flat { f64::NAN } else { of(value) }
        };
        let rates: Vec<f64> = group
            .members
            .iter()
            .filter_map(|item| items.known(items.values.get(*item)?).last().copied())
            .collect();
        // A first choice that is right or wrong has no logarithm.
        let (gap, by_variance) = match scene.settings.groups.series.feature {
            Feature::Probability => gaps(&rates),
            Feature::Correctness => (f64::NAN, f64::NAN),
        };
        let full = items.costs.last().copied().unwrap_or(f64::NAN);
        vec![
            group.members.len() as f64,
            parameter(&|fit| fit.curve.g),
            parameter(&|fit| fit.curve.a),
            parameter(&|fit| fit.curve.b),
            parameter(&|fit| fit.curve.c),
            parameter(&|fit| fit.curve.level()),
            of(&|fit| fit.rmse),
            group.spread,
            of(&|fit| fit.curve.at(full)),
            group.means.last().copied().unwrap_or(f64::NAN),
            gap,
            by_variance,
            f64::from(u8::from(*verdict == Verdict::Predictable)),
        ]
    };
    let both = || forecast.clustered.groups.iter().zip(&forecast.verdicts);
    let name = |(idx, verdict): (usize, &Verdict)| format!("{} {}", idx + 1, verdict.words());
    DataTable {
        id: "clusters",
        columns: vec![
            "items",
            "g",
            "a",
            "b",
            "c",
            "level",
            "rmse",
            "spread",
            "predicted_full",
            "true_full",
            "mean_gap",
            "mean_gap_by_variance",
            "predictable",
        ],
        rows: both().map(row).collect(),
        names: Some(("cluster", forecast.verdicts.iter().enumerate().map(name).collect())),
    }
}

fn exits(forecast: &Forecast) -> DataTable {
    let clustered = &forecast.clustered;
    let items = &clustered.items;
    let at = |values: &[f64], exit: usize| values.get(exit).copied().unwrap_or(f64::NAN);
    let row = |exit: usize| {
        let cost = at(&items.costs, exit);
        let subset = at(&forecast.subset_curve, exit);
        vec![
            items.depths.get(exit).map_or(f64::NAN, |depth| *depth as f64),
            cost,
            f64::from(u8::from(exit < items.num_known)),
            at(&clustered.means, exit),
            at(&forecast.subset_means, exit),
            clustered.one_curve.map_or(f64::NAN, |fit| fit.curve.at(cost)),
            subset,
            forecast.map.as_ref().map_or(f64::NAN, |map| map.at(subset)),
        ]
    };
    DataTable {
        id: "exits",
        columns: vec![
            "depth",
            "compute",
            "is_known",
            "all_true",
            "subset_true",
            "one_curve",
            "subset_curve",
            "cod",
        ],
        rows: (0..items.depths.len()).map(row).collect(),
        names: None,
    }
}

fn predictions(forecast: &Forecast) -> DataTable {
    let truth = forecast.truth().unwrap_or(f64::NAN);
    let all = forecast.predictions();
    let row = |prediction: &super::forecast::Prediction| {
        let value = prediction.value.unwrap_or(f64::NAN);
        vec![value, truth, (value - truth).abs()]
    };
    DataTable {
        id: "predictions",
        columns: vec!["predicted", "true", "error"],
        rows: all.iter().map(row).collect(),
        names: Some(("prediction", all.iter().map(|p| p.name.to_owned()).collect())),
    }
}

pub(super) fn notes(scene: &Scene<'_>) -> Vec<Note> {
    let mut notes = scene.recording.manifest.notes.clone();
    notes.push(Note::new(
        "Extension: the paper's series is models of rising size and its pass rates are of sampled answers. Here the series is the exits of one model, so nothing is claimed about larger models.",
        "",
    ));
    match (&scene.forecast, scene.missing) {
        (Some(forecast), _) => notes.extend(about(scene, forecast)),
        (None, Some(missing)) => notes.push(why_missing(scene, missing)),
        (None, None) => {}
    }
    notes
}

fn why_missing(scene: &Scene<'_>, missing: Missing) -> Note {
    let noun = scene.recording.subject().noun();
    match missing {
        Missing::Exits => {
            let layers = counted(scene.recording.num_layers(), "block");
            let what = format!(
                "A curve needs {LEAST_EXITS} known exits and one beyond them; from the first exit to the known depth there are fewer, in a model of {layers}."
            );
            Note::new(
                what,
                "Know more depths, begin with an earlier exit, or record a deeper model.",
            )
        }
        Missing::Compute => Note::new(
            "The recording does not say what its blocks cost, or they cost nothing, so its exits have no compute.",
            "Record again with this version.",
        ),
        Missing::Items => {
            let what = format!(
                "No {noun} has a known truth and a readout that is a number at every known exit and at the full depth."
            );
            let hint = match scene.recording.subject() {
                Subject::Token => "Record texts of more than one token.",
                Subject::OwnToken => {
                    "A masked-language model has no true next token; open another recording."
                }
                Subject::Sample => "Record with a column of labels.",
            };
            Note::new(what, hint)
        }
    }
}

fn about(scene: &Scene<'_>, forecast: &Forecast) -> Vec<Note> {
    let mut notes = Vec::new();
    let clustered = &forecast.clustered;
    let items = &clustered.items;
    let noun = scene.recording.subject().noun();
    if items.num_candidates > items.rows.len() {
        let drawn = counted(items.rows.len(), noun);
        let what = format!("{drawn} of {} were drawn as items.", items.num_candidates);
        notes.push(Note::new(what, "Turn the most items or the seed for another draw."));
    }
    if items.num_incomplete > 0 {
        let num = counted(items.num_incomplete, noun);
        let what = format!(
            "{num} with a known truth lack a number at a known exit or at the full depth; left out."
        );
        notes.push(Note::new(what, ""));
    }
    if items.num_known == LEAST_EXITS {
        let what = format!(
            "{LEAST_EXITS} known exits are as many as a curve has parameters: it can follow them whatever they are."
        );
        notes.push(Note::new(what, "Know more depths."));
    }
    if clustered.groups.is_empty() {
        let least = scene.settings.groups.least_size;
        let what = format!("No cluster: nowhere are {least} items within the radius.");
        notes.push(Note::new(what, "Widen the radius, or lower the least size."));
    } else if forecast.num_predictable == 0 {
        notes.push(Note::new(
            "No cluster has a curve that the filter takes as predictable, so COD predicts nothing here.",
            "The table of clusters says which bound each fails; lower a, b or the rise, or raise c.",
        ));
    }
    if let Some(map) = forecast.map.as_ref().filter(|map| map.kept < 1.0) {
        let kept = map.kept * 100.0;
        notes.push(Note::new(
            format!("The map as fitted falls somewhere; {kept:.0} % of its bend was kept so that it does not."),
            "",
        ));
    }
    if let Some(map) = forecast.map.as_ref().filter(|map| map.rmse >= WANTED_RMSE) {
        let what = format!(
            "The map misses the known exits by {:.3} (RMS), more than the {WANTED_RMSE} that the paper's is kept below: items outside the subset do not go from 0 to 1 with it.",
            map.rmse
        );
        notes.push(Note::new(what, ""));
    }
    if clustered.groups.len() > MOST_CURVES {
        let what = format!(
            "The curves of the {MOST_CURVES} largest of {} clusters are drawn.",
            clustered.groups.len()
        );
        notes.push(Note::new(what, "The table of clusters holds all of them."));
    }
    notes
}
