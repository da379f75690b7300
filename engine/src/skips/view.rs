//! What a run with skips shows: named numbers and what a person must know about them.

use crate::count::counted;
use crate::lens::{Reading, ReadingKind, View};
use crate::notes::Note;
use crate::policy::lower_bound;
use crate::policy::skip::Plan;
use crate::skips::random::Drawn;
use crate::skips::study::{Score, Study, Timed};
use crate::skips::{cost, figures, tables};

pub(super) fn view(study: &Study<'_>) -> View {
    View {
        figures: figures::figures(study),
        readings: readings(study),
        tables: tables::tables(study),
        suggestions: Vec::new(),
        notes: notes(study),
        versus: None,
    }
}

fn readings(study: &Study<'_>) -> Vec<Reading> {
    use ReadingKind::{Estimate, Exact, Measured, Modelled};
    let reading = |id, label: &str, value: Option<f64>, unit, kind| {
        let (label, value) = (label.to_owned(), value.filter(|value| value.is_finite()));
        Reading { id, label, value, unit, kind }
    };
    let (full, score) = (study.full_score, study.score);
    let counted = study.places.iter().filter(|place| !place.is_prompt).count();
    let increase = score.nll.zip(full.nll).map(|(score, full)| score - full);
    let lower = lower_bound(score.agreeing, score.answered);
    let speedup = score.saved.map(|saved| 1.0 / (1.0 - saved));
    let bytes = |bytes: u64| Some(bytes as f64);
    let needed = cost::needed_bytes(study.card, &study.skipped);
    let (attention, feed_forward) = skipped(study);
    let mut readings = vec![
        reading("tokens", "Tokens run", Some(study.places.len() as f64), "tokens", Exact),
        reading(
            "tokens_counted",
            "Tokens behind the prompts",
            Some(counted as f64),
            "tokens",
            Exact,
        ),
        reading("attention_skipped", "Attention skipped", attention, "fraction", Exact),
        reading("feed_forward_skipped", "Feed-forward skipped", feed_forward, "fraction", Exact),
        reading("nll_full", "NLL of the full model", full.nll, "nats", Exact),
        reading("nll_skipped", "NLL with skips", score.nll, "nats", Exact),
        reading("nll_increase", "NLL added by skips", increase, "nats", Exact),
        reading("agreement", "Agreement with the full model", score.agreement(), "fraction", Exact),
        reading("agreement_lower", "Agreement, 95 % lower bound", lower, "fraction", Estimate),
        reading("flops_saved", "FLOPs saved (modelled)", score.saved, "fraction", Modelled),
        reading("speedup_modelled", "Speed-up by FLOPs (modelled)", speedup, "times", Modelled),
        reading(
            "kv_bytes_full",
            "Keys and values, full model",
            bytes(study.full.kept_bytes),
            "bytes",
            Exact,
        ),
        reading(
            "kv_bytes_needed",
            "Keys and values that skips need",
            bytes(needed),
            "bytes",
            Exact,
        ),
        reading(
            "kv_bytes_kept",
            "Keys and values kept",
            bytes(study.skipped.kept_bytes),
            "bytes",
            Exact,
        ),
    ];
    if let Some(drawn) = study.matched() {
        readings.extend(random(drawn));
    }
    if let Some(continued) = &study.continued {
        let (full, skipped) = (&continued.full, &continued.skipped);
        let pairs = full.walk.ids.iter().zip(&skipped.walk.ids);
        let same = pairs.take_while(|(full, skipped)| full == skipped).count();
        let ratio = |of: fn(&Timed) -> Option<f64>| Some(of(full)? / of(skipped)?);
        readings.extend([
            reading(
                "same_tokens",
                "Tokens of the continuation until it differs",
                Some(same as f64),
                "tokens",
                Exact,
            ),
            reading("prefill_secs_full", "Prefill, full model", full.prefill_secs, "s", Measured),
            reading(
                "prefill_secs_skipped",
                "Prefill with skips",
                skipped.prefill_secs,
                "s",
                Measured,
            ),
            reading(
                "prefill_speedup",
                "Prefill speed-up",
                ratio(|timed| timed.prefill_secs),
                "times",
                Measured,
            ),
            reading("decode_rate_full", "Decoding, full model", full.rate(), "tokens/s", Measured),
            reading(
                "decode_rate_skipped",
                "Decoding with skips",
                skipped.rate(),
                "tokens/s",
                Measured,
            ),
            reading(
                "decode_speedup",
                "Decoding speed-up",
                rate_ratio(full, skipped),
                "times",
                Measured,
            ),
        ]);
    }
    readings
}

