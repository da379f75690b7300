//! How the cascade decides, and what is measured of it.

use super::answer::{Combine, Member, Score, has_all_probs};
use super::stages::{Form, Point};
use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs, Real, Value};
use crate::lens::exits::slice_card;
use crate::policy::{Goal, Split, add_split_cards};
use crate::recording::Recording;
use crate::signal::{NO_TOKEN, Signal};

const SCORE: Choice =
    Choice { id: "score", label: "Score", help: "How sure an answer is; larger is surer" };
const FORM: Choice = Choice {
    id: "window-form",
    label: "Window",
    help: "Which scores go on to the next member; both ends of a window belong to it",
};
const POINT: Choice = Choice {
    id: "operating-point",
    label: "Operating threshold",
    help: "What is asked of the calibration part; windows stand around the threshold that follows from it, one for each member",
};
pub(super) const COVERAGE: Real = Real {
    id: "operating-coverage",
    label: "Coverage",
    help: "So large a share of the calibration part lies at or above the threshold",
    unit: "fraction",
    default: 0.8,
    min: 0.0,
    max: 1.0,
    step: 0.005,
};
pub(super) const HALF_WIDTH: Real = Real {
    id: "half-width",
    label: "Half width δ",
    help: "How far the window reaches on either side: a share of the rows, or of the score's span",
    unit: "fraction",
    default: 0.1,
    min: 0.0,
    max: 1.0,
    step: 0.005,
};
const COMBINE: Choice = Choice {
    id: "combine",
    label: "What goes on gets",
    help: "The answer of the last member that ran, or of the average of all that ran",
};
const METRIC: Choice =
    Choice { id: "metric", label: "Metric", help: "What stands against the average cost" };

/// Of the knob that is the threshold itself.
const CENTRE: &str = "centre";

/// The score that is the threshold. Its range is that of the score.
pub(super) fn centre(recording: Option<&Recording>, score: Score) -> Real {
    let [min, max] = range(recording, score);
    Real {
        id: CENTRE,
        label: "Centre",
        help: "The score that the window stands around",
        unit: score.signal().unit(),
        default: f64::midpoint(min, max),
        min,
        max,
        step: (max - min) / 1000.0,
    }
}

impl Score {
    const ALL: [Self; 3] = [Self::MaxProb, Self::Entropy, Self::Margin];

    /// The signal that it is, or is the negative of.
    pub(super) fn signal(self) -> Signal {
        match self {
            Self::MaxProb => Signal::MaxProb,
            Self::Entropy => Signal::Entropy,
            Self::Margin => Signal::Margin,
        }
    }

    /// Sentence case, for axes.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::MaxProb => "Max probability",
            Self::Entropy => "Entropy, negated",
            Self::Margin => "Margin p1 − p2",
        }
    }

    fn option(self) -> ChoiceOption {
        let option = ChoiceOption::new(self.signal().id(), self.label());
        match self {
            Self::MaxProb | Self::Entropy => option,
            Self::Margin => option.explained("An extension: no published score", ""),
        }
    }
}

/// Least and largest value of a score.
fn range(recording: Option<&Recording>, score: Score) -> [f64; 2] {
    let choices = recording.map_or(2, |recording| recording.manifest.vocab.max(2)) as f64;
    match score {
        Score::MaxProb => [choices.recip(), 1.0],
        Score::Entropy => [-choices.ln(), 0.0],
        Score::Margin => [0.0, 1.0],
    }
}

/// What is measured of answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Metric {
    /// Share that is right.
    Right,
    /// The largest coverage at this risk.
    Coverage(f64),
    /// The risk at this coverage.
    Risk(f64),
    /// Area under risk over coverage.
    Area,
}

impl Metric {
    pub(super) const ALL: [Self; 6] = [
        Self::Right,
        Self::Coverage(0.05),
        Self::Coverage(0.1),
        Self::Risk(0.5),
        Self::Risk(0.8),
        Self::Area,
    ];

