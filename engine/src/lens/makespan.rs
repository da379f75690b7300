//! Does it pay to give up early on an attempt that will fail? The paper's closed form, over attempts of a recording.
//!
//! # Question
//! An attempt is repeated until one succeeds. How long does that take, and is it shorter if attempts that look like
//! failures are ended early?
//! # Source
//! Watson and Correll 2023, arXiv 2301.10846: attempts, calls and mean times; the closed form with its variance is
//! derived in `makespan/case.rs` and equals that of the authors' code for six probabilities that sum to 1. Interval of
//! the gain: percentile bootstrap (Efron 1979), an extension. Attempts of a language model: an extension.
//! # What it records
//! Max probability, margin and entropy at every depth; labels, next tokens or columns for the outcome.
//! # What it shows
//! Expected times over all thresholds, their ratio over all rates of calls with the break-even line, the distribution
//! of the time to a success, mean times, and scores.
//! # Knobs
//! source, outcome, least-share, most-nll, look, look-tokens, look-depth, signal, predictor, threshold, unit; by hand p,
//! alpha, tau, success-time, failure-time, call-time; restart, times, runs, seed.
//! # What is modelled
//! Time in blocks: tokens times blocks run, without readouts. Expected times: attempts are independent and alike.
//! # What cannot be known here
//! What another try of the same sample would give; a recording holds one run of each. What a restart costs.

mod attempts;
mod case;
mod figures;
mod knobs;
mod logistic;
mod phases;
mod readings;
mod simulate;
mod sweep;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::figure::cell;
use crate::knob::{KnobCard, Knobs};
use crate::lens::{Lens, LensCard, Selection, TokenColumns, View};
use crate::recording::Recording;
use crate::signal::Subject;
use attempts::{Attempts, Counts, Plan, Unit, is_cut};
use case::Case;
use knobs::{Numbers, Settings, settings};
use simulate::{Makespans, Source};
use sweep::{Sweep, gain_interval};

/// Registry entry.
pub(super) static LENS: Makespan = Makespan;

/// Does it pay to give up early?
#[derive(Debug)]
pub(super) struct Makespan;

static CARD: LensCard = LensCard {
    id: "makespan",
    name: "Early abort",
    question: "Is a success reached sooner if attempts that look like failures are ended early?",
    source: "Watson and Correll 2023, arXiv 2301.10846; closed form with variance and no-calls derived from it. Extensions of ours: attempts of a recording, logistic regression on confidences, bootstrap interval of the gain (Efron 1979)",
    modelled: "Time in blocks is tokens times blocks run, without readouts; expected times take attempts as independent and alike, and the times of successes and failures as independent of the call (S and F are means over all recorded attempts, none of which was ended)",
    unknown: "A recording holds one run of each sample: another try of the same sample is taken as another sample of the recording. What a restart costs is typed. A success of a text is our reading of it unless a label or a column says it",
};

/// All that the figures are drawn from.
struct Scene<'a> {
    recording: &'a Recording,
    settings: Settings,
    /// `None` where numbers are typed.
    attempts: Option<Arc<Attempts>>,
    /// `None` without attempts.
    case: Option<Case>,
    sweep: Option<Arc<Sweep>>,
    with_calls: Option<Makespans>,
    without_calls: Option<Makespans>,
    /// Of E0 − E1.
    interval: Option<(f64, f64)>,
}

