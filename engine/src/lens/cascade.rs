//! A small model first, a larger one only near the decision: window-based cascades over several models.
//!
//! # Question
//! If a small model answers first and only rows near its operating threshold go on to a larger one, what is kept and what is saved?
//! # Source
//! Xia and Bouganis 2023 (Window-Based Early-Exit Cascades for Uncertainty Estimation), section 3 and its code.
//! # What it records
//! Nothing of its own: the last readout of every member, recorded on the same data.
//! # What it shows
//! A metric against the average cost, of the members alone, of their average and of cascades over half widths; the first member's
//! scores with the window; risk over coverage; and what every half width passes on.
//! # Knobs
//! score, window-form, operating-point and its own, half-width, combine, metric, goal, calibration, split-seed, slice.
//! # What is modelled
//! Cost: the FLOPs of all members that ran, `sum over j of P(member j runs) C_j`, each with one readout; the formula of C stands in
//! `policy/cost.rs`.
//! # What cannot be known here
//! Time; how the answers of a shifted distribution would be ranked; the published scores from logits, which are not recorded.

mod answer;
mod figures;
mod knobs;
mod readings;
mod stages;
#[cfg(test)]
mod tests;

use crate::figure::cell;
use crate::knob::{KnobCard, Knobs};
use crate::lens::exits::settings;
use crate::lens::{Lens, LensCard, Members, OverMembers, Selection, TokenColumns, View};
use crate::policy::{RiskCurve, Side, full_flops, least_accepted};
use crate::recording::{Recording, Slice};
use crate::signal::NO_TOKEN;
use answer::{Answer, Member};
use knobs::{Asked, Metric};
use stages::{Form, Stage, Window, reached, stood};

/// Registry entry.
pub(super) static LENS: Cascade = Cascade;

/// A small model first, a larger one only near the decision.
#[derive(Debug)]
pub(super) struct Cascade;

static CARD: LensCard = LensCard {
    id: "cascade",
    name: "Model cascade",
    question: "If a small model answers first and only rows near its threshold go on to a larger one, what is kept and saved?",
    source: "Xia and Bouganis 2023 (window-based early-exit cascades), section 3 and its code; answers of the larger member alone, a window in units of the score and the margin are extensions",
    modelled: "Cost: FLOPs of every member that ran (all its blocks and one readout), in the mean over rows; attention at the mean number of positions of the slice",
    unknown: "What a cascade takes in time; what it gives on data unlike these; and the published scores from logits (largest logit, energy), which no recording holds",
};

/// Half widths that are drawn: i / 40, as the published sweep goes.
const POSITIONS: u32 = 40;

/// All that the figures are drawn from.
struct Scene<'a> {
    /// Cheapest first.
    members: Vec<Member<'a>>,
    asked: Asked,
    /// Rows that thresholds are found on, and rows that are measured.
    rows: [Vec<usize>; 2],
    /// One for each member.
    stages: Vec<Stage>,
    /// One for each member but the last.
    windows: Vec<Window>,
    /// Which member's answer stands, for each measured row.
    stood: Vec<usize>,
    /// What each measured row's answer is held against.
    truth: Vec<Option<u32>>,
    /// Answers of the average over all members on the measured rows; `None` where not all probabilities are recorded.
    ensemble: Option<Vec<Answer>>,
    /// Whether members stand in the order of their cost.
    is_ordered: bool,
}

/// Answers to all measured rows, of a member alone, the average or the cascade.
struct Series {
    name: String,
    /// FLOPs of a row in the mean; modelled.
    flops: Option<f64>,
    curve: RiskCurve,
}

impl<'a> Scene<'a> {
    fn new(all: &Members<'a>, knobs: &Knobs) -> Self {
        let first = all.first;
        let mut allowed = knobs.clone();
        allowed.keep_allowed(&knobs::cards(Some(first), knobs));
        let slice = settings(first, &allowed).slice;
        let (members, is_ordered) = in_order(all, &slice);
        let has_probs = members.iter().all(|member| answer::has_all_probs(member.recording));
        let asked = Asked::of(first, &allowed, has_probs);
        let rows = [Side::Calibration, Side::Test].map(|side| -> Vec<usize> {
            asked.split.rows_in(first, side, &slice).into_iter().flatten().collect()
        });
        let truths = rows.each_ref().map(|rows| -> Vec<Option<u32>> {
            rows.iter().map(|row| asked.truth(&members, *row)).collect()
        });
        let stages: Vec<Stage> = (0..members.len())
            .map(|last| {
                let so_far = members.get(..=last).unwrap_or_default();
                let answers = rows.each_ref().map(|rows| {
                    let of = |row: &usize| answer::joined(so_far, asked.combine, asked.score, *row);
                    rows.iter().map(of).collect()
                });
                Stage::new(answers, &truths[0], asked.point)
            })
            .collect();
        let ensemble = (has_probs && members.len() > 1).then(|| {
            let combine = asked.combine.of_all();
            rows[1].iter().map(|row| answer::joined(&members, combine, asked.score, *row)).collect()
        });
        let [_, truth] = truths;
        let mut scene = Self {
            members,
            asked,
            rows,
            stages,
            windows: Vec::new(),
            stood: Vec::new(),
            truth,
            ensemble,
            is_ordered,
        };
        scene.windows = scene.windows_at(scene.asked.form, scene.asked.half_width);
        scene.stood = stood(&scene.stages, &scene.windows);
        scene
    }

