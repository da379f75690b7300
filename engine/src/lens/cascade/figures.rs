//! What cascades keep for what they cost, the scores with their window, risk over coverage, and every half width.

use super::knobs::{Asked, COVERAGE, HALF_WIDTH};
use super::stages::{Form, Point, Window};
use super::{Scene, Series, Trial};
use crate::figure::{Axis, Direction, Figure, Ink, Mark, Pick};
use crate::knob::Value;
use crate::lens::Selection;
use crate::lens::exits::capital;
use crate::policy::Goal;

/// Bars of the histogram.
const BINS: usize = 40;
/// More points of a curve are thinned: a figure is no table.
const MOST_POINTS: usize = 400;

/// Series and sweeps that both figures and readings are made of.
pub(super) struct Drawn {
    /// Each member alone.
    pub(super) alone: Vec<Series>,
    pub(super) average: Option<Series>,
    pub(super) cascade: Option<Series>,
    /// Over half widths; empty with one recording.
    pub(super) sweep: Vec<Trial>,
    /// The same of the single threshold, where another form is chosen.
    pub(super) baseline: Vec<Trial>,
}

impl Drawn {
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let sweep = |form| if scene.is_alone() { Vec::new() } else { scene.sweep(form) };
        let has_baseline = scene.asked.form != Form::LeastSure;
        Self {
            alone: scene.alone(),
            average: scene.average(),
            cascade: scene.cascade(),
            sweep: sweep(scene.asked.form),
            baseline: if has_baseline { sweep(Form::LeastSure) } else { Vec::new() },
        }
    }

    pub(super) fn figures(&self, scene: &Scene<'_>, selection: Selection) -> Vec<Figure> {
        let scores = histogram(scene, selection);
        let risks = self.risks(scene);
        if scene.is_alone() {
            return vec![scores, risks];
        }
        vec![self.costs(scene), scores, risks, self.half_widths(scene)]
    }

    /// The metric against the average cost.
    fn costs(&self, scene: &Scene<'_>) -> Figure {
        let metric = scene.asked.metric;
        let at = |flops, value: Option<f64>| Some([scene.relative(flops)?, value?]);
        let place = |series: &Series| at(series.flops, series.value(metric));
        let line = |trials: &[Trial]| -> Vec<[f64; 2]> {
            trials.iter().filter_map(|trial| at(trial.flops, trial.value)).collect()
        };
        let mut marks = Vec::new();
        if !self.baseline.is_empty() {
            marks.push(Mark::Line {
                label: "Single threshold, all widths".to_owned(),
                points: line(&self.baseline),
                ink: Ink::Muted,
            });
        }
        let swept = line(&self.sweep);
        marks.push(Mark::Line {
            label: "Cascade, all half widths".to_owned(),
            points: swept.clone(),
            ink: Ink::Series(0),
        });
        marks.push(Mark::Points { label: String::new(), points: swept, ink: Ink::Series(0) });
        for (series, idx) in self.alone.iter().chain(&self.average).zip(1..) {
            marks.push(Mark::Points {
                label: series.name.clone(),
                points: place(series).into_iter().collect(),
                ink: Ink::Series(idx),
            });
        }
        marks.push(Mark::Points {
            label: "Present half width".to_owned(),
            points: self.cascade.as_ref().and_then(place).into_iter().collect(),
            ink: Ink::Accent,
        });
        let label = metric.label(scene.asked.goal);
        Figure {
            id: "metric-by-cost",
            title: format!("{label} against average cost"),
            x: Axis::linear("FLOPs (modelled)", "of the last member"),
            y: Axis::linear(label, metric.unit()),
            marks,
            picks: self
                .sweep
                .iter()
                .filter_map(|trial| {
                    let label = format!("Half width {}", trial.half_width);
                    let sets = vec![(HALF_WIDTH.id, Value::Real(trial.half_width))];
                    Some(Pick { at: at(trial.flops, trial.value)?, label, sets })
                })
                .collect(),
        }
    }

    /// Risk over coverage.
    fn risks(&self, scene: &Scene<'_>) -> Figure {
        let all = self.cascade.iter().chain(&self.alone).chain(&self.average);
        let line = |(series, idx): (&Series, usize)| Mark::Line {
            label: series.name.clone(),
            points: thinned(series.curve.points().collect()),
            ink: Ink::Series(idx),
        };
        let from = usize::from(self.cascade.is_none());
        let mut marks: Vec<Mark> = all.zip(from..).map(line).collect();
        if let Point::Coverage(coverage) = scene.asked.point {
            marks.push(Mark::Rule {
                label: "Operating coverage".to_owned(),
                direction: Direction::Vertical,
                at: coverage,
                knob: Some(COVERAGE.id),
            });
        }
        let wrong = match scene.asked.goal {
            Goal::Accuracy => "Wrong among the accepted",
            Goal::Agreement | Goal::Kept => "Unlike the last member among the accepted",
        };
        Figure {
            id: "risk-coverage",
            title: "Risk over coverage".to_owned(),
            x: Axis::linear("Coverage", "fraction").with_range(0.0, 1.0),
            y: Axis::linear(wrong, "fraction"),
            marks,
            picks: Vec::new(),
        }
    }

    /// What every half width passes on, and the metric.
    fn half_widths(&self, scene: &Scene<'_>) -> Figure {
        let metric = scene.asked.metric;
        let line = |label: String, ink, of: fn(&Trial) -> Option<f64>| Mark::Line {
            label,
            points: self.sweep.iter().map(|t| [t.half_width, of(t).unwrap_or(f64::NAN)]).collect(),
            ink,
        };
        Figure {
            id: "half-widths",
            title: "What every half width passes on".to_owned(),
            x: Axis::linear(HALF_WIDTH.label, "fraction").with_range(0.0, 1.0),
            y: Axis::linear("Share", "fraction").with_range(0.0, 1.0),
            marks: vec![
                line("Passed on by the first member".to_owned(), Ink::Series(1), |t| t.passed),
                line(metric.label(scene.asked.goal), Ink::Series(0), |trial| trial.value),
                Mark::Rule {
                    label: "Half width".to_owned(),
                    direction: Direction::Vertical,
                    at: scene.asked.half_width,
                    knob: Some(HALF_WIDTH.id),
                },
            ],
            picks: Vec::new(),
        }
    }
}

