//! The named numbers of the view, and what a person must know about them.

use super::{Scene, curves, distribution, histogram};
use crate::count::counted;
use crate::lens::{Reading, ReadingKind};
use crate::notes::Note;
use crate::policy::{flops_saved, lower_bound};
use crate::recording::Slice;

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
    let flops = flops_saved(scene.recording, &settings.slice, tally, settings.at.least);
    let secs = Some(manifest.block_secs.iter().sum()).filter(|_| !manifest.block_secs.is_empty());
    let tokens = Some(tally.num_tokens() as f64);
    let reading = |id, label: &str, value, unit, kind| {
        let label = label.to_owned();
        Reading { id, label, value, unit, kind }
    };
    vec![
        reading("tokens", "Tokens", tokens, "tokens", Exact),
        reading("mean_exit_depth", "Mean exit depth", depth, "layers", Estimate),
        reading("layers_saved", "Layers saved", saved, "fraction", Estimate),
        reading("agreement", "Agreement with the full model", agreement, "fraction", Estimate),
        reading("agreement_lower", "Agreement, 95 % lower bound", lower, "fraction", Estimate),
        reading("nll_full", "NLL of the full model", full, "nats", Exact),
        reading("nll_exit", "NLL at the exit", tally.mean_nll(), "nats", Estimate),
        reading("flops_saved", "FLOPs saved (modelled)", flops, "fraction", Modelled),
        reading("block_secs", "Time in all blocks, whole recording", secs, "s", Measured),
    ]
}

pub(super) fn notes(scene: &Scene<'_>) -> Vec<Note> {
    let mut notes = scene.recording.manifest.notes.clone();
    if scene.tally.num_tokens() == 0 {
        notes.push(Note::new("There is no token in this slice.", "Choose another slice."));
        return notes;
    }
    notes.push(Note::new(
        "Exit depths, agreement and NLL at the exit are estimates: the replay ignores that a \
         stopped token leaves no keys and values for later tokens.",
        "",
    ));
    if !scene.recording.manifest.prices_keys() && scene.settings.slice != Slice::all() {
        notes.push(Note::new(
            "FLOPs saved are modelled at the mean length of the whole recording, not of this slice: an \
             older version recorded it.",
            "Record again to price the slice with its own lengths.",
        ));
    }
    let rule = scene.settings.rule;
    let unknown = distribution::quantiles(scene, rule.signal()).num_unknown;
    if unknown > 0 {
        let signal = rule.label().to_lowercase();
        let (values, are) = (counted(unknown, "value"), if unknown == 1 { "is" } else { "are" });
        let what = format!("{values} of {signal} {are} not a number; no token stops on one.");
        notes.push(Note::new(what, ""));
    }
    if scene.parts.len() > histogram::MAX_SERIES {
        let (shown, all) = (histogram::MAX_SERIES, scene.parts.len());
        let what = format!("The exit histogram shows the first {shown} of {all} values.");
        notes.push(Note::new(what, "The table of slices holds all of them."));
    }
    notes
}
