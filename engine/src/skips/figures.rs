//! Drawings of a run with skips.

use std::sync::Arc;

use crate::count::counted;
use crate::figure::{Axis, ColorMap, Direction, Figure, Heat, Ink, Mark};
use crate::knob::Part;
use crate::policy::skip::{Evidence, Plan, Similarity};
use crate::skips::random::{Drawn, Spread};
use crate::skips::study::{Score, Study};
use crate::skips::tables::spread;
use crate::skips::through::Ran;

/// Positions of the longest text that the map shows.
const SHOWN: usize = 256;
/// Runs of positions over which NLL is averaged.
const BUCKETS: usize = 24;

pub(super) fn figures(study: &Study<'_>) -> Vec<Figure> {
    let mut figures = vec![map(study)];
    figures.extend(study.planned.evidence.as_ref().map(evidence));
    if let Plan::Similarity(rule) = &study.planned.plan {
        figures.push(similarity(study, rule));
    }
    if !study.curve.is_empty() || !study.random.is_empty() {
        figures.push(against_saved(study, &NLL));
        figures.push(against_saved(study, &AGREEMENT));
    }
    if !study.damage.is_empty() {
        figures.push(damage(study));
    }
    figures.push(by_position(study));
    figures
}

/// Which sublayers the tokens of the longest text run, of equals the first.
fn map(study: &Study<'_>) -> Figure {
    let (lengths, mut first) = (study.texts.texts.iter().map(|ids| ids.len()), 0);
    let starts: Vec<(usize, usize)> = lengths
        .map(|len| {
            first += len;
            (first - len, len)
        })
        .collect();
    let longest = starts.iter().rev().max_by_key(|(_, len)| *len).copied();
    let (start, columns) = longest.map_or((0, 0), |(start, len)| (start, len.min(SHOWN)));
    let runs = |runs: &[bool], row: usize| runs.get(row).copied().unwrap_or(false);
    let (mut values, mut texts, mut hovers) = (Vec::new(), Vec::new(), Vec::new());
    for (layer, ran) in study.skipped.ran.iter().enumerate() {
        for row in 0..columns {
            let (value, text, words) =
                match (runs(&ran.attention, start + row), runs(&ran.feed_forward, start + row)) {
                    (true, true) => (1.0, "", "runs"),
                    (false, false) => (0.0, "", "is left out"),
                    (true, false) => (0.5, "a", "runs its attention only"),
                    (false, true) => (0.5, "f", "runs its feed-forward sublayer only"),
                };
            values.push(value);
            texts.push(text.to_owned());
            hovers.push(format!("Position {row}: block {layer} {words}"));
        }
    }
    let heat = Heat {
        label: "Part of the block that runs".to_owned(),
        columns,
        rows: study.card.layers,
        origin: [0.0, 0.0],
        values: Arc::from(values),
        range: (0.0, 1.0),
        colors: ColorMap::Sequential,
        texts: Arc::from(texts),
        hovers: Arc::from(hovers),
        selected_column: None,
    };
    Figure {
        id: "skip-map",
        title: "What the tokens of the longest text run".to_owned(),
        x: Axis::integer("Position"),
        y: Axis::integer("Block"),
        marks: vec![Mark::Heat(heat)],
        picks: Vec::new(),
    }
}

/// What the rule decided on.
fn evidence(evidence: &Evidence) -> Figure {
    let lines = evidence.lines.iter().enumerate().map(|(number, (label, points))| Mark::Line {
        label: (*label).to_owned(),
        points: points.clone(),
        ink: Ink::Series(number),
    });
    let at = |x: &f64| {
        let points = evidence.lines.first().map(|(_, points)| points.as_slice());
        points.unwrap_or_default().iter().find(|point| point[0] == *x).copied()
    };
    let chosen: Vec<_> = evidence.chosen.iter().filter_map(at).collect();
    let label = "Chosen".to_owned();
    let chosen =
        (!chosen.is_empty()).then_some(Mark::Points { label, points: chosen, ink: Ink::Accent });
    Figure {
        id: "evidence",
        title: evidence.title.to_owned(),
        x: Axis::integer(evidence.x),
        y: Axis::linear(evidence.y.0, evidence.y.1),
        marks: lines.chain(chosen).collect(),
        picks: Vec::new(),
    }
}