/// The first member's scores, right and wrong ones side by side, with the window.
fn histogram(scene: &Scene<'_>, selection: Selection) -> Figure {
    let score = scene.asked.score;
    let [from, to] = scene.asked.range;
    let width = (to - from) / BINS as f64;
    let first = scene.stages.first();
    let answers = first.map(|stage| stage.test.as_slice()).unwrap_or_default();
    // Right, wrong, unknown.
    let mut counts = [[0_u32; BINS]; 3];
    for (answer, truth) in answers.iter().zip(&scene.truth) {
        let kind = match truth {
            Some(truth) if *truth == answer.id => 0,
            Some(_) => 1,
            None => 2,
        };
        if let Some(bin) = bin(answer.score, from, width)
            && let Some(count) = counts.get_mut(kind).and_then(|kind| kind.get_mut(bin))
        {
            *count += 1;
        }
    }
    let [right, wrong, unknown] = counts;
    let highest = counts.iter().flatten().max().copied().unwrap_or(0);
    let mut marks = Vec::new();
    if let (Some(stage), true) = (first, highest > 0) {
        let window = stage.window(scene.asked.form, scene.asked.half_width, scene.asked.span());
        let Window { low, high } = scene.shown(window);
        if low <= high {
            let top = f64::from(highest);
            marks.push(Mark::Band {
                label: "Window: goes on".to_owned(),
                points: vec![[low, 0.0, top], [high, 0.0, top]],
                ink: Ink::Muted,
            });
        }
    }
    let kinds = [("Right", &right, -0.25, 0), ("Wrong", &wrong, 0.25, 1)];
    let middle = |bin: usize| from + (bin as f64 + 0.5) * width;
    for (label, counts, shift, ink) in kinds {
        let bars = counts.iter().enumerate();
        marks.push(Mark::Bars {
            label: label.to_owned(),
            bars: bars.map(|(bin, n)| [middle(bin) + shift * width, f64::from(*n)]).collect(),
            width: width / 2.0,
            ink: Ink::Series(ink),
        });
    }
    if unknown.iter().any(|count| *count > 0) {
        let bars = unknown.iter().enumerate();
        marks.push(Mark::Bars {
            label: "Nothing known to be true".to_owned(),
            bars: bars.map(|(bin, n)| [middle(bin), f64::from(*n)]).collect(),
            width: width / 2.0,
            ink: Ink::Series(2),
        });
    }
    if let Some(threshold) = first.map(|stage| stage.threshold).filter(|t| t.is_finite()) {
        marks.push(Mark::Rule {
            label: "Operating threshold".to_owned(),
            direction: Direction::Vertical,
            at: threshold,
            knob: scene.asked.centre,
        });
    }
    let selected = selection.token.zip(scene.first());
    let selected = selected.map(|(row, first)| first.answer(score, row).score);
    if let Some(at) = selected.filter(|score| score.is_finite()) {
        let noun = scene.first().map_or("", |first| first.recording.subject().noun());
        let label = format!("Selected {noun}");
        marks.push(Mark::Rule { label, direction: Direction::Vertical, at, knob: None });
    }
    let name = scene.first().map(|first| first.name.as_str()).unwrap_or_default();
    let rows = scene.first().map_or("rows", |first| first.recording.subject().nouns());
    let pick = |bin: usize| {
        let at = middle(bin);
        let tall = right.get(bin).max(wrong.get(bin)).copied().unwrap_or(0);
        let label = format!("Centre at {at:.3}");
        Pick { at: [at, f64::from(tall)], label, sets: Asked::centre_at(at) }
    };
    Figure {
        id: "score-histogram",
        title: format!("Scores of {name}"),
        x: Axis::linear(score.label(), score.signal().unit()).with_range(from, to),
        y: Axis::integer(capital(rows)),
        marks,
        picks: if highest > 0 { (0..BINS).map(pick).collect() } else { Vec::new() },
    }
}

/// The bin of a score; rounding may lead a hair beyond the ends of its range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the number of bins"
)]
fn bin(score: f64, from: f64, width: f64) -> Option<usize> {
    let bin = ((score - from) / width).floor();
    (!bin.is_nan()).then(|| bin.clamp(0.0, BINS as f64 - 1.0) as usize)
}

/// No more points than a picture shows, ends included.
fn thinned(points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.last().copied();
    let mut kept: Vec<[f64; 2]> = points.into_iter().step_by(step).collect();
    if kept.last().copied() != last {
        kept.extend(last);
    }
    kept
}