    /// Kebab-case name.
    fn id(self) -> String {
        let percent = |share: f64| (share * 100.0).round();
        match self {
            Self::Right => "right".to_owned(),
            Self::Coverage(risk) => format!("coverage-at-risk-{}", percent(risk)),
            Self::Risk(coverage) => format!("risk-at-coverage-{}", percent(coverage)),
            Self::Area => "aurc".to_owned(),
        }
    }

    /// Sentence case, for axes and menus.
    pub(super) fn label(self, goal: Goal) -> String {
        let percent = |share: f64| (share * 100.0).round();
        match self {
            Self::Right => match goal {
                Goal::Accuracy => "Accuracy".to_owned(),
                Goal::Agreement | Goal::Kept => "Agreement with the last member".to_owned(),
            },
            Self::Coverage(risk) => format!("Coverage at {} % risk", percent(risk)),
            Self::Risk(coverage) => format!("Risk at {} % coverage", percent(coverage)),
            Self::Area => "Area under risk over coverage".to_owned(),
        }
    }

    /// Unit on axes.
    pub(super) fn unit(self) -> &'static str {
        if self == Self::Area { "" } else { "fraction" }
    }
}

/// How the knobs stand.
pub(super) struct Asked {
    pub(super) score: Score,
    pub(super) form: Form,
    pub(super) point: Point,
    pub(super) half_width: f64,
    pub(super) combine: Combine,
    /// Whether an average was asked for that cannot be made.
    pub(super) lacks_probs: bool,
    pub(super) metric: Metric,
    pub(super) goal: Goal,
    pub(super) split: Split,
    /// Least and largest value of the score.
    pub(super) range: [f64; 2],
    /// The knob that is the threshold itself, where it was set by hand.
    pub(super) centre: Option<&'static str>,
}

const PERCENTILE: &str = "percentile";
const ADJUSTED: &str = "adjusted";
const OF_SCORE: &str = "score";
const LEAST_SURE: &str = "single-threshold";
const BY_COVERAGE: &str = "coverage";
const BY_HAND: &str = "by-hand";
const RISK_5: &str = "risk-5";
const RISK_10: &str = "risk-10";
const LAST: &str = "last";
const MEAN_OF_SCORES: &str = "mean-of-scores";
const SCORE_OF_MEAN: &str = "score-of-mean";
const PAPER: &str = "Xia and Bouganis 2023";
const CODE: &str = "Code of Xia and Bouganis 2023";

pub(super) fn cards(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    let mut cards = vec![
        SCORE.card(Score::ALL.map(Score::option).to_vec()),
        FORM.card(forms()),
        POINT.card(points()),
    ];
    match knobs.choice(&POINT) {
        Some(BY_HAND) => cards.push(centre(recording, score(knobs)).card()),
        Some(RISK_5 | RISK_10) => {}
        _ => cards.push(COVERAGE.card()),
    }
    let metrics = Metric::ALL.map(|metric| {
        let label = match metric {
            Metric::Right => "Right answers".to_owned(),
            other => other.label(Goal::Accuracy),
        };
        ChoiceOption::new(metric.id(), label)
    });
    cards.extend([
        HALF_WIDTH.card(),
        COMBINE.card(combinations(recording)),
        METRIC.card(metrics.to_vec()),
        Goal::card(recording, Goal::OF_READOUTS),
    ]);
    add_split_cards(&mut cards);
    cards.push(slice_card(recording));
    cards
}

fn forms() -> Vec<ChoiceOption> {
    let option = |id, label, help, source| ChoiceOption::new(id, label).explained(help, source);
    vec![
        option(
            PERCENTILE,
            "Percentile window",
            "δ of the calibration part on either side of the threshold",
            PAPER,
        ),
        option(
            ADJUSTED,
            "Adjusted window",
            "The same threshold, and δ of the measured rows on either side, without their labels",
            CODE,
        ),
        option(
            OF_SCORE,
            "Window of the score",
            "An extension: δ is a share of the score's span",
            "",
        ),
        option(
            LEAST_SURE,
            "Single threshold",
            "The baseline: the least sure 2 δ of the calibration part go on",
            CODE,
        ),
    ]
}