/// Similarity of the sublayers that ran, in this run.
fn similarity(study: &Study<'_>, rule: &Similarity) -> Figure {
    let all = || study.skipped.ran.iter().enumerate();
    let of = |ran: &Ran| spread(ran.similarities.iter().map(|(a, _)| *a));
    let line = |reading: fn(&(f32, f32)) -> f32| -> Vec<[f64; 2]> {
        let mean =
            |ran: &Ran| spread(ran.similarities.iter().map(reading)).map_or(f64::NAN, |m| m.0);
        all().map(|(layer, ran)| [layer as f64, mean(ran)]).collect()
    };
    let band: Vec<[f64; 3]> = all()
        .filter_map(|(layer, ran)| {
            of(ran).map(|(mean, std)| [layer as f64, mean - std, mean + std])
        })
        .collect();
    let added = line(|(_, b)| *b);
    let lowest = band.iter().map(|[_, low, _]| *low).chain(added.iter().map(|[_, b]| *b));
    let lowest = lowest.fold(rule.threshold.min(1.0), f64::min);
    let (start, end) = (rule.middle.0 as f64 - 0.5, rule.middle.1 as f64 - 0.5);
    let cold = |from: f64, to: f64| Mark::Band {
        label: "Never skips".to_owned(),
        points: vec![[from, lowest, 1.0], [to, lowest, 1.0]],
        ink: Ink::Muted,
    };
    let top = study.card.layers as f64 - 0.5;
    let mut marks = Vec::new();
    if start > -0.5 {
        marks.push(cold(-0.5, start));
    }
    if end < top {
        marks.push(cold(end.max(start), top));
    }
    marks.extend([
        Mark::Band {
            label: "One standard deviation".to_owned(),
            points: band,
            ink: Ink::Series(0),
        },
        Mark::Line {
            label: "Before and behind (decides)".to_owned(),
            points: line(|(a, _)| *a),
            ink: Ink::Series(0),
        },
        Mark::Line {
            label: "Before and added (diagnostic)".to_owned(),
            points: added,
            ink: Ink::Series(1),
        },
        Mark::Rule {
            label: "Threshold".to_owned(),
            direction: Direction::Horizontal,
            at: rule.threshold,
            knob: Some("similarity"),
        },
    ]);
    Figure {
        id: "similarity",
        title: "Similarity of the stream at feed-forward sublayers that ran".to_owned(),
        x: Axis::integer("Block"),
        y: Axis::linear("Cosine", ""),
        marks,
        picks: Vec::new(),
    }
}

/// What stands against the share saved.
struct Against {
    id: &'static str,
    title: &'static str,
    label: &'static str,
    unit: &'static str,
    of: fn(&Score) -> Option<f64>,
}

const NLL: Against = Against {
    id: "nll-against-saved",
    title: "NLL against FLOPs saved",
    label: "NLL, tokens behind the prompts",
    unit: "nats",
    of: |score| score.nll,
};
const AGREEMENT: Against = Against {
    id: "agreement-against-saved",
    title: "Agreement against FLOPs saved",
    label: "Agreement with the full model",
    unit: "fraction",
    of: Score::agreement,
};

fn against_saved(study: &Study<'_>, what: &Against) -> Figure {
    let points = |scores: &[Score]| {
        let of = |score: &Score| Some([score.saved?, (what.of)(score)?]);
        let mut points: Vec<[f64; 2]> = scores.iter().filter_map(of).collect();
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        points
    };
    let mut marks = random_sets(study, what);
    if !study.curve.is_empty() {
        let (label, points) = (study.rule.card.label.to_owned(), points(&study.curve));
        marks.push(Mark::Line { label, points, ink: Ink::Series(0) });
    }
    let label = "As the knobs stand".to_owned();
    marks.push(Mark::Points { label, points: points(&[study.score]), ink: Ink::Accent });
    Figure {
        id: what.id,
        title: what.title.to_owned(),
        x: Axis::linear("FLOPs saved, modelled", "fraction"),
        y: Axis::linear(what.label, what.unit),
        marks,
        picks: Vec::new(),
    }
}

