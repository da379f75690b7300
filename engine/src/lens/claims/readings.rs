//! The claim in numbers and words.

use super::Scene;
use crate::count::counted;
use crate::lens::{Reading, ReadingKind, Suggestion};
use crate::notes::Note;
use crate::policy::{CostModel, Goal, Method, Prices, Unit, main_label, main_value};
use crate::signal::Subject;

pub(super) fn readings(scene: &Scene<'_>) -> Vec<Reading> {
    use ReadingKind::{Estimate, Exact, Modelled};
    let (claim, whole) = (scene.claim, &scene.whole);
    let accepted = whole.accepted.as_ref();
    let judged = whole.judged(whole.accepted_at());
    let found = accepted.unwrap_or(&whole.calibration.full);
    let (calibration, test) = (claim.failures(found), claim.failures(judged));
    // What a whole sample leaves out nobody else reads.
    let replayed = if scene.recording.subject() == Subject::Sample { Exact } else { Estimate };
    let unit = units(scene);
    let main = main_label(scene.recording, scene.settings.rule.rule);
    let holds = claim.holds(test).map(|holds| f64::from(u8::from(holds)));
    let p_value = accepted.map(|_| claim.p_value(calibration));
    let reading = |id, label: &str, value, unit, kind| {
        let label = label.to_owned();
        Reading { id, label, value, unit, kind }
    };
    let count = |num: u64| Some(num as f64);
    vec![
        reading("setting_found", &format!("{main} found"), whole.accepted_at(), "", Estimate),
        reading("least_n", "Least number a claim needs", Some(claim.least()), unit, Exact),
        reading("n_calibration", "Number at hand", count(calibration.num), unit, Exact),
        reading(
            "risk_calibration",
            "Risk, calibration part",
            calibration.risk(),
            "fraction",
            replayed,
        ),
        reading(
            "failing_calibration",
            "Failing, calibration part",
            Some(calibration.failing),
            unit,
            replayed,
        ),
        reading("p_value", "p-value of the setting found", p_value, "", Estimate),
        reading("n_test", "Number on the test part", count(test.num), unit, Exact),
        reading("risk_test", "Risk, test part", test.risk(), "fraction", replayed),
        reading("failing_test", "Failing, test part", Some(test.failing), unit, replayed),
        reading("holds_on_test", "Holds on the test part (1 yes, 0 no)", holds, "", replayed),
        reading(
            "mean_depth_test",
            "Mean exit depth, test part",
            judged.mean_depth(),
            "layers",
            replayed,
        ),
        reading(
            "cost_saved_test",
            "FLOPs saved, test part (modelled)",
            saved(scene, &judged.exits),
            "fraction",
            Modelled,
        ),
    ]
}

/// Share of FLOPs that is saved; 0 where nothing was accepted, since then no rule runs and nothing is checked.
fn saved(scene: &Scene<'_>, exits: &[u64]) -> Option<f64> {
    let rule = &scene.settings.rule;
    let checks = (&rule.checks, rule.rule.card().reads_out);
    let (recording, slice) = (scene.recording, &scene.settings.slice);
    let prices = Prices::modelled(recording, slice, CostModel::default(), checks)?;
    let saved = prices.share(exits).map(|share| 1.0 - share);
    if scene.whole.accepted.is_some() { saved } else { saved.map(|_| 0.0) }
}

