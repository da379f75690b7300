//! The named numbers of the view, its tables, and what a person must know about them.

use super::Scene;
use super::attempts::{Attempts, Counts, Look, Plan, Unit};
use super::case::{Case, Scatter};
use super::knobs::Numbers;
use super::phases::ways;
use super::simulate::Makespans;
use super::sweep::Trial;
use crate::count::counted;
use crate::knob::Value;
use crate::lens::{DataTable, Reading, ReadingKind, Suggestion};
use crate::notes::Note;
use crate::signal::Subject;

/// A simulated mean farther than this from the closed form, in standard errors, is told.
const FAR: f64 = 4.0;

pub(super) fn readings(scene: &Scene<'_>) -> Vec<Reading> {
    use ReadingKind::{Estimate, Exact, Modelled};
    let unit = scene.unit();
    let is_recorded = matches!(scene.settings.numbers, Numbers::Recorded(..));
    let is_measured = matches!(
        scene.settings.numbers,
        Numbers::Recorded(Plan { unit: Unit::Milliseconds, .. }, _)
    );
    let kind = if is_measured { Estimate } else { Modelled };
    let of = |value: &dyn Fn(Case) -> f64| scene.case.map(value).filter(|value| value.is_finite());
    let reading = |id, label: &str, value, unit, kind| {
        let label = label.to_owned();
        Reading { id, label, value, unit, kind }
    };
    let gain = of(&|case| case.without_calls().expected() - case.expected());
    let ratio = of(&|case| case.expected() / case.without_calls().expected());
    let deviation = |scatter| move |case: Case| case.deviation(scatter);
    let exponential = of(&deviation(Scatter::Exponential));
    let fixed = of(&deviation(Scatter::Fixed));
    let mean = |runs: &Option<Makespans>| runs.as_ref().map(Makespans::mean);
    let spread = |runs: &Option<Makespans>| runs.as_ref().map(Makespans::deviation);
    let (with, without) = (&scene.with_calls, &scene.without_calls);
    let error = with.as_ref().map(Makespans::error);
    let [low, high] = [scene.interval.map(|i| i.0), scene.interval.map(|i| i.1)];
    let break_even = of(&|case| case.break_even()).filter(|alpha| *alpha > 0.0);
    let mut readings = Vec::new();
    if is_recorded {
        let num = scene.attempts.as_ref().map(|attempts| attempts.shown.len() as f64);
        readings.extend([
            reading("attempts", "Attempts", num, "attempts", Exact),
            reading("success_rate", "p, success rate", of(&|c| c.p), "fraction", Exact),
            reading("alpha", "α, would-be successes ended", of(&|c| c.alpha), "fraction", Exact),
            reading("tau", "τ, would-be failures ended", of(&|c| c.tau), "fraction", Exact),
            reading(
                "success_time",
                "S, mean time of a success",
                of(&|c| c.times.success),
                unit,
                kind,
            ),
            reading(
                "failure_time",
                "F, mean time of a failure",
                of(&|c| c.times.failure),
                unit,
                kind,
            ),
            reading("call_time", "N, mean time to a call", of(&|c| c.times.call), unit, kind),
        ]);
    }
    readings.extend([
        reading(
            "expected_calls",
            "E1, expected time with calls",
            of(&|c| c.expected()),
            unit,
            kind,
        ),
        reading(
            "expected_none",
            "E0, expected time without calls",
            of(&|c| c.without_calls().expected()),
            unit,
            kind,
        ),
        reading("gain", "E0 − E1, expected gain", gain, unit, kind),
        reading("ratio", "E1 / E0", ratio, "", kind),
        reading("break_even", "α at which calling stops paying", break_even, "fraction", kind),
    ]);
    if is_recorded {
        readings.extend([
            reading(
                "gain_low",
                "Gain, lower end of 95 % (bootstrap, extension)",
                low,
                unit,
                Estimate,
            ),
            reading(
                "gain_high",
                "Gain, upper end of 95 % (bootstrap, extension)",
                high,
                unit,
                Estimate,
            ),
        ]);
    }
    readings.extend([
        reading(
            "deviation_exponential",
            "Standard deviation with calls, exponential times",
            exponential,
            unit,
            kind,
        ),
        reading("deviation_fixed", "Standard deviation with calls, fixed times", fixed, unit, kind),
        reading("simulated_calls", "Simulated mean with calls", mean(with), unit, Estimate),
        reading("simulated_error", "Its standard error", error, unit, Estimate),
        reading(
            "simulated_deviation",
            "Simulated standard deviation with calls",
            spread(with),
            unit,
            Estimate,
        ),
        reading("simulated_none", "Simulated mean without calls", mean(without), unit, Estimate),
    ]);
    readings
}

