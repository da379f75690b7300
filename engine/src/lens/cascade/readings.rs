//! The cascade as numbers, and what has to be said with them.

use super::figures::Drawn;
use super::knobs::Metric;
use super::stages::{Window, reached};
use super::{Scene, Series, share};
use crate::count::counted;
use crate::lens::exits::capital;
use crate::lens::{DataTable, Reading, ReadingKind};
use crate::notes::Note;
use crate::policy::Goal;

/// With fewer measured rows differences between policies are noise (own trials, spec 7: 497 rows showed nothing).
const FEW: usize = 2000;

pub(super) fn readings(scene: &Scene<'_>, drawn: &Drawn) -> Vec<Reading> {
    let recording = scene.first().map(|first| first.recording);
    let nouns = recording.map_or("rows", |recording| recording.subject().nouns());
    let reading = |kind, id, label: String, value: Option<f64>, unit| Reading {
        id,
        label,
        value: value.filter(|value| value.is_finite()),
        unit,
        kind,
    };
    let exact =
        |id, label: String, value, unit| reading(ReadingKind::Exact, id, label, value, unit);
    let modelled = |id, label: &str, value: Option<f64>| {
        let mega = value.map(|flops| flops / 1e6);
        reading(ReadingKind::Modelled, id, label.to_owned(), mega, "MFLOPs")
    };
    let goal = scene.asked.goal;
    let first = scene.stages.first();
    let window = scene.windows.first().map(|window| scene.shown(*window));
    let unit = scene.asked.score.signal().unit();
    let of = |series: Option<&Series>, metric| series.and_then(|series| series.value(metric));
    let cascade = drawn.cascade.as_ref();
    let (cheapest, dearest) = (drawn.alone.first(), drawn.alone.last());
    let dearest = dearest.filter(|_| !scene.is_alone());
    let right = Metric::Right.label(goal);
    let passed = share(scene.stood.iter().filter(|last| **last > 0).count(), scene.stood.len());
    let passed = passed.filter(|_| !scene.is_alone());
    let flops = |series: Option<&Series>| series.and_then(|series| series.flops);
    let coverage = Metric::Coverage(0.05);
    let risk = Metric::Risk(0.8);
    let word = |what: &str| format!("{right}, {what}");
    vec![
        exact(
            "counted",
            format!("{} measured", capital(nouns)),
            Some(scene.rows[1].len() as f64),
            nouns,
        ),
        exact(
            "calibrated",
            format!("{} that thresholds were found on", capital(nouns)),
            Some(scene.rows[0].len() as f64),
            nouns,
        ),
        exact("passed_on", "Passed on by the first member".to_owned(), passed, "fraction"),
        exact("kept", word("cascade"), of(cascade, Metric::Right), "fraction"),
        exact("kept_first", word("first member alone"), of(cheapest, Metric::Right), "fraction"),
        exact("kept_last", word("last member alone"), of(dearest, Metric::Right), "fraction"),
        exact(
            "kept_average",
            word("average of all"),
            of(drawn.average.as_ref(), Metric::Right),
            "fraction",
        ),
        reading(
            ReadingKind::Modelled,
            "relative_cost",
            "FLOPs, share of the last member alone".to_owned(),
            scene.relative(flops(cascade)),
            "fraction",
        ),
        modelled("cost", "FLOPs of a row, cascade", flops(cascade)),
        modelled("cost_first", "FLOPs of a row, first member alone", flops(cheapest)),
        modelled("cost_last", "FLOPs of a row, last member alone", flops(dearest)),
        exact(
            "coverage_at_risk_5",
            format!("{}, cascade", coverage.label(goal)),
            of(cascade, coverage),
            "fraction",
        ),
        exact(
            "coverage_at_risk_5_first",
            format!("{}, first member alone", coverage.label(goal)),
            of(cheapest, coverage),
            "fraction",
        ),
        exact(
            "risk_at_coverage_80",
            format!("{}, cascade", risk.label(goal)),
            of(cascade, risk),
            "fraction",
        ),
        exact(
            "risk_at_coverage_80_first",
            format!("{}, first member alone", risk.label(goal)),
            of(cheapest, risk),
            "fraction",
        ),
        exact(
            "aurc",
            format!("{}, cascade", Metric::Area.label(goal)),
            of(cascade, Metric::Area),
            "",
        ),
        exact(
            "threshold",
            "Operating threshold of the first member".to_owned(),
            first.map(|s| s.threshold),
            unit,
        ),
        exact(
            "rank",
            "Its percentile rank in the calibration part".to_owned(),
            first.map(|s| s.rank()),
            "fraction",
        ),
        exact("window_low", "Window from".to_owned(), window.map(|w| w.low), unit),
        exact("window_high", "Window to".to_owned(), window.map(|w| w.high), unit),
    ]
}

pub(super) fn tables(scene: &Scene<'_>, drawn: &Drawn) -> Vec<DataTable> {
    vec![policies(drawn), members(scene), half_widths(scene, drawn)]
}

fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// Each member alone, the average and the cascade, by every metric.
fn policies(drawn: &Drawn) -> DataTable {
    let all: Vec<&Series> =
        drawn.alone.iter().chain(&drawn.average).chain(&drawn.cascade).collect();
    let row = |series: &&Series| {
        let metrics = Metric::ALL.map(|metric| or_nan(series.value(metric)));
        [or_nan(series.flops), series.curve.num_rows() as f64].into_iter().chain(metrics).collect()
    };
    DataTable {
        id: "policies",
        columns: vec![
            "flops",
            "judged",
            "right",
            "coverage_at_risk_5",
            "coverage_at_risk_10",
            "risk_at_coverage_50",
            "risk_at_coverage_80",
            "aurc",
        ],
        rows: all.iter().map(row).collect(),
        names: Some(("policy", all.iter().map(|series| series.name.clone()).collect())),
    }
}