    fn first(&self) -> Option<&Member<'a>> {
        self.members.first()
    }

    /// Whether there is anything to pass on to.
    fn is_alone(&self) -> bool {
        self.members.len() < 2
    }

    /// The windows of all members but the last.
    fn windows_at(&self, form: Form, half_width: f64) -> Vec<Window> {
        let span = self.asked.span();
        let before_last = self.stages.len().saturating_sub(1);
        let stages = self.stages.iter().take(before_last);
        stages.map(|stage| stage.window(form, half_width, span)).collect()
    }

    /// A window as far as the score reaches.
    fn shown(&self, window: Window) -> Window {
        let [from, to] = self.asked.range;
        Window { low: window.low.max(from), high: window.high.min(to) }
    }

    /// Answers of a cascade whose answers stand where `stood` says.
    fn answers(&self, stood: &[usize]) -> Vec<Answer> {
        let answer = |(row, last): (usize, &usize)| {
            self.stages.get(*last).and_then(|stage| stage.test.get(row)).copied()
        };
        stood.iter().enumerate().filter_map(answer).collect()
    }

    /// Score and whether it is right, of every measured row of which it is known.
    fn judged<'b>(
        &'b self,
        answers: &'b [Answer],
    ) -> impl Iterator<Item = (f64, bool)> + use<'b, 'a> {
        answers
            .iter()
            .zip(&self.truth)
            .filter_map(|(answer, truth)| Some((answer.score, answer.id == (*truth)?)))
    }

    /// What a row costs in the mean where so many rows reach each member.
    fn flops(&self, stood: &[usize]) -> Option<f64> {
        let num = stood.len() as f64;
        let each = reached(stood, self.members.len()).into_iter().zip(&self.members);
        let parts = each.map(|(rows, member)| Some(rows as f64 / num * member.flops?));
        let flops: f64 = parts.sum::<Option<f64>>()?;
        flops.is_finite().then_some(flops)
    }

    /// The same as a share of what the last member costs alone.
    fn relative(&self, flops: Option<f64>) -> Option<f64> {
        let share = flops? / self.members.last()?.flops?;
        share.is_finite().then_some(share)
    }

    fn series(&self, name: impl Into<String>, flops: Option<f64>, answers: &[Answer]) -> Series {
        let curve = RiskCurve::new(self.judged(answers).collect());
        Series { name: name.into(), flops, curve }
    }

    /// Each member alone, cheapest first.
    fn alone(&self) -> Vec<Series> {
        let own = |member: &Member<'_>| {
            let of = |row: &usize| member.answer(self.asked.score, *row);
            let answers: Vec<Answer> = self.rows[1].iter().map(of).collect();
            self.series(member.name.clone(), member.flops, &answers)
        };
        self.members.iter().map(own).collect()
    }

    /// The average of all members.
    fn average(&self) -> Option<Series> {
        let flops = self.members.iter().map(|member| member.flops).sum::<Option<f64>>();
        let answers = self.ensemble.as_ref()?;
        Some(self.series("Average of all", flops, answers))
    }

    /// The cascade as the knobs stand; `None` with one recording.
    fn cascade(&self) -> Option<Series> {
        let series = || self.series("Cascade", self.flops(&self.stood), &self.answers(&self.stood));
        (!self.is_alone()).then(series)
    }

    /// Cascades of one form over all half widths.
    fn sweep(&self, form: Form) -> Vec<Trial> {
        let metric = self.asked.metric;
        let trial = |half_width: f64| {
            let stood = stood(&self.stages, &self.windows_at(form, half_width));
            let flops = self.flops(&stood);
            let passed = share(stood.iter().filter(|last| **last > 0).count(), stood.len());
            let answers = self.answers(&stood);
            Trial { half_width, passed, flops, value: metric.of_rows(self.judged(&answers)) }
        };
        let positions = (0..=POSITIONS).map(|at| f64::from(at) / f64::from(POSITIONS));
        positions.map(trial).collect()
    }
}

/// A cascade of one half width.
struct Trial {
    half_width: f64,
    /// Share of rows that the first member passes on.
    passed: Option<f64>,
    flops: Option<f64>,
    /// The chosen metric.
    value: Option<f64>,
}

fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

impl Series {
    fn value(&self, metric: Metric) -> Option<f64> {
        metric.of(&self.curve)
    }
}

