//! The comparison in numbers and words.

use super::{Point, Scene, curves};
use crate::count::counted;
use crate::lens::{DataTable, Reading, ReadingKind, Suggestion};
use crate::notes::Note;
use crate::policy::{Cost, POSITIONS, Side};
use crate::signal::Subject;

pub(super) fn readings(scene: &Scene<'_>) -> Vec<Reading> {
    use ReadingKind::{Estimate, Exact, Measured, Modelled};
    let subject = scene.recording.subject();
    let replayed = if subject == Subject::Sample { Exact } else { Estimate };
    let (_, unit) = scene.asked.pricing.cost.words();
    let priced = match scene.asked.pricing.cost {
        Cost::Depth => replayed,
        Cost::Flops => Modelled,
        Cost::Time => Measured,
    };
    let goal = scene.asked.goal.label();
    let bound =
        scene.points.iter().filter(|p| scene.curves.get(p.curve).is_some_and(|c| c.is_bound));
    let bound = bound.map(|point| point.cost).min_by(f64::total_cmp);
    let cheaper = scene.cheapest.as_good.as_ref().map(|point| point.cost);
    let reading = |id, label: String, value, unit, kind| Reading { id, label, value, unit, kind };
    let rows = Some(scene.num_rows as f64);
    let label = "Cost of the cheapest setting that keeps as much".to_owned();
    vec![
        reading(
            "rows",
            format!("{} counted", super::exits::capital(subject.nouns())),
            rows,
            subject.nouns(),
            Exact,
        ),
        reading(
            "present_kept",
            format!("{goal}, present setting"),
            scene.present.map(|at| at[1]),
            "fraction",
            replayed,
        ),
        reading(
            "present_cost",
            "Cost of the present setting".to_owned(),
            scene.present.map(|at| at[0]),
            unit,
            priced,
        ),
        reading("cheapest_cost", label, cheaper, unit, priced),
        reading(
            "full_cost",
            "Cost of the full model".to_owned(),
            scene.full.map(|at| at[0]),
            unit,
            priced,
        ),
        reading("bound_cost", "Cost of the oracle".to_owned(), bound, unit, priced),
    ]
}

pub(super) fn suggestion(scene: &Scene<'_>) -> Suggestion {
    let better = scene.cheapest.as_good.as_ref().zip(scene.present);
    let better = better.filter(|(point, [cost, _])| point.cost < *cost);
    let (label, explanation, sets) = match (better, scene.present) {
        (Some((point, [cost, kept])), _) => {
            let (what, unit) = scene.asked.pricing.cost.words();
            let words = format!(
                "{} keeps {:.2} % instead of {:.2} %; {}: {:.3} instead of {cost:.3} {unit}; chosen on these {}, \
                 so check it on others",
                scene.name(point),
                point.kept * 100.0,
                kept * 100.0,
                what.to_lowercase().replace("flops", "FLOPs"),
                point.cost,
                scene.recording.subject().nouns(),
            );
            ("Cheapest setting that keeps as much".to_owned(), words, scene.sets(point))
        }
        (None, Some(_)) => {
            let words = "no setting of these rules keeps as much for less".to_owned();
            ("Nothing cheaper".to_owned(), words, Vec::new())
        }
        (None, None) => {
            let words = "nothing is counted here, or its cost is not known".to_owned();
            ("Nothing to compare".to_owned(), words, Vec::new())
        }
    };
    Suggestion { id: "cheapest", label, explanation, sets }
}

/// Every drawn point.
pub(super) fn points(scene: &Scene<'_>) -> DataTable {
    let row = |point: &Point| {
        let on_front = f64::from(u8::from(point.is_on_front));
        vec![point.setting, point.cost, point.kept, point.mean_depth, on_front]
    };
    let name = |point: &Point| {
        scene.curves.get(point.curve).map_or(String::new(), |c| c.chosen.rule.card().id.to_owned())
    };
    DataTable {
        id: "points",
        columns: vec!["setting", "cost", "kept", "mean_exit_depth", "on_front"],
        rows: scene.points.iter().map(row).collect(),
        names: Some(("rule", scene.points.iter().map(name).collect())),
    }
}

/// What every rule costs at least where it keeps so much of what the full model keeps; empty where it does not.
pub(super) fn rules(scene: &Scene<'_>) -> DataTable {
    let row = |curve: usize| {
        let cost = |point: &Option<Point>| point.as_ref().map_or(f64::NAN, |point| point.cost);
        scene.cheapest.of(curve).iter().map(cost).collect()
    };
    let names = scene.curves.iter().map(|curve| curve.chosen.rule.card().id.to_owned()).collect();
    DataTable {
        id: "cost_by_kept",
        columns: vec![
            "cost_at_90_percent",
            "cost_at_95_percent",
            "cost_at_99_percent",
            "cost_at_99_9_percent",
        ],
        rows: (0..scene.curves.len()).map(row).collect(),
        names: Some(("rule", names)),
    }
}

pub(super) fn notes(scene: &Scene<'_>) -> Vec<Note> {
    let mut notes = scene.recording.manifest.notes.clone();
    let mut say = |what: String, hint: &str| notes.push(Note::new(what, hint));
    let subject = scene.recording.subject();
    if scene.num_rows == 0 {
        say(format!("There is no {} here", subject.noun()), "Choose another slice or part.");
        return notes;
    }
    if subject != Subject::Sample {
        let what = "Exits and what is kept are estimates: the replay ignores that a stopped token \
                    leaves no keys and values for later tokens";
        say(what.to_owned(), "");
    }
    let idle: Vec<_> =
        scene.curves.iter().filter(|curve| curve.chosen.refusal().is_some()).collect();
    for curve in &idle {
        let why = curve.chosen.refusal().unwrap_or_default();
        say(format!("{} stops nothing: {why}", curve.chosen.rule.card().label), "");
    }
    let missing = scene.curves.iter().filter(|curve| {
        let needs = curve.chosen.rule.card().needs;
        needs.iter().any(|signal| !scene.recording.signals.contains_key(signal))
    });
    let missing: Vec<_> = missing.map(|curve| curve.chosen.rule.card().label).collect();
    if !missing.is_empty() {
        let what = format!("This recording lacks what these rules compare: {}", missing.join(", "));
        say(what, "Record again with this version.");
    }
    let is_fitted = |curve: &super::Curve| curve.chosen.rule.card().is_fitted;
    if scene.asked.side != Some(Side::Test) && scene.curves.iter().any(is_fitted) {
        let what =
            "Some rules are fitted on rows that are counted here, and look better than they are";
        say(what.to_owned(), "Count the test part.");
    }
    if scene.points.is_empty() {
        say("Nothing is drawn: no cost is known, or no answer of the full model".to_owned(), "");
    }
    notes.extend(scene.asked.pricing.note());
    let mut say = |what: String, hint: &str| notes.push(Note::new(what, hint));
    let manifest = &scene.recording.manifest;
    if scene.asked.pricing.cost == Cost::Flops
        && manifest.flops_per_fill.is_none()
        && subject == Subject::Token
    {
        let what = "What keys and values of skipped blocks cost is not known of this recording";
        say(what.to_owned(), "Record again with this version.");
    }
    let cells = scene.num_rows.saturating_mul(scene.recording.num_layers() + 1);
    let most = curves::most_positions(cells);
    if most < POSITIONS {
        let what = format!(
            "Rules that no exit cube answers are replayed at {} each, so that a recording of this \
             size is drawn soon",
            counted(most, "setting")
        );
        say(what, "");
    }
    notes
}
