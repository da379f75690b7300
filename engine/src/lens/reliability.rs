//! Can the probabilities be believed, and what does thinking on spoil? Depth by depth.
//!
//! # Question
//! At each depth, are readouts as often right as they are sure; and how many are right early and wrong at the end?
//! # Source
//! Expected calibration error and reliability diagram: Guo et al. 2017, section 2; overthinking: Kaya et al. 2019 (Shallow-Deep Networks).
//! # What it records
//! Nothing of its own: max probability and first choice at every depth, and what is true.
//! # What it shows
//! The reliability diagram of a depth with the counts of its bins, the calibration error over the depths, and the shares that are
//! right early and wrong late, and the reverse.
//! # Knobs
//! goal, at-depth, bins, binning, slice.
//! # What is modelled
//! Nothing.
//! # What cannot be known here
//! Whether a readout of other samples would be as sure; the error of few rows in a bin is not drawn.

mod bins;
mod depths;
mod figures;
mod knobs;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::count::counted;
use crate::knob::{KnobCard, Knobs};
use crate::lens::exits::{capital, settings};
use crate::lens::{DataTable, Lens, LensCard, Reading, ReadingKind, Selection, TokenColumns, View};
use crate::notes::Note;
use crate::policy::{Goal, has_truth};
use crate::recording::Recording;
use depths::{AtDepth, Report};
use knobs::Asked;

/// Registry entry.
pub(super) static LENS: Reliability = Reliability;

/// Can the probabilities be believed, and what does thinking on spoil?
#[derive(Debug)]
pub(super) struct Reliability;

static CARD: LensCard = LensCard {
    id: "reliability",
    name: "Reliability",
    question: "Are readouts as often right as they are sure, and how many are right early and wrong at the end?",
    source: "Reliability diagram and calibration error: Guo et al. 2017, section 2; overthinking: Kaya et al. 2019 (Shallow-Deep Networks)",
    modelled: "",
    unknown: "Whether readouts of other samples would be as sure; the error of few rows in a bin is not drawn",
};

/// All that the figures are drawn from.
struct Scene<'a> {
    recording: &'a Recording,
    asked: Asked,
    report: Arc<Report>,
}

impl<'a> Scene<'a> {
    fn new(recording: &'a Recording, knobs: &Knobs) -> Self {
        let mut allowed = knobs.clone();
        allowed.keep_allowed(&knobs::cards(Some(recording)));
        let asked = Asked::of(recording, &allowed);
        let report = depths::report(recording, &settings(recording, &allowed).slice, &asked);
        Self { recording, asked, report }
    }

    /// The chosen depth.
    fn here(&self) -> Option<&AtDepth> {
        self.report.depths.get(self.asked.depth)
    }

    /// What a right answer is called: "Accuracy".
    fn goal(&self) -> &'static str {
        self.asked.goal.label()
    }
}

impl Lens for Reliability {
    fn card(&self) -> &'static LensCard {
        &CARD
    }

    fn knobs(&self, recording: Option<&Recording>, _knobs: &Knobs) -> Vec<KnobCard> {
        knobs::cards(recording)
    }

    fn view(&self, recording: &Recording, knobs: &Knobs, _selection: Selection) -> View {
        let scene = Scene::new(recording, knobs);
        let mut figures =
            vec![figures::diagram(&scene), figures::counts(&scene), figures::errors(&scene)];
        figures.extend(has_truth(recording).then(|| figures::overthinking(&scene)));
        View {
            figures,
            readings: readings(&scene),
            tables: vec![per_depth(&scene), per_bin(&scene)],
            suggestions: Vec::new(),
            notes: notes(&scene),
            versus: None,
        }
    }

    fn token_columns<'a>(&self, _recording: &'a Recording, _knobs: &Knobs) -> TokenColumns<'a> {
        TokenColumns { names: Vec::new(), cells: Box::new(|_| Vec::new()) }
    }
}

