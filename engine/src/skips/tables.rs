//! The numbers behind the figures, and the texts.

use crate::knob::Part;
use crate::lens::DataTable;
use crate::skips::pass::Outcome;
use crate::skips::random::Drawn;
use crate::skips::study::{Continued, Score, Study};

pub(super) fn tables(study: &Study<'_>) -> Vec<DataTable> {
    let mut tables = vec![per_layer(study)];
    if !study.modes.is_empty() {
        tables.push(modes(study));
    }
    if !study.curve.is_empty() || !study.random.is_empty() {
        tables.push(curve(study));
    }
    if !study.random.is_empty() {
        tables.push(random(study));
    }
    tables.extend(study.continued.as_ref().map(continuations));
    tables.push(per_token(study));
    tables
}

/// Mean and standard deviation over tokens, `None` of none.
pub(super) fn spread(values: impl Iterator<Item = f32> + Clone) -> Option<(f64, f64)> {
    let known = values.filter(|value| !value.is_nan()).map(f64::from);
    let count = known.clone().count();
    if count == 0 {
        return None;
    }
    let mean = known.clone().sum::<f64>() / count as f64;
    let variance = known.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count as f64;
    Some((mean, variance.sqrt()))
}

/// Share of the tokens behind the prompts that run a sublayer.
pub(super) fn share(study: &Study<'_>, runs: &[bool]) -> f64 {
    let counted = runs.iter().zip(study.places).filter(|(_, place)| !place.is_prompt);
    let (run, all) =
        counted.fold((0_u64, 0_u64), |(run, all), (runs, _)| (run + u64::from(*runs), all + 1));
    run as f64 / all as f64
}

fn per_layer(study: &Study<'_>) -> DataTable {
    let damage = |layer: usize, part: Part| {
        let found = study.damage.iter().find(|(at, what, _)| (*at, *what) == (layer, part));
        found.map_or(f64::NAN, |(_, _, increase)| *increase)
    };
    let row = |(layer, ran): (usize, &crate::skips::through::Ran)| {
        let (mean, deviation) =
            spread(ran.similarities.iter().map(|(a, _)| *a)).unwrap_or((f64::NAN, f64::NAN));
        let added = spread(ran.similarities.iter().map(|(_, b)| *b)).map_or(f64::NAN, |(b, _)| b);
        vec![
            layer as f64,
            share(study, &ran.attention),
            share(study, &ran.feed_forward),
            mean,
            deviation,
            added,
            damage(layer, Part::Whole),
            damage(layer, Part::Attention),
            damage(layer, Part::FeedForward),
        ]
    };
    let columns = vec![
        "layer",
        "attention_run",
        "feed_forward_run",
        "similarity_mean",
        "similarity_std",
        "similarity_of_added_mean",
        "nll_without_block",
        "nll_without_attention",
        "nll_without_feed_forward",
    ];
    let rows = study.skipped.ran.iter().enumerate().map(row).collect();
    DataTable { id: "per_layer", columns, rows, names: None }
}

/// Agreement, NLL and the share saved.
fn numbers(score: &Score) -> Vec<f64> {
    let value = |value: Option<f64>| value.unwrap_or(f64::NAN);
    vec![value(score.saved), value(score.nll), value(score.agreement())]
}

fn modes(study: &Study<'_>) -> DataTable {
    let names = study.modes.iter().map(|(id, _)| (*id).to_owned()).collect();
    let rows = study.modes.iter().map(|(_, score)| numbers(score)).collect();
    let columns = vec!["flops_saved", "nll", "agreement"];
    DataTable { id: "missing_kv", columns, rows, names: Some(("mode", names)) }
}

fn curve(study: &Study<'_>) -> DataTable {
    let rule = study.curve.iter().map(|score| ("rule", score));
    let random = study.random.iter().flat_map(|drawn| &drawn.scores);
    let all = rule.chain(random.map(|score| ("random", score)));
    let (names, rows) = all.map(|(name, score)| (name.to_owned(), numbers(score))).unzip();
    let columns = vec!["flops_saved", "nll", "agreement"];
    DataTable { id: "curve", columns, rows, names: Some(("sets", names)) }
}