/// What random sets come to: the mean over seeds, and from the least to the most.
fn random_sets(study: &Study<'_>, what: &Against) -> Vec<Mark> {
    let of = |drawn: &Drawn| {
        let (saved, found) = (drawn.spread(|score| score.saved)?, drawn.spread(what.of)?);
        Some((saved.mean, found))
    };
    let mut all: Vec<(f64, Spread)> = study.random.iter().filter_map(of).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let seeds = study.settings.seeds;
    let (label, ink) = ("Random sets".to_owned(), Ink::Series(1));
    let points = all.iter().map(|(saved, found)| [*saved, found.mean]).collect();
    if seeds < 2 {
        return vec![Mark::Line { label, points, ink }];
    }
    let edges = all.iter().map(|(saved, found)| [*saved, found.least, found.most]).collect();
    let mean = format!("{label}, mean of {}", counted(seeds, "seed"));
    vec![
        Mark::Band { label: format!("{label}, least to most"), points: edges, ink },
        Mark::Line { label: mean, points, ink },
    ]
}

/// NLL that the absence of one part adds.
fn damage(study: &Study<'_>) -> Figure {
    let parts = [
        (Part::Whole, "Block", 0.0),
        (Part::Attention, "Attention", -0.2),
        (Part::FeedForward, "Feed-forward", 0.2),
    ];
    let is_halved = study.damage.iter().any(|(_, part, _)| *part != Part::Whole);
    let bars = |(number, (part, label, shift)): (usize, (Part, &str, f64))| {
        let of = study.damage.iter().filter(|(_, what, _)| *what == part);
        let bars: Vec<_> = of.map(|(layer, _, nll)| [*layer as f64 + shift, *nll]).collect();
        (!bars.is_empty()).then(|| Mark::Bars {
            label: label.to_owned(),
            bars,
            width: if is_halved { 0.4 } else { 0.8 },
            ink: Ink::Series(number),
        })
    };
    Figure {
        id: "damage",
        title: "NLL added where one part is left out".to_owned(),
        x: Axis::integer("Block"),
        y: Axis::linear("NLL above the full model's", "nats"),
        marks: parts.into_iter().enumerate().filter_map(bars).collect(),
        picks: Vec::new(),
    }
}

/// Whether late tokens suffer more than early ones.
fn by_position(study: &Study<'_>) -> Figure {
    let longest = study.texts.longest().max(1);
    let each = longest.div_ceil(BUCKETS);
    let line = |nll: &[f32]| {
        let mut sums = vec![(0.0, 0_u64); longest.div_ceil(each)];
        for ((nll, full), place) in nll.iter().zip(&study.full.nll).zip(study.places) {
            let bucket =
                usize::try_from(place.position).ok().and_then(|at| sums.get_mut(at / each));
            if let Some((sum, count)) = bucket.filter(|_| !full.is_nan()) {
                *sum += f64::from(*nll);
                *count += 1;
            }
        }
        let middle = |bucket: usize| (bucket * each) as f64 + (each - 1) as f64 / 2.0;
        let point =
            |(bucket, (sum, count)): (usize, &(f64, u64))| [middle(bucket), sum / *count as f64];
        sums.iter().enumerate().map(point).collect::<Vec<_>>()
    };
    let line = |label: &str, nll: &[f32], number| Mark::Line {
        label: label.to_owned(),
        points: line(nll),
        ink: Ink::Series(number),
    };
    let prompt = Mark::Rule {
        label: "End of the prompts".to_owned(),
        direction: Direction::Vertical,
        at: f64::from(study.settings.about.prompt) - 0.5,
        knob: None,
    };
    let mut marks =
        vec![line("Full model", &study.full.nll, 0), line("With skips", &study.skipped.nll, 1)];
    if study.settings.about.prompt > 0 {
        marks.push(prompt);
    }
    Figure {
        id: "by-position",
        title: "NLL by position".to_owned(),
        x: Axis::linear("Position", "tokens"),
        y: Axis::linear("Mean NLL over texts", "nats"),
        marks,
        picks: Vec::new(),
    }
}