/// Each member inside the cascade: its window, how many rows ran it and how many stayed with it.
fn members(scene: &Scene<'_>) -> DataTable {
    let reached = reached(&scene.stood, scene.members.len());
    let row = |(idx, member): (usize, &super::Member<'_>)| {
        let ran = reached.get(idx).copied().unwrap_or(0);
        let went_on = reached.get(idx + 1).copied().unwrap_or(0);
        let window = scene.windows.get(idx).map(|window| scene.shown(*window));
        let edge = |of: fn(Window) -> f64| window.map_or(f64::NAN, of);
        let stage = scene.stages.get(idx).filter(|_| idx < scene.windows.len());
        vec![
            or_nan(member.flops),
            member.recording.num_layers() as f64,
            or_nan(stage.map(|stage| stage.threshold)),
            or_nan(stage.map(super::Stage::rank)),
            edge(|window| window.low),
            edge(|window| window.high),
            ran as f64,
            (ran - went_on) as f64,
        ]
    };
    DataTable {
        id: "members",
        columns: vec!["flops", "layers", "threshold", "rank", "low", "high", "ran", "stayed"],
        rows: scene.members.iter().enumerate().map(row).collect(),
        names: Some(("member", scene.members.iter().map(|member| member.name.clone()).collect())),
    }
}

fn half_widths(scene: &Scene<'_>, drawn: &Drawn) -> DataTable {
    let row = |trial: &super::Trial| {
        vec![
            trial.half_width,
            or_nan(trial.passed),
            or_nan(trial.flops),
            or_nan(scene.relative(trial.flops)),
            or_nan(trial.value),
        ]
    };
    DataTable {
        id: "half_widths",
        columns: vec!["half_width", "passed_on", "flops", "relative_cost", "metric"],
        rows: drawn.sweep.iter().map(row).collect(),
        names: None,
    }
}

pub(super) fn notes(scene: &Scene<'_>) -> Vec<Note> {
    let Some(first) = scene.first() else { return Vec::new() };
    let mut notes = first.recording.manifest.notes.clone();
    for member in scene.members.iter().skip(1) {
        let of_member = member.recording.manifest.notes.iter();
        notes.extend(of_member.map(|note| Note {
            what: format!("{}: {}", member.name, note.what),
            hint: note.hint.clone(),
        }));
    }
    let (noun, nouns) = (first.recording.subject().noun(), first.recording.subject().nouns());
    let mut say = |what: String, hint: &str| notes.push(Note::new(what, hint));
    if scene.is_alone() {
        say(
            "Only one recording is here, and a cascade needs those of two models or more"
                .to_owned(),
            "Record the same data through another model, then add that recording: File > Add a recording…, or --with FOLDER.",
        );
        return notes;
    }
    if !scene.is_ordered {
        let what = "What a member costs is not recorded: members stand in the order in which they were added";
        say(what.to_owned(), "Record again with this version.");
    }
    if scene.asked.goal == Goal::Agreement {
        let what = "Answers are held against those of the last member, which agrees with itself";
        say(what.to_owned(), "");
    }
    if scene.asked.lacks_probs {
        let what = "Not every member recorded the probability of every class: the larger member's answer stands in the place of the average";
        say(what.to_owned(), "");
    } else if scene.ensemble.is_none() {
        let what = "There is no average of all members: it needs the probability of every class, and recordings hold the five best";
        say(what.to_owned(), "");
    }
    let own_word = scene.members.iter().map(|member| member.recording.manifest.numerics.id());
    let mut numerics: Vec<_> = own_word.collect();
    numerics.dedup();
    if numerics.len() > 1 {
        let what =
            format!("Readouts of the members were rounded in unlike ways: {}", numerics.join(", "));
        say(what, "");
    }
    let prints = scene.members.iter().map(|m| &m.recording.manifest.provenance.model_fingerprint);
    let mut prints: Vec<_> = prints.filter(|print| !print.is_empty()).collect();
    let num = prints.len();
    prints.sort_unstable();
    prints.dedup();
    if prints.len() < num {
        say("Two recordings come from the same weights".to_owned(), "Add one of another model.");
    }
    let windowed = scene.stages.iter().take(scene.windows.len());
    if windowed.clone().any(|stage| stage.threshold.is_nan()) {
        let what = format!(
            "The calibration part holds no {noun} to find a threshold on: all go on to the last member"
        );
        say(what, "Choose another slice, or a larger calibration part.");
    } else if windowed.clone().any(|stage| !stage.is_kept) {
        let what = format!(
            "No threshold that accepts enough {nouns} of the calibration part keeps the risk: the least that says something is accepted"
        );
        say(what, "Choose another operating threshold.");
    }
    let lost = scene.stages.iter().flat_map(|stage| &stage.test);
    let lost = lost.filter(|answer| answer.score.is_nan()).count();
    if lost > 0 {
        let are = if lost == 1 { "is" } else { "are" };
        say(
            format!(
                "{} {are} not a number: such a row goes on, and is accepted last",
                counted(lost, "score")
            ),
            "",
        );
    }
    let num = scene.rows[1].len();
    if num < FEW {
        let what =
            format!("{} are measured; differences of a few of them are chance", counted(num, noun));
        say(what, "A stable verdict needs several thousand.");
    }
    notes
}