/// One row for the random sets of each size; `is_matched` is 1 where the rule leaves out as many.
fn random(study: &Study<'_>) -> DataTable {
    let matched = study.matched().map(|drawn| drawn.size);
    let row = |drawn: &Drawn| {
        let spread = |of| {
            let known = drawn.spread(of);
            known.map_or([f64::NAN; 3], |spread| [spread.mean, spread.least, spread.most])
        };
        let is_matched = f64::from(u8::from(matched == Some(drawn.size)));
        let mut row = vec![drawn.size as f64, is_matched, spread(|score| score.saved)[0]];
        row.extend(spread(|score| score.nll));
        row.extend(spread(Score::agreement));
        row
    };
    DataTable {
        id: "random",
        columns: vec![
            "left_out",
            "is_matched",
            "flops_saved_mean",
            "nll_mean",
            "nll_least",
            "nll_most",
            "agreement_mean",
            "agreement_least",
            "agreement_most",
        ],
        rows: study.random.iter().map(row).collect(),
        names: Some(("sets", study.random.iter().map(Drawn::name).collect())),
    }
}

/// What the continuations say; `is_skipped` is 0 for the full model.
fn continuations(continued: &Continued) -> DataTable {
    let Continued { prompt, full, skipped, others, texts } = continued;
    let walks = [&full.walk, &skipped.walk].into_iter().chain(others.iter().map(|(_, walk)| walk));
    let row = |(number, walk): (usize, &crate::skips::walk::Walk)| {
        let pairs = walk.ids.iter().zip(&full.walk.ids);
        let same = pairs.take_while(|(a, b)| a == b).count();
        let is_skipped = f64::from(u8::from(number > 0));
        let kept = walk.kept_bytes as f64;
        vec![is_skipped, *prompt as f64, walk.ids.len() as f64, same as f64, kept]
    };
    let rows = walks.enumerate().map(row).collect();
    let columns = vec!["is_skipped", "prompt_tokens", "tokens", "same_tokens", "kv_bytes"];
    DataTable { id: "continuations", columns, rows, names: Some(("text", texts.clone())) }
}

/// Every token that ran.
fn per_token(study: &Study<'_>) -> DataTable {
    let Study { texts, recording, places, .. } = study;
    let rows_of = texts.rows.iter().zip(&texts.texts);
    let recorded = rows_of.flat_map(|(first, ids)| *first..first + ids.len());
    let ran = |row: usize, outcome: &Outcome| {
        let count = |runs: fn(&crate::skips::through::Ran) -> &[bool]| {
            let runs = outcome.ran.iter().filter(|ran| runs(ran).get(row) == Some(&true));
            runs.count() as f64
        };
        (count(|ran| &ran.attention), count(|ran| &ran.feed_forward))
    };
    let id = |outcome: &Outcome, row: usize| {
        let id = outcome.top1.get(row).filter(|id| **id != crate::model::NO_TOKEN);
        id.map_or(f64::NAN, |id| f64::from(*id))
    };
    let nll = |outcome: &Outcome, row: usize| {
        outcome.nll.get(row).map_or(f64::NAN, |nll| f64::from(*nll))
    };
    let row = |(row, (token, place)): (usize, (usize, &crate::policy::Place))| {
        let (attention, feed_forward) = ran(row, &study.skipped);
        let cells = vec![
            token as f64,
            f64::from(place.position),
            f64::from(u8::from(place.is_prompt)),
            attention,
            feed_forward,
            id(&study.full, row),
            id(&study.skipped, row),
            nll(&study.full, row),
            nll(&study.skipped, row),
        ];
        (recording.text(token), cells)
    };
    let (names, rows) = recorded.zip(places.iter()).enumerate().map(row).unzip();
    let columns = vec![
        "token",
        "position",
        "is_prompt",
        "attention_run",
        "feed_forward_run",
        "full_id",
        "skipped_id",
        "full_nll",
        "skipped_nll",
    ];
    DataTable { id: "per_token", columns, rows, names: Some(("text", names)) }
}