impl<'a> Scene<'a> {
    fn new(recording: &'a Recording, settings: Settings) -> Self {
        let Settings { restart, num_runs, seed, scatter, .. } = settings;
        let mut scene = Self {
            recording,
            settings,
            attempts: None,
            case: None,
            sweep: None,
            with_calls: None,
            without_calls: None,
            interval: None,
        };
        let threshold = match &scene.settings.numbers {
            Numbers::Typed(case) => {
                scene.case = Some(*case);
                None
            }
            Numbers::Recorded(plan, threshold) => {
                let attempts = attempts::read(recording, plan);
                let shown = &attempts.shown;
                scene.case = Counts::of(shown.iter(), Some(*threshold)).case(restart);
                scene.interval = gain_interval(shown, *threshold, restart, seed);
                scene.sweep = Some(Sweep::new(recording, plan, &attempts, restart));
                scene.attempts = Some(attempts);
                Some(*threshold)
            }
        };
        let simulate = |source| Makespans::new(source, num_runs, seed);
        match (scatter, scene.case, &scene.attempts) {
            (Some(scatter), Some(case), _) => {
                scene.with_calls = simulate(Source::Drawn(case, scatter));
                scene.without_calls = simulate(Source::Drawn(case.without_calls(), scatter));
            }
            (None, _, Some(attempts)) => {
                let shown = attempts.shown.as_slice();
                let of = |threshold| Source::Recorded { attempts: shown, threshold, restart };
                scene.with_calls = simulate(of(threshold));
                scene.without_calls = simulate(of(None));
            }
            _ => {}
        }
        scene
    }

    /// Unit of all times.
    fn unit(&self) -> &'static str {
        match (&self.settings.numbers, self.recording.subject()) {
            (Numbers::Typed(_), _) => "s",
            (Numbers::Recorded(Plan { unit: Unit::Milliseconds, .. }, _), _) => "ms",
            (_, Subject::Sample) => "blocks",
            (_, Subject::Token | Subject::OwnToken) => "token blocks",
        }
    }
}

impl Lens for Makespan {
    fn card(&self) -> &'static LensCard {
        &CARD
    }

    fn knobs(&self, recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
        knobs::cards(recording, knobs)
    }

    fn view(&self, recording: &Recording, knobs: &Knobs, _: Selection) -> View {
        let scene = Scene::new(recording, settings(recording, knobs));
        View {
            figures: vec![
                figures::thresholds(&scene),
                figures::map(&scene),
                figures::distribution(&scene),
                figures::times(&scene),
                figures::scores(&scene),
            ],
            readings: readings::readings(&scene),
            tables: readings::tables(&scene),
            suggestions: readings::suggestions(&scene),
            notes: readings::notes(&scene),
            versus: None,
        }
    }

    /// | column | meaning |
    /// |---|---|
    /// | attempt_success | 1 where the attempt that the token belongs to succeeds, 0 where not; empty where nothing is known |
    /// | attempt_score | its score before the call; empty where no call can be made |
    /// | attempt_ended | 1 where a call ends it |
    /// | attempt_time, attempt_call_time | what it takes if it is let run, and until the call |
    fn token_columns<'a>(&self, recording: &'a Recording, knobs: &Knobs) -> TokenColumns<'a> {
        let names = [
            "attempt_success",
            "attempt_score",
            "attempt_ended",
            "attempt_time",
            "attempt_call_time",
        ];
        let Numbers::Recorded(plan, threshold) = settings(recording, knobs).numbers else {
            return TokenColumns { names: Vec::new(), cells: Box::new(|_| Vec::new()) };
        };
        let attempts = attempts::read(recording, &plan);
        let cells = move |token: usize| {
            let sample = recording.tokens.sample.get(token).and_then(|s| usize::try_from(*s).ok());
            let place = sample
                .and_then(|sample| attempts.shown.binary_search_by_key(&sample, |a| a.sample).ok());
            let Some(attempt) = place.and_then(|place| attempts.shown.get(place)) else {
                return vec![String::new(); names.len()];
            };
            let flag = |is: bool| u8::from(is).to_string();
            vec![
                flag(attempt.is_success),
                attempt.score.map(cell).unwrap_or_default(),
                flag(is_cut(attempt, Some(threshold))),
                cell(attempt.duration),
                cell(attempt.call),
            ]
        };
        TokenColumns { names: names.map(str::to_owned).to_vec(), cells: Box::new(cells) }
    }
}