pub(super) fn tables(scene: &Scene<'_>) -> Vec<DataTable> {
    let mut tables = Vec::new();
    if let (Some(attempts), Numbers::Recorded(_, threshold)) =
        (&scene.attempts, &scene.settings.numbers)
    {
        let [tp, fn_, tn, fp, free_success, free_failure] =
            Counts::of(attempts.shown.iter(), Some(*threshold)).six;
        tables.push(DataTable {
            id: "confusion",
            columns: vec!["ended", "let_run", "no_call"],
            rows: vec![vec![fn_, tp, free_success], vec![tn, fp, free_failure]],
            names: Some(("outcome", vec!["success".to_owned(), "failure".to_owned()])),
        });
    }
    if let Some(case) = scene.case {
        let times = case.times;
        tables.push(DataTable {
            id: "inputs",
            columns: vec![
                "p",
                "alpha",
                "tau",
                "success_time",
                "failure_time",
                "call_time",
                "restart",
            ],
            rows: vec![vec![
                case.p,
                case.alpha,
                case.tau,
                times.success,
                times.failure,
                times.call,
                times.restart,
            ]],
            names: None,
        });
        let ways = ways(case);
        tables.push(DataTable {
            id: "states",
            columns: vec!["probability", "mean_time"],
            rows: ways.iter().map(|way| vec![way.probability, way.mean_time]).collect(),
            names: Some(("way", ways.iter().map(|w| format!("{} to {}", w.from, w.to)).collect())),
        });
    }
    if let Some(sweep) = &scene.sweep {
        let row = |trial: &Trial| {
            let case = trial.case;
            let without = case.without_calls().expected();
            vec![trial.threshold, case.alpha, case.tau, case.times.call, trial.expected, without]
        };
        tables.push(DataTable {
            id: "thresholds",
            columns: vec![
                "threshold",
                "alpha",
                "tau",
                "call_time",
                "expected_calls",
                "expected_none",
            ],
            rows: sweep.0.iter().map(row).collect(),
            names: None,
        });
    }
    tables
}

/// The button "Threshold that ends soonest".
pub(super) fn suggestions(scene: &Scene<'_>) -> Vec<Suggestion> {
    let Some(sweep) = &scene.sweep else {
        return Vec::new();
    };
    let (explanation, sets) = match sweep.best() {
        Some(best) => {
            let without = best.case.without_calls().expected();
            let unit = scene.unit();
            let words = if best.expected < without {
                format!(
                    "E1 is {:.3} {unit} there and E0 {without:.3}, but chosen on these attempts: check on others",
                    best.expected
                )
            } else {
                format!("no threshold is faster than none: E0 is {without:.3} {unit}")
            };
            (words, vec![("threshold", Value::Real(best.threshold))])
        }
        None => ("no attempt succeeds at any threshold".to_owned(), Vec::new()),
    };
    let label = "Threshold that ends soonest".to_owned();
    vec![Suggestion { id: "best-threshold", label, explanation, sets }]
}

