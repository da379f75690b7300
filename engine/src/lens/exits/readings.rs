//! The named numbers of the view, and what a person must know about them.

use super::{Scene, capital, curves, distribution, histogram};
use crate::count::counted;
use crate::lens::{Reading, ReadingKind};
use crate::notes::Note;
use crate::policy::{Cost, lower_bound};
use crate::recording::Slice;
use crate::signal::{Signal, Subject};

pub(super) fn readings(scene: &Scene<'_>) -> Vec<Reading> {
    use ReadingKind::{Estimate, Exact, Measured, Modelled};
    let (manifest, tally) = (&scene.recording.manifest, &scene.tally);
    let num_layers = scene.num_layers() as f64;
    let depth = tally.mean_depth();
    let saved = depth.filter(|_| num_layers > 0.0).map(|mean| 1.0 - mean / num_layers);
    let agreement = tally.agreement();
    let lower = lower_bound(tally.num_agreeing(), tally.answered);
    let full = curves::means(scene).0.last().map(|m| m.nll).filter(|nll| !nll.is_nan());
    let settings = &scene.settings;
    let secs = Some(manifest.block_secs.iter().sum()).filter(|_| !manifest.block_secs.is_empty());
    let rows = Some(tally.num_tokens() as f64);
    let subject = scene.recording.subject();
    // What a whole sample leaves out nobody else reads.
    let replayed = if subject == Subject::Sample { Exact } else { Estimate };
    let priced = settings.pricing.prices(scene.recording, &settings.slice, &settings.rule);
    let cheaper = priced.and_then(|priced| priced.saved(&tally.exits));
    let changes = settings.pricing.changes();
    let (saved_id, saved_label, saved_kind) = match (settings.pricing.cost, changes) {
        (Cost::Depth, _) => ("blocks_saved", "Blocks saved".to_owned(), replayed),
        (Cost::Flops, None) => ("flops_saved", "FLOPs saved (modelled)".to_owned(), Modelled),
        (Cost::Flops, Some(changes)) => {
            ("flops_saved", format!("FLOPs saved (modelled: {changes})"), Modelled)
        }
        (Cost::Time, _) => ("time_saved", "Time in blocks saved (measured)".to_owned(), Measured),
    };
    let reading = |id, label: &str, value, unit, kind| {
        let label = label.to_owned();
        Reading { id, label, value, unit, kind }
    };
    let mut readings = vec![
        reading("tokens", &capital(subject.nouns()), rows, subject.nouns(), Exact),
        reading("mean_exit_depth", "Mean exit depth", depth, "layers", replayed),
        reading("layers_saved", "Layers saved", saved, "fraction", replayed),
        reading("agreement", "Agreement with the full model", agreement, "fraction", replayed),
        reading("agreement_lower", "Agreement, 95 % lower bound", lower, "fraction", Estimate),
        reading("nll_full", "NLL of the full model", full, "nats", Exact),
        reading("nll_exit", "NLL at the exit", tally.mean_nll(), "nats", replayed),
        reading(saved_id, &saved_label, cheaper, "fraction", saved_kind),
        reading("block_secs", "Time in all blocks, whole recording", secs, "s", Measured),
    ];
    if scene.has_labels() {
        let full = curves::means(scene).0.last().and_then(|means| means.accuracy);
        let accuracies = [
            reading("accuracy_full", "Accuracy of the full model", full, "fraction", Exact),
            reading(
                "accuracy_exit",
                "Accuracy at the exit",
                tally.accuracy(),
                "fraction",
                replayed,
            ),
        ];
        let behind_agreement = 5;
        readings.splice(behind_agreement..behind_agreement, accuracies);
    }
    readings
}

pub(super) fn notes(scene: &Scene<'_>) -> Vec<Note> {
    let mut notes = scene.recording.manifest.notes.clone();
    if scene.tally.num_tokens() == 0 {
        let what = format!("There is no {} in this slice.", scene.recording.subject().noun());
        notes.push(Note::new(what, "Choose another slice."));
        return notes;
    }
    let subject = scene.recording.subject();
    let read_at = scene.recording.manifest.read_at;
    if read_at.has_gaps() {
        let what = format!(
            "Read out was {}; the others ran, too, and are in no number but the time.",
            read_at.words()
        );
        notes.push(Note::new(what, ""));
    }
    if subject != Subject::Sample {
        notes.push(Note::new(
            "Exit depths, agreement and NLL at the exit are estimates: the replay ignores that a \
             stopped token leaves no keys and values for later tokens.",
            "",
        ));
    }
    let pricing = &scene.settings.pricing;
    notes.extend(pricing.note());
    let is_modelled = pricing.cost == Cost::Flops;
    if is_modelled
        && !scene.recording.manifest.prices_keys()
        && scene.settings.slice != Slice::all()
    {
        let what =
            "FLOPs saved are modelled at the mean length of the whole recording, not of this slice";
        let (what, hint) = match subject {
            Subject::Token => (
                format!("{what}: an older version recorded it."),
                "Record again to price the slice with its own lengths.",
            ),
            Subject::OwnToken | Subject::Sample => (format!("{what}."), ""),
        };
        notes.push(Note::new(what, hint));
    }
    if let Some(why) = scene.settings.rule.refusal() {
        notes.push(Note::new(format!("No {} stops: {why}", subject.noun()), ""));
    }
    let card = scene.settings.rule.rule.card();
    if card.is_fitted {
        let what = format!(
            "The rule was fitted on the calibration part, whose {} are counted here, too.",
            subject.nouns()
        );
        notes.push(Note::new(what, "Choosing a threshold counts only the others."));
    }
    let missing = card.needs.iter().filter(|signal| !scene.recording.signals.contains_key(signal));
    for signal in missing {
        let what = format!(
            "No {} stops: this recording has no {}",
            subject.noun(),
            signal.label_of(subject).to_lowercase()
        );
        notes.push(Note::new(what, "Record again with this version."));
    }
    let unknown =
        card.signal.map_or(0, |signal| distribution::quantiles(scene, signal).num_unknown);
    let unknown = if card.signal == Some(Signal::CosNext) { 0 } else { unknown };
    if unknown > 0 {
        let signal = card.label.to_lowercase();
        let noun = subject.noun();
        let (values, are) = (counted(unknown, "value"), if unknown == 1 { "is" } else { "are" });
        let what = format!("{values} of {signal} {are} not a number; no {noun} stops on one.");
        notes.push(Note::new(what, ""));
    }
    if scene.parts.len() > histogram::MAX_SERIES {
        let (shown, all) = (histogram::MAX_SERIES, scene.parts.len());
        let what = format!("The exit histogram shows the first {shown} of {all} values.");
        notes.push(Note::new(what, "The table of slices holds all of them."));
    }
    notes
}