/// Members by what the full model costs on the whole recording, cheapest first, with what it costs on the slice; in the order
/// in which they came where a cost is not known.
fn in_order<'a>(members: &Members<'a>, slice: &Slice) -> (Vec<Member<'a>>, bool) {
    let whole = |recording: &Recording| full_flops(recording, &Slice::all());
    let mut recordings: Vec<&'a Recording> = members.all().collect();
    let is_ordered = recordings.iter().all(|recording| whole(recording).is_some());
    if is_ordered {
        let cost = |recording: &Recording| whole(recording).unwrap_or(f64::NAN);
        recordings.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    }
    let mut named: Vec<Member<'a>> = Vec::new();
    for recording in recordings {
        let model = &recording.manifest.provenance.model;
        let is_same = |other: &&Member<'_>| other.recording.manifest.provenance.model == *model;
        let name = match named.iter().filter(is_same).count() {
            0 => model.clone(),
            others => format!("{model} ({})", others + 1),
        };
        named.push(Member { recording, name, flops: full_flops(recording, slice) });
    }
    (named, is_ordered)
}

impl Lens for Cascade {
    fn card(&self) -> &'static LensCard {
        &CARD
    }

    fn knobs(&self, recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
        knobs::cards(recording, knobs)
    }

    fn view(&self, recording: &Recording, knobs: &Knobs, selection: Selection) -> View {
        self.view_members(&Members::only(recording), knobs, selection)
    }

    fn token_columns<'a>(&self, recording: &'a Recording, knobs: &Knobs) -> TokenColumns<'a> {
        self.columns_of_members(&Members::only(recording), knobs)
    }

    fn over_members(&self) -> Option<&dyn OverMembers> {
        Some(self)
    }
}

impl OverMembers for Cascade {
    fn view_members(&self, members: &Members<'_>, knobs: &Knobs, selection: Selection) -> View {
        let scene = Scene::new(members, knobs);
        let drawn = figures::Drawn::new(&scene);
        View {
            figures: drawn.figures(&scene, selection),
            readings: readings::readings(&scene, &drawn),
            tables: readings::tables(&scene, &drawn),
            suggestions: Vec::new(),
            notes: readings::notes(&scene),
            versus: None,
        }
    }

    /// | column | meaning |
    /// |---|---|
    /// | part | "calibration" or "test"; empty outside the slice, and so are the others |
    /// | `member_stood` | number of the member whose answer stands, 1 the cheapest |
    /// | `score_first`, `score_final` | score of the first member, and of the answer that stands |
    /// | `answer_id`, answer | the answer that stands |
    fn columns_of_members<'a>(&self, members: &Members<'a>, knobs: &Knobs) -> TokenColumns<'a> {
        let names = ["part", "member_stood", "score_first", "score_final", "answer_id", "answer"];
        let scene = Scene::new(members, knobs);
        let recording = members.first;
        let cells = move |token: usize| {
            let place =
                scene.rows.iter().zip(["calibration", "test"]).find_map(|(rows, part)| {
                    rows.binary_search(&token).ok().map(|row| (part, row))
                });
            let Some((part, row)) = place else { return vec![String::new(); names.len()] };
            let said = |stage: &Stage| {
                let answers = if part == "test" { &stage.test } else { &stage.calibration };
                answers.get(row).copied().unwrap_or(Answer::NONE)
            };
            let answers: Vec<Answer> = scene.stages.iter().map(said).collect();
            let last = stages::stops(&answers, &scene.windows);
            let answer = answers.get(last).copied().unwrap_or(Answer::NONE);
            let id = (answer.id != NO_TOKEN).then_some(answer.id);
            vec![
                part.to_owned(),
                (last + 1).to_string(),
                cell(answers.first().map_or(f64::NAN, |first| first.score)),
                cell(answer.score),
                id.map(|id| id.to_string()).unwrap_or_default(),
                id.map(|id| recording.piece(id)).unwrap_or_default(),
            ]
        };
        TokenColumns { names: names.map(str::to_owned).to_vec(), cells: Box::new(cells) }
    }
}

impl Metric {
    /// Of rows, each a score and whether it is right.
    fn of_rows(self, rows: impl Iterator<Item = (f64, bool)>) -> Option<f64> {
        if self == Self::Right {
            // Needs no order.
            let (num, right) = rows.fold((0, 0), |(n, r), (_, is)| (n + 1, r + usize::from(is)));
            return share(right, num);
        }
        self.of(&RiskCurve::new(rows.collect()))
    }

    fn of(self, curve: &RiskCurve) -> Option<f64> {
        let num = curve.num_rows();
        match self {
            Self::Right => curve.at_coverage(1.0).map(|all| 1.0 - all.risk()),
            Self::Coverage(risk) => {
                curve.at_risk(risk, least_accepted(num)).map(|accepted| curve.coverage(accepted))
            }
            Self::Risk(coverage) => curve.at_coverage(coverage).map(|accepted| accepted.risk()),
            Self::Area => curve.area(),
        }
    }
}
