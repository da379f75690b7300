//! What runs: for each block the share of tokens that reach it and that run it, and what it costs.

use super::{Scene, capital};
use crate::figure::{Axis, Figure, Ink, Mark};

/// Share of tokens that reach the depth in front of each block, and of those that run it; the difference exits there.
pub(super) fn figure(scene: &Scene<'_>) -> Figure {
    let tally = &scene.tally;
    let rows = capital(scene.recording.subject().nouns());
    let all = tally.num_tokens() as f64;
    // Tokens that did not exit before a depth: those of all deeper ones, counted from the end.
    let exits: Vec<u64> = tally.by_depth().map(|(_, exits)| exits).collect();
    let reaching = |depth: usize| exits.iter().skip(depth).sum::<u64>() as f64 / all;
    let layers = 0..scene.num_layers();
    let bars = |label: &str, ink, behind: usize| Mark::Bars {
        label: label.to_owned(),
        bars: layers.clone().map(|layer| [layer as f64, reaching(layer + behind)]).collect(),
        width: 0.84,
        ink,
    };
    // What runs lies over what arrives: what is left to see exits in front of the block.
    let mut marks = vec![bars("Reach it", Ink::Series(1), 0), bars("Run it", Ink::Series(0), 1)];
    let settings = &scene.settings;
    let shares = settings.pricing.block_shares(scene.recording, &settings.slice);
    if let Some((label, shares)) = shares {
        let points = shares.iter().enumerate().map(|(layer, share)| [layer as f64, *share]);
        let points = points.collect();
        marks.push(Mark::Line { label: label.to_owned(), points, ink: Ink::Series(2) });
    }
    let last = scene.num_layers() as f64 - 0.5;
    Figure {
        id: "layers",
        title: "Layers run".to_owned(),
        x: Axis::integer("Layer").with_range(-0.5, last.max(0.5)),
        y: Axis::linear(rows, "fraction").with_range(0.0, 1.0),
        marks,
        picks: Vec::new(),
    }
}
