//! Agreement against mean exit depth over all thresholds, and the threshold for a wanted agreement.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Scene, Settings};
use crate::figure::{Axis, Direction, Figure, Ink, Mark};
use crate::lens::Suggestion;
use crate::policy::{Trial, Trials, calibrate, lower_bound, main_label, main_value, trials};
use crate::recording::Recording;
use crate::signal::Depth;

/// Every threshold's outcome and the lower bounds of their agreements.
pub(super) struct Curve {
    trials: Vec<Trial>,
    bounds: Vec<f64>,
}

/// The curve of a rule, its least depth and a slice, made once; where it was made just now, exits that were seen on the way.
pub(super) fn curve(
    recording: &Recording,
    settings: &Settings,
) -> (Arc<Curve>, Option<Vec<Depth>>) {
    let (rule, slice) = (&settings.rule, &settings.slice);
    let name = format!("curve {} {}", rule.key_of_curve, slice.key());
    let mut seen = None;
    let curve = recording.cubes.memo.get(&name, || {
        let Trials { trials, exits } = trials(recording, rule, &settings.knobs, slice);
        seen = exits;
        let bound = |trial: &Trial| lower_bound(trial.agreeing, trial.tokens).unwrap_or(f64::NAN);
        Curve { bounds: trials.par_iter().map(bound).collect(), trials }
    });
    (curve, seen)
}

pub(super) fn figure(scene: &Scene<'_>, curve: &Curve) -> Figure {
    let both = curve.trials.iter().zip(curve.bounds.iter());
    let mut points: Vec<[f64; 3]> =
        both.map(|(trial, bound)| [trial.mean_depth, *bound, trial.agreement()]).collect();
    // From shallow to deep also for rules whose strict end is the low one.
    if points.first().map(|p| p[0]) > points.last().map(|p| p[0]) {
        points.reverse();
    }
    points.dedup();
    let line = points.iter().map(|[depth, _, agreement]| [*depth, *agreement]).collect();
    let now = scene.tally.mean_depth().zip(scene.tally.agreement());
    let marks = vec![
        Mark::Band { label: "95 % lower bound".to_owned(), points, ink: Ink::Series(0) },
        Mark::Line { label: "All thresholds".to_owned(), points: line, ink: Ink::Series(0) },
        Mark::Points {
            label: "Present threshold".to_owned(),
            points: now.map(|(depth, agreement)| [depth, agreement]).into_iter().collect(),
            ink: Ink::Accent,
        },
        Mark::Rule {
            label: "Wanted agreement".to_owned(),
            direction: Direction::Horizontal,
            at: scene.settings.target,
            knob: Some("target"),
        },
    ];
    Figure {
        id: "trade-off",
        title: "Agreement against depth".to_owned(),
        x: Axis::linear("Mean exit depth", "layers").with_range(0.0, scene.num_layers() as f64),
        y: Axis::linear("Agreement", "fraction"),
        marks,
        picks: Vec::new(),
    }
}

/// The button "threshold for 99 % agreement".
pub(super) fn suggestion(scene: &Scene<'_>, curve: &Curve) -> Suggestion {
    let target = scene.settings.target;
    // To a thousandth of a per cent, so that 0.99 reads 99 and not 99.00000000000001.
    let wanted = (target * 1e5).round() / 1e3;
    let rule = scene.settings.rule.rule;
    let label = format!("{} for {wanted} % agreement", main_label(scene.recording, rule));
    let (explanation, sets) = if let Some(found) = calibrate(&curve.trials, target) {
        let agreement = percent(found.agreement);
        let lower = percent(found.agreement_lower);
        let depth = found.mean_depth;
        let rows = scene.recording.subject().nouns();
        let words = format!(
            "{agreement} % at mean exit depth {depth:.2}; at least {lower} % with 95 % confidence \
             (Clopper-Pearson, {rows} as independent), but chosen on them: check on others"
        );
        (words, vec![(rule.card().main, main_value(scene.recording, rule, found.threshold))])
    } else {
        let best = curve.trials.iter().map(Trial::agreement);
        let best = best.filter(|best| !best.is_nan()).max_by(f64::total_cmp);
        let words = if let Some(best) = best.map(percent) {
            format!("no threshold reaches it; the best agreement is {best} %")
        } else {
            let noun = scene.recording.subject().noun();
            format!("there is no {noun} with an answer of the full model")
        };
        (words, Vec::new())
    };
    Suggestion { id: "threshold-for-agreement", label, explanation, sets }
}

/// A share in per cent, cut and not rounded: a bound must not be promised higher than it is.
fn percent(share: f64) -> String {
    format!("{:.2}", (share * 1e4).floor() / 100.0)
}