fn points() -> Vec<ChoiceOption> {
    let option = |id, label, help| ChoiceOption::new(id, label).explained(help, "");
    vec![
        option(BY_COVERAGE, "Coverage", ""),
        option(RISK_5, "Most coverage at 5 % risk", ""),
        option(RISK_10, "Most coverage at 10 % risk", ""),
        option(BY_HAND, "By hand", "The same score for every member"),
    ]
}

/// Averages only where every probability is recorded.
fn combinations(recording: Option<&Recording>) -> Vec<ChoiceOption> {
    let mut options = vec![
        ChoiceOption::new(LAST, "The larger member's answer")
            .explained("An extension: its answer and its score alone", ""),
    ];
    if recording.is_none_or(has_all_probs) {
        options.push(
            ChoiceOption::new(MEAN_OF_SCORES, "The average, mean of scores")
                .explained("Probabilities averaged; the score is the mean of the scores", CODE),
        );
        options.push(
            ChoiceOption::new(SCORE_OF_MEAN, "The average, its own score")
                .explained("Probabilities averaged; the score is theirs", CODE),
        );
    }
    options
}

fn score(knobs: &Knobs) -> Score {
    let chosen = knobs.choice(&SCORE);
    let mut scores = Score::ALL.into_iter();
    scores.find(|score| Some(score.signal().id()) == chosen).unwrap_or(Score::MaxProb)
}

impl Asked {
    /// Of knobs that the cards allow; `has_probs`: every member recorded every probability.
    pub(super) fn of(recording: &Recording, knobs: &Knobs, has_probs: bool) -> Self {
        let score = score(knobs);
        let combine = match knobs.choice(&COMBINE) {
            Some(MEAN_OF_SCORES) => Combine::MeanOfScores,
            Some(SCORE_OF_MEAN) => Combine::ScoreOfMean,
            _ => Combine::Last,
        };
        let lacks_probs = combine != Combine::Last && !has_probs;
        let hand = centre(Some(recording), score);
        let point = match knobs.choice(&POINT) {
            Some(RISK_5) => Point::Risk(0.05),
            Some(RISK_10) => Point::Risk(0.1),
            Some(BY_HAND) => Point::ByHand(knobs.real(&hand)),
            _ => Point::Coverage(knobs.real(&COVERAGE)),
        };
        let metric = Metric::ALL
            .into_iter()
            .find(|metric| knobs.choice(&METRIC).is_some_and(|chosen| chosen == metric.id()));
        Self {
            score,
            form: match knobs.choice(&FORM) {
                Some(ADJUSTED) => Form::Adjusted,
                Some(OF_SCORE) => Form::Score,
                Some(LEAST_SURE) => Form::LeastSure,
                _ => Form::Percentile,
            },
            point,
            half_width: knobs.real(&HALF_WIDTH),
            combine: if lacks_probs { Combine::Last } else { combine },
            lacks_probs,
            metric: metric.unwrap_or(Metric::Right),
            goal: Goal::of(recording, knobs, Goal::OF_READOUTS),
            split: Split::of(knobs),
            range: range(Some(recording), score),
            centre: matches!(point, Point::ByHand(_)).then_some(hand.id),
        }
    }

    /// Length of the score's range.
    pub(super) fn span(&self) -> f64 {
        self.range[1] - self.range[0]
    }

    /// Knobs that put the threshold at a score.
    pub(super) fn centre_at(score: f64) -> Vec<(&'static str, Value)> {
        vec![(POINT.id, Value::Choice(BY_HAND.to_owned())), (CENTRE, Value::Real(score))]
    }

    /// What the answer to a row is held against: what is true, or what the last member says.
    pub(super) fn truth(&self, members: &[Member<'_>], row: usize) -> Option<u32> {
        match self.goal {
            Goal::Accuracy => {
                let truths = &members.first()?.recording.tokens.next_ids;
                truths.get(row).copied().filter(|id| *id != NO_TOKEN)
            }
            Goal::Agreement | Goal::Kept => {
                let last = members.last()?.recording;
                last.first_choice(last.num_layers(), row)
            }
        }
    }
}
