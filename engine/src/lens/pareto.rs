//! Which rule keeps the most answers for the least cost? All rules on one chart.
//!
//! # Question
//! Which rule, at which setting, keeps the most answers for what it costs, and how far from the bound is it?
//! # Source
//! Rules: each names its own. The bound: Schuster et al. 2022 (CALM), local oracle.
//! # What it records
//! Nothing of its own: the signals that the rules compare, first choices, and the wall time of every block.
//! # What it shows
//! One curve for each rule over the positions of its main knob, the settings that no other one beats, the oracle, and the
//! present setting; each place is a click that sets the knobs. The present rule and those that make up most of the front
//! are in colour, the others grey.
//! # Knobs
//! Those of the present rule; goal, cost, exit-heads, readout-price, skipped-keys, part, calibration, split-seed, slice.
//! # What is modelled
//! Cost in FLOPs, by the formula of `policy/cost.rs`; what is counted can be chosen. Milliseconds are measured, and only ever
//! on an axis of their own.
//! # What cannot be known here
//! What a run that really stops would take, and, for tokens, what a stopped one would have left for later ones.

mod chart;
mod curves;
mod knobs;
mod readings;
#[cfg(test)]
mod tests;

use crate::knob::{KnobCard, Knobs, Value};
use crate::lens::exits;
use crate::lens::{Lens, LensCard, Selection, TokenColumns, View};
use crate::policy::{Outcome, Part, Priced, RULE, choose, main_label, main_value};
use crate::recording::Recording;
use curves::Curve;
use knobs::Asked;

/// Registry entry.
pub(super) static LENS: Pareto = Pareto;

/// Which rule keeps the most answers for the least cost?
#[derive(Debug)]
pub(super) struct Pareto;

static CARD: LensCard = LensCard {
    id: "pareto",
    name: "Rules compared",
    question: "Which rule, at which setting, keeps the most answers for what it costs?",
    source: "Each rule names its own; the bound: Schuster et al. 2022 (CALM), local oracle",
    modelled: "FLOPs: blocks that are run, readouts at every depth at which a token was checked (or only for the answer), and, where chosen, keys and values of skipped blocks (CALM's state propagation)",
    unknown: "What a run that really stops would take: milliseconds are those of blocks while everything ran; and what a stopped token would have left for later ones: exits of tokens are those of the replay",
};

/// A setting of a rule.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    /// Which curve it belongs to.
    curve: usize,
    /// Position of the rule's main knob.
    setting: f64,
    cost: f64,
    /// Share that is kept.
    kept: f64,
    mean_depth: f64,
    /// No other drawn setting of a rule that can run keeps as much for less.
    is_on_front: bool,
}

/// All that the chart is drawn from.
struct Scene<'a> {
    recording: &'a Recording,
    asked: Asked,
    curves: Vec<Curve>,
    /// Those that are drawn.
    points: Vec<Point>,
    /// Of all, also of those that are not drawn.
    cheapest: Cheapest,
    /// The present setting: cost and share that is kept.
    present: Option<[f64; 2]>,
    /// The curve of the present rule.
    present_curve: Option<usize>,
    /// The full model: cost and share that is kept.
    full: Option<[f64; 2]>,
    num_rows: usize,
}

impl<'a> Scene<'a> {
    fn new(recording: &'a Recording, knobs: &Knobs) -> Self {
        let mut allowed = knobs.clone();
        allowed.keep_allowed(&knobs::cards(Some(recording), knobs));
        let asked = Asked::of(recording, &allowed);
        let slice = exits::settings(recording, &allowed).slice;
        let part = match asked.side {
            Some(side) => Part::side(recording, &slice, asked.split, side),
            None => Part::slice(recording, &slice),
        };
        let curves = curves::curves(recording, &part, asked.goal, &allowed);
        let chosen = choose(recording, &allowed);
        let now = part.outcome(recording, &chosen, asked.goal);
        let prices = |chosen| asked.pricing.prices(recording, &slice, chosen);
        let present = prices(&chosen).and_then(|prices| place(&now, &prices));
        let full = curves
            .first()
            .and_then(|curve| Some([prices(&curve.chosen)?.full(), curve.all.full.rows.kept()?]));
        let (mut points, mut cheapest) = (Vec::new(), Cheapest::new(&curves, full, present));
        for (idx, curve) in curves.iter().enumerate() {
            let Some(prices) = prices(&curve.chosen) else { continue };
            let all = curve.all.positions.iter().map(|outcome| {
                let [cost, kept] = place(outcome, &prices)?;
                let mean_depth = outcome.mean_depth()?;
                let setting = outcome.at;
                Some(Point { curve: idx, setting, cost, kept, mean_depth, is_on_front: false })
            });
            let all: Vec<Option<Point>> = all.collect();
            all.iter().flatten().for_each(|point| cheapest.take(point, curve.is_bound));
            let mut drawn = curves::apart(&curve.all);
            // The settings that a person looks for are on the chart, too.
            let wanted = cheapest.of(idx).iter().flatten();
            drawn.extend(wanted.filter_map(|point| {
                all.iter().position(|p| p.as_ref().is_some_and(|p| p.setting == point.setting))
            }));
            drawn.sort_unstable();
            drawn.dedup();
            points.extend(drawn.into_iter().filter_map(|place| all.get(place).cloned().flatten()));
        }
        mark_front(&curves, &mut points);
        let num_rows = part.num_rows();
        let is_present = |curve: &Curve| curve.chosen.rule.card().id == chosen.rule.card().id;
        let present_curve = curves.iter().position(is_present);
        Self { recording, asked, curves, points, cheapest, present, present_curve, full, num_rows }
    }