/// Random sets of as many blocks as the rule leaves out: what a rule must beat.
fn random(drawn: &Drawn) -> Vec<Reading> {
    let name = drawn.name();
    let (nll, agreement) = (drawn.spread(|score| score.nll), drawn.spread(Score::agreement));
    let saved = drawn.spread(|score| score.saved).map(|spread| spread.mean);
    let reading = |id, what: &str, value: Option<f64>, unit, kind| Reading {
        id,
        label: format!("{what}, {name}"),
        value,
        unit,
        kind,
    };
    let exact = |id, what, value, unit| reading(id, what, value, unit, ReadingKind::Exact);
    vec![
        exact("nll_random", "Mean NLL", nll.map(|nll| nll.mean), "nats"),
        exact("nll_random_least", "Least NLL", nll.map(|nll| nll.least), "nats"),
        exact("nll_random_most", "Most NLL", nll.map(|nll| nll.most), "nats"),
        exact("agreement_random", "Mean agreement", agreement.map(|a| a.mean), "fraction"),
        exact("agreement_random_least", "Least agreement", agreement.map(|a| a.least), "fraction"),
        exact("agreement_random_most", "Most agreement", agreement.map(|a| a.most), "fraction"),
        reading(
            "flops_saved_random",
            "Mean FLOPs saved (modelled)",
            saved,
            "fraction",
            ReadingKind::Modelled,
        ),
    ]
}

/// Rates, since the walks may differ in length.
fn rate_ratio(full: &Timed, skipped: &Timed) -> Option<f64> {
    Some(skipped.rate()? / full.rate()?)
}

/// Shares of the sublayers that tokens behind the prompts left out.
fn skipped(study: &Study<'_>) -> (Option<f64>, Option<f64>) {
    let share = |runs: &dyn Fn(usize) -> Vec<bool>| {
        let (mut out, mut all) = (0_u64, 0_u64);
        for layer in 0..study.card.layers {
            let runs = runs(layer);
            for (runs, _) in runs.iter().zip(study.places).filter(|(_, place)| !place.is_prompt) {
                out += u64::from(!*runs);
                all += 1;
            }
        }
        (all > 0).then(|| out as f64 / all as f64)
    };
    let ran = |layer: usize| study.skipped.ran.get(layer);
    (
        share(&|layer| ran(layer).map(|ran| ran.attention.clone()).unwrap_or_default()),
        share(&|layer| ran(layer).map(|ran| ran.feed_forward.clone()).unwrap_or_default()),
    )
}

fn notes(study: &Study<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let rule = &study.rule.card;
    match &study.planned.plan {
        Plan::Placed(placed) => {
            let (prompt, last) = (placed.prompt.skipped(), placed.last().skipped());
            let what = match placed.one() {
                Some(set) => format!("{}: every token leaves out {}", rule.label, set.skipped()),
                None => format!(
                    "{}: prompts leave out {prompt}, the last tokens behind them {last}",
                    rule.label
                ),
            };
            notes.push(Note::new(what, ""));
        }
        Plan::Similarity(_) => notes.push(Note::new(
            "Which feed-forward sublayers are left out was decided on the streams of this run. What a recording of the \
             full model says of them is no longer so after the first one.",
            "",
        )),
    }
    let prompt = study.settings.about.prompt;
    if prompt > 0 {
        let what = format!(
            "The first {} of each text count as its prompt and are in no result but the bytes",
            counted(u64::from(prompt), "token")
        );
        notes.push(Note::new(what, "Turn `prompt-tokens` to change that."));
    }
    if study.planned.plan.is_nested() {
        notes.push(Note::new(
            "The attention that runs only shrinks along the positions, so no missing key is ever read; to read one \
             would have been an error.",
            "",
        ));
    } else {
        notes.push(Note::new(
            "Tokens read places whose keys were left out: the table of missing keys compares what they can read there",
            "Turn `missing-kv` to choose.",
        ));
    }
    if !study.random.is_empty() {
        let what = format!(
            "Random sets never leave out the first and the last block; those drawn with {} took {} of the texts",
            counted(study.settings.seeds, "seed"),
            counted(study.random_runs, "run")
        );
        notes.push(Note::new(what, "Turn `seeds` to change that."));
    }
    if study.score.saved.is_some_and(|saved| saved > 0.0) {
        notes.push(Note::new(
            "What training with the same sets would win back is not known from this run.",
            "",
        ));
    }
    notes
}
