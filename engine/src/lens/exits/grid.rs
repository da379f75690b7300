//! Depth x token: what every depth would have said, and where each token stops.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use super::{Scene, capital, distribution};
use crate::figure::{Axis, ColorMap, Figure, Heat, Ink, Mark};
use crate::model::NO_TOKEN;
use crate::recording::{Recording, depth_of};
use crate::signal::{Signal, Subject};

/// Tokens that are shown at once.
const WINDOW: usize = 128;

/// What is written in the cells; the same whatever the colour shows.
struct Words {
    texts: Arc<[String]>,
    hovers: Arc<[String]>,
}

pub(super) fn figure(scene: &Scene<'_>) -> Figure {
    let recording = scene.recording;
    let signal = scene.settings.signal;
    let window = window(scene);
    let words = words(recording, &window);
    let (range, colors) = colors(scene, signal);
    let heat = Heat {
        label: caption(signal, recording.subject()),
        columns: window.len(),
        rows: scene.num_layers() + 1,
        origin: [window.start as f64, 0.0],
        values: values(recording, signal, &window),
        range,
        colors,
        texts: Arc::clone(&words.texts),
        hovers: Arc::clone(&words.hovers),
        selected_column: scene.token.and_then(|token| token.checked_sub(window.start)),
    };
    let exits = scene.settings.rule.exits(recording, window.clone());
    let steps = window.zip(exits).flat_map(|(token, exit)| {
        let (x, y) = (token as f64, f64::from(exit.0));
        [[x - 0.5, y], [x + 0.5, y]]
    });
    let exit_line =
        Mark::Line { label: "Exit depth".to_owned(), points: steps.collect(), ink: Ink::Accent };
    let noun = recording.subject().noun();
    Figure {
        id: "grid",
        title: format!("{} by {noun} and depth", signal.label_of(recording.subject())),
        x: Axis::integer(capital(noun)),
        y: Axis::integer("Depth"),
        marks: vec![Mark::Heat(heat), exit_line],
        picks: Vec::new(),
    }
}

/// "Entropy (nats)".
fn caption(signal: Signal, subject: Subject) -> String {
    Axis::linear(signal.label_of(subject), signal.unit()).caption()
}

/// The sample of the selected token (else of the slice's first), or the block of it that holds the token.
fn window(scene: &Scene<'_>) -> Range<usize> {
    let recording = scene.recording;
    let num_tokens = recording.num_tokens();
    if recording.subject() == Subject::Sample {
        // Each is a row of its own: neighbours are shown beside it.
        let row = scene.token.unwrap_or_else(|| scene.settings.slice.first_token(recording));
        let start = (row / WINDOW * WINDOW).min(num_tokens);
        return start..start.saturating_add(WINDOW).min(num_tokens);
    }
    let token = scene.token.unwrap_or_else(|| scene.settings.slice.first_token(recording));
    let sample = recording.tokens.sample.get(token).and_then(|idx| usize::try_from(*idx).ok());
    let sample = sample.and_then(|idx| recording.samples.get(idx));
    let (start, end) = sample.map_or((0, num_tokens), |sample| {
        (sample.first_token, sample.first_token.saturating_add(sample.num_tokens))
    });
    // A sample that does not hold its own token is not believed.
    let (start, end) = if (start..end).contains(&token) { (start, end) } else { (0, num_tokens) };
    let start = start + token.saturating_sub(start) / WINDOW * WINDOW;
    start.min(num_tokens)..end.min(start.saturating_add(WINDOW)).min(num_tokens)
}

fn values(recording: &Recording, signal: Signal, window: &Range<usize>) -> Arc<[f32]> {
    let name = format!("grid values {} {window:?}", signal.id());
    let values: Arc<Arc<[f32]>> = recording.cubes.memo.get(&name, || {
        let row = |depth| {
            let column = recording.column(signal, depth_of(depth)).unwrap_or_default();
            window.clone().map(|token| column.get(token).copied().unwrap_or(f32::NAN))
        };
        (0..=recording.num_layers()).flat_map(row).collect()
    });
    Arc::clone(&values)
}

fn words(recording: &Recording, window: &Range<usize>) -> Arc<Words> {
    recording.cubes.memo.get(&format!("grid words {window:?}"), || {
        let cells = || {
            let depths = 0..=recording.num_layers();
            depths.flat_map(|depth| window.clone().map(move |token| (token, depth)))
        };
        let top1 = |(token, depth): (usize, usize)| {
            recording.first_choice(depth, token).map(|id| recording.piece(id)).unwrap_or_default()
        };
        Words {
            texts: cells().map(top1).collect(),
            hovers: cells().map(|(token, depth)| hover(recording, token, depth)).collect(),
        }
    })
}

fn hover(recording: &Recording, token: usize, depth: usize) -> String {
    let noun = capital(recording.subject().noun());
    let position = recording.tokens.position.get(token);
    let place = position.filter(|_| recording.manifest.read_at.has_gaps());
    let place = place.map(|position| format!(" at position {position}")).unwrap_or_default();
    let mut text = format!("{noun} {token}{place} “{}”, depth {depth}", recording.text(token));
    if let Some(five) = recording.top5.get(depth).and_then(|column| column.get(token)) {
        for (id, prob) in five.ids.iter().zip(five.probs).filter(|(id, _)| **id != NO_TOKEN) {
            push(&mut text, format_args!("\n“{}” {prob:.4}", recording.piece(*id)));
        }
    }
    for signal in Signal::ALL {
        let column = recording.column(signal, depth_of(depth));
        if let Some(value) = column.and_then(|c| c.get(token)).filter(|v| !v.is_nan()) {
            let caption = caption(signal, recording.subject());
            push(&mut text, format_args!("\n{caption}: {value:.4}"));
        }
    }
    text
}

fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(words).unwrap_or_default();
}

/// Ends of the colour map: those of the definition where it has ends, else what most values lie between.
fn colors(scene: &Scene<'_>, signal: Signal) -> ((f32, f32), ColorMap) {
    let vocab = scene.recording.manifest.vocab.max(2) as f32;
    match signal {
        Signal::MaxProb | Signal::Margin => ((0.0, 1.0), ColorMap::Sequential),
        Signal::Entropy => ((0.0, vocab.ln()), ColorMap::Sequential),
        Signal::CosNext => ((-1.0, 1.0), ColorMap::Diverging),
        Signal::Kl
        | Signal::KlPrev
        | Signal::ProbStep
        | Signal::Nll
        | Signal::Rank
        | Signal::Update
        | Signal::Rms => (distribution::quantiles(scene, signal).ends(), ColorMap::Sequential),
    }
}