fn readings(scene: &Scene<'_>) -> Vec<Reading> {
    let (here, last) = (scene.here(), scene.report.depths.last());
    let exact = |id, label: String, value, unit| Reading {
        id,
        label,
        value,
        unit,
        kind: ReadingKind::Exact,
    };
    let nouns = scene.recording.subject().nouns();
    let depth = scene.asked.depth;
    let share = |of: fn(&AtDepth) -> Option<f64>, at: Option<&AtDepth>| at.and_then(of);
    let goal = scene.goal();
    let part = |part: u64| {
        let known = scene.report.with_truth;
        (known > 0).then(|| part as f64 / known as f64)
    };
    vec![
        exact("counted", format!("{} counted", capital(nouns)), here.map(|h| h.num as f64), nouns),
        exact("kept", format!("{goal} at depth {depth}"), share(AtDepth::right, here), "fraction"),
        exact(
            "confidence",
            format!("Mean max probability at depth {depth}"),
            share(AtDepth::confidence, here),
            "fraction",
        ),
        exact(
            "ece",
            format!("Calibration error at depth {depth}"),
            share(AtDepth::error, here),
            "fraction",
        ),
        exact(
            "ece_last",
            "Calibration error of the full model".to_owned(),
            share(AtDepth::error, last),
            "fraction",
        ),
        exact(
            "overthought",
            "Right at an earlier depth, wrong at the last".to_owned(),
            part(scene.report.overthought),
            "fraction",
        ),
        exact(
            "needed_all",
            "Wrong at every earlier depth, right at the last".to_owned(),
            part(scene.report.needed_all),
            "fraction",
        ),
        exact(
            "never_right",
            "Wrong at every depth".to_owned(),
            part(scene.report.never_right),
            "fraction",
        ),
    ]
}

/// Every depth as numbers.
fn per_depth(scene: &Scene<'_>) -> DataTable {
    let known = scene.report.with_truth;
    let row = |(depth, at): (usize, &AtDepth)| {
        let part = |part: u64| if known > 0 { part as f64 / known as f64 } else { f64::NAN };
        let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
        vec![
            depth as f64,
            at.num as f64,
            or_nan(at.right()),
            or_nan(at.confidence()),
            or_nan(at.error()),
            part(at.spoiled_later),
            part(at.mended_later),
        ]
    };
    DataTable {
        id: "per_depth",
        columns: vec![
            "depth",
            "counted",
            "kept",
            "mean_max_prob",
            "ece",
            "right_here_wrong_last",
            "wrong_here_right_last",
        ],
        rows: scene.report.depths.iter().enumerate().map(row).collect(),
        names: None,
    }
}

/// Every bin of every depth as numbers.
fn per_bin(scene: &Scene<'_>) -> DataTable {
    let depths = scene.report.depths.iter().enumerate();
    let rows = depths.flat_map(|(depth, at)| {
        at.bins.iter().map(move |bin| {
            let [low, high] = bin.edges;
            let (confidence, right) = (bin.confidence(), bin.right());
            let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
            vec![depth as f64, low, high, bin.num as f64, or_nan(confidence), or_nan(right)]
        })
    });
    DataTable {
        id: "bins",
        columns: vec!["depth", "from", "to", "counted", "mean_max_prob", "kept"],
        rows: rows.collect(),
        names: None,
    }
}

fn notes(scene: &Scene<'_>) -> Vec<Note> {
    let mut notes = scene.recording.manifest.notes.clone();
    let noun = scene.recording.subject().noun();
    let Some(here) = scene.here().filter(|here| here.num + here.unknown > 0) else {
        let what = format!("There is no {noun} here that can be judged");
        notes.push(Note::new(what, "Choose another slice, or another thing to count."));
        return notes;
    };
    if here.unknown > 0 {
        let what = format!(
            "{} of max probability at depth {} {} not a number and counted in no bin",
            counted(here.unknown, "value"),
            scene.asked.depth,
            if here.unknown == 1 { "is" } else { "are" }
        );
        notes.push(Note::new(what, ""));
    }
    if !has_truth(scene.recording) {
        let what = format!("No {noun} has a label or a next token: only agreement can be counted");
        notes.push(Note::new(what, ""));
    }
    if scene.asked.goal == Goal::Agreement && scene.asked.depth == scene.recording.num_layers() {
        let what = "The full model agrees with itself, so its agreement is 1 in every bin";
        notes.push(Note::new(what, "Choose an earlier depth, or accuracy."));
    }
    notes
}