    /// The knobs that make a point.
    fn sets(&self, point: &Point) -> Vec<(&'static str, Value)> {
        let Some(curve) = self.curves.get(point.curve) else { return Vec::new() };
        let rule = curve.chosen.rule;
        let setting = main_value(self.recording, rule, point.setting);
        vec![(RULE.id, Value::Choice(rule.card().id.to_owned())), (rule.card().main, setting)]
    }

    /// "Margin, threshold 0.8".
    fn name(&self, point: &Point) -> String {
        self.curves.get(point.curve).map_or(String::new(), |curve| {
            let main = main_label(self.recording, curve.chosen.rule).to_lowercase();
            let setting = (point.setting * 1e4).round() / 1e4;
            format!("{}, {main} {setting}", curve.chosen.rule.card().label)
        })
    }
}

/// Parts of what the full model keeps, for which the cheapest setting of every rule is listed.
const LEVELS: [f64; 4] = [0.9, 0.95, 0.99, 0.999];

/// The cheapest settings among all positions of all rules.
struct Cheapest {
    /// `[curve][level]`
    levels: Vec<[Option<Point>; LEVELS.len()]>,
    /// What the full model keeps.
    full: f64,
    /// What the present setting keeps.
    kept: Option<f64>,
    /// Of rules that can run, one that keeps as much as the present setting.
    as_good: Option<Point>,
}

impl Cheapest {
    fn new(curves: &[Curve], full: Option<[f64; 2]>, present: Option<[f64; 2]>) -> Self {
        let full = full.map_or(f64::NAN, |[_, kept]| kept);
        let levels = curves.iter().map(|_| [const { None }; LEVELS.len()]).collect();
        Self { levels, full, kept: present.map(|[_, kept]| kept), as_good: None }
    }

    fn take(&mut self, point: &Point, is_bound: bool) {
        let is_better = |than: &Option<Point>| {
            than.as_ref().is_none_or(|than| {
                point.cost < than.cost || (point.cost == than.cost && point.kept > than.kept)
            })
        };
        let levels = self.levels.get_mut(point.curve).into_iter().flatten();
        for (level, best) in LEVELS.iter().zip(levels) {
            if point.kept >= level * self.full && is_better(best) {
                *best = Some(point.clone());
            }
        }
        let is_as_good = self.kept.is_some_and(|kept| point.kept >= kept);
        if !is_bound && is_as_good && is_better(&self.as_good) {
            self.as_good = Some(point.clone());
        }
    }

    /// The cheapest settings of a curve at each of `LEVELS`.
    fn of(&self, curve: usize) -> &[Option<Point>] {
        self.levels.get(curve).map(<[_; LEVELS.len()]>::as_slice).unwrap_or_default()
    }
}

/// Cost and kept share of an outcome.
fn place(outcome: &Outcome, prices: &Priced) -> Option<[f64; 2]> {
    Some([prices.of(&outcome.exits)?, outcome.rows.kept()?])
}

/// Marks the points of rules that can run which no other such point beats: cheaper and as good, or as cheap and better.
fn mark_front(curves: &[Curve], points: &mut [Point]) {
    let can_run = |point: &Point| curves.get(point.curve).is_some_and(|curve| !curve.is_bound);
    let mut order: Vec<usize> = (0..points.len()).collect();
    let key = |idx: usize| points.get(idx).map_or((f64::NAN, f64::NAN), |p| (p.cost, -p.kept));
    order.sort_by(|a, b| {
        let (a, b) = (key(*a), key(*b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let mut best = f64::NEG_INFINITY;
    for idx in order {
        if let Some(point) = points.get_mut(idx).filter(|point| can_run(point))
            && point.kept > best
        {
            best = point.kept;
            point.is_on_front = true;
        }
    }
}

impl Lens for Pareto {
    fn card(&self) -> &'static LensCard {
        &CARD
    }

    fn knobs(&self, recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
        knobs::cards(recording, knobs)
    }

    fn view(&self, recording: &Recording, knobs: &Knobs, _selection: Selection) -> View {
        let scene = Scene::new(recording, knobs);
        View {
            figures: vec![chart::figure(&scene)],
            readings: readings::readings(&scene),
            tables: vec![readings::points(&scene), readings::rules(&scene)],
            suggestions: vec![readings::suggestion(&scene)],
            notes: readings::notes(&scene),
            versus: None,
        }
    }

    fn token_columns<'a>(&self, _recording: &'a Recording, _knobs: &Knobs) -> TokenColumns<'a> {
        TokenColumns { names: Vec::new(), cells: Box::new(|_| Vec::new()) }
    }
}