/// What the claim counts.
fn units(scene: &Scene<'_>) -> &'static str {
    match scene.claim.unit {
        Unit::Row => scene.recording.subject().nouns(),
        Unit::Text => "texts",
    }
}

/// "agreement of at least 95 %, with 95 % confidence".
fn words(scene: &Scene<'_>) -> String {
    let (least, sure) = (percent(1.0 - scene.claim.risk), percent(1.0 - scene.claim.error));
    let goal = match scene.goal {
        Goal::Agreement => "agreement",
        Goal::Accuracy => "accuracy",
        Goal::Kept => "a share of right answers that are not lost",
    };
    format!("{goal} of at least {least} %, with {sure} % confidence")
}

/// Why nothing was accepted.
fn obstacle(scene: &Scene<'_>) -> String {
    let at_hand = scene.claim.failures(&scene.whole.calibration.full).num;
    let least = scene.claim.least();
    if (at_hand as f64) < least {
        format!(
            "it needs at least {least} {}, and the calibration part has {at_hand}",
            units(scene)
        )
    } else {
        "already the safest setting fails too often for it".to_owned()
    }
}

pub(super) fn suggestion(scene: &Scene<'_>) -> Suggestion {
    let rule = scene.settings.rule.rule;
    let main = main_label(scene.recording, rule);
    let (label, explanation, sets) = if let Some(found) = &scene.whole.accepted {
        let judged = scene.whole.judged(Some(found.at));
        let unit = units(scene);
        let share = |outcome| {
            let failures = scene.claim.failures(outcome);
            let risk = failures.risk().unwrap_or(f64::NAN) * 100.0;
            format!("{risk:.2} % of {} {unit}", failures.num)
        };
        let depth = judged
            .mean_depth()
            .map_or(String::new(), |depth| format!(", at mean exit depth {depth:.2} there"));
        let words = format!(
            "{}; {} fail on the calibration part, {} on the test part{depth}",
            words(scene),
            share(found),
            share(judged)
        );
        let value = main_value(scene.recording, rule, found.at);
        (format!("{main} {} as claimed", rounded(found.at)), words, vec![(rule.card().main, value)])
    } else {
        let words = format!("only the full depth has {}: {}", words(scene), obstacle(scene));
        ("Nothing can be claimed".to_owned(), words, Vec::new())
    };
    Suggestion { id: "claimed-setting", label, explanation, sets }
}

pub(super) fn notes(scene: &Scene<'_>) -> Vec<Note> {
    let mut notes = scene.recording.manifest.notes.clone();
    let mut say = |what: String, hint: &str| notes.push(Note::new(what, hint));
    let subject = scene.recording.subject();
    if scene.whole.accepted.is_none() {
        let hint = "Allow more risk or error, take more samples, or another rule.";
        say(
            format!("No setting is accepted, which leaves the full depth: {}", obstacle(scene)),
            hint,
        );
    }
    if subject != Subject::Sample {
        if scene.claim.unit == Unit::Row {
            let hint = "Choose whole texts as what is drawn independently.";
            let what = "Tokens of one text are not independent, which the claim assumes: it may be \
                        broken more often than it says";
            say(what.to_owned(), hint);
        }
        let what = "Exits and failures are estimates: the replay ignores that a stopped token \
                    leaves no keys and values for later tokens";
        say(what.to_owned(), "");
    }
    if scene.claim.wanted != scene.claim.method() && scene.claim.wanted == Method::Binomial {
        let what = "A text fails by a share of its tokens, for which the binomial tail is not made: \
                    Hoeffding is used";
        say(what.to_owned(), "");
    }
    if scene.settings.rule.rule.card().is_fitted {
        let what = "The rule itself is fitted on the calibration part; its setting is therefore found \
                    on one half of the test part and judged on the other";
        say(what.to_owned(), "");
    }
    if scene.recording.samples.len() < 2 && scene.recording.num_tokens() > 0 {
        let what =
            "There is one sample only, which is cut in its middle: nothing in it is independent";
        say(what.to_owned(), "Record more samples.");
    }
    if let Some(why) = scene.settings.rule.refusal() {
        say(format!("No {} stops: {why}", subject.noun()), "");
    }
    if scene.parts.len() > 1 {
        let what = format!(
            "Each of the {} is claimed for itself; that all hold at once is less sure",
            counted(scene.parts.len(), "value")
        );
        say(what, "");
    }
    notes
}

/// In per cent, to a tenth of a thousandth.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

/// A position as a person would write it.
fn rounded(at: f64) -> f64 {
    (at * 1e4).round() / 1e4
}