pub(super) fn notes(scene: &Scene<'_>) -> Vec<Note> {
    let mut notes = scene.recording.manifest.notes.clone();
    match (&scene.settings.numbers, &scene.attempts) {
        (Numbers::Recorded(plan, _), Some(attempts)) => {
            notes.extend(about_attempts(scene, plan, attempts));
        }
        _ => notes.push(Note::new(
            "Rates and times are typed by hand; nothing of the recording is in any number.",
            "",
        )),
    }
    let Some(case) = scene.case else {
        return notes;
    };
    if case.weights().success <= 0.0 {
        let what =
            if case.p <= 0.0 { "No attempt succeeds" } else { "Every would-be success is ended" };
        let what = format!("{what}: it never finishes, and there is no expected time.");
        notes.push(Note::new(what, "Lower the threshold, or choose another success."));
        return notes;
    }
    if case.p >= 1.0 {
        let what = "Every attempt succeeds: there is no failure to end early.";
        notes.push(Note::new(what, "Choose another success, or ask for more of it."));
    }
    notes.push(verdict(scene, case));
    let closed = case.expected();
    if let Some(runs) = &scene.with_calls {
        let away = (runs.mean() - closed).abs();
        if scene.settings.scatter.is_none() && away > FAR * runs.error() && away > closed * 1e-9 {
            notes.push(Note::new(
                format!(
                    "The simulated mean {:.2} is not the closed form's {closed:.2}: here the times of attempts depend on the call, which the closed form takes them not to.",
                    runs.mean()
                ),
                "Trust the simulated mean.",
            ));
        }
        if runs.0.len() < scene.settings.num_runs {
            let num = counted(runs.0.len(), "run");
            let what = format!("So few attempts succeed that only {num} were simulated.");
            notes.push(Note::new(what, ""));
        }
    } else {
        notes.push(Note::new("Nothing is simulated: fewer than one attempt in ten thousand succeeds, or a time is not known.", ""));
    }
    notes
}

/// Whether to call, in words.
fn verdict(scene: &Scene<'_>, case: Case) -> Note {
    let gain = case.without_calls().expected() - case.expected();
    if case.times.call >= case.times.failure {
        return Note::new(
            "A call takes no less than a failure: calling never pays.",
            "Call earlier.",
        );
    }
    let words = match scene.interval {
        Some((low, _)) if low > 0.0 => {
            "Calling pays: the whole interval of the gain lies above 0 (extension)."
        }
        Some((_, high)) if high < 0.0 => {
            "Calling does not pay: the whole interval of the gain lies below 0 (extension)."
        }
        Some(_) => "Whether calling pays is open: the interval of the gain holds 0 (extension).",
        None if gain > 0.0 => {
            "By the expected times calling pays; how sure that is, nothing here says."
        }
        None => "By the expected times calling does not pay.",
    };
    Note::new(words, "")
}

fn about_attempts(scene: &Scene<'_>, plan: &Plan, attempts: &Attempts) -> Vec<Note> {
    let mut notes = Vec::new();
    let subject = scene.recording.subject();
    notes.push(Note::new(
        "Extension: the paper aborts a robot's insertions. Here an attempt is one sample, and trying again is taken as drawing another sample of this recording.",
        "",
    ));
    if attempts.is_unfitted {
        notes.push(Note::new(
            "The regression has nothing to learn from: its half of the attempts needs a success and a failure that can be called.",
            "Record more samples, call earlier, choose another success, or take the mean confidence.",
        ));
        return notes;
    }
    if attempts.num_unknown > 0 {
        let num = counted(attempts.num_unknown, "sample");
        let what = format!("Of {num} nothing says whether it succeeded; left out.");
        notes.push(Note::new(what, "Record with labels, or choose another success."));
    }
    if attempts.shown.is_empty() {
        let hint = "Record samples with labels, texts of more than one token, or data with a column of two values.";
        notes.push(Note::new("There is no attempt to look at.", hint));
        return notes;
    }
    if attempts.num_fitted > 0 {
        let fitted = counted(attempts.num_fitted, "attempt");
        let what = format!(
            "The regression was fitted on {fitted} (ridge 1); all numbers are of the other half."
        );
        notes.push(Note::new(what, ""));
    }
    let free = attempts.shown.iter().filter(|attempt| attempt.score.is_none()).count();
    if free > 0 {
        let num = counted(free, "attempt");
        let why = match plan.look {
            Look::Tokens(_) => "over before the call, or without a readout that is a number",
            Look::Depth(_) => "without a readout that is a number",
        };
        notes.push(Note::new(format!("{num} got no call and ran on: {why}."), ""));
    }
    if subject == Subject::Token && scene.recording.manifest.read_at.has_gaps() {
        let read = scene.recording.manifest.read_at.words();
        let what = format!(
            "Read out was {read}: scores and outcomes know only of those, and a text counts as long as its last."
        );
        notes.push(Note::new(what, "Record with a readout of every token."));
    }
    if plan.unit == Unit::Milliseconds {
        notes.push(Note::new(
            "Milliseconds are the mean of this recording for each row and block, so every attempt of the same length takes the same; a start that samples share ran once.",
            "",
        ));
    }
    notes
}
