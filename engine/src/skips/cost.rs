//! Modelled cost of what ran, and bytes of keys and values. From shapes alone; never mixed with measured time.
//!
//! A token at position p runs its attention for `a + K k` and its feed-forward sublayer for `f`, with a and f two FLOPs for
//! each weight of their matrices, k those of one key and K = p + 1 (at most the block's window) the keys of the full model,
//! and is read out once. The share saved is `1 - sum of what ran / sum of everything` over the tokens that count.

use crate::model::ModelCard;
use crate::policy::Place;
use crate::skips::pass::Outcome;

/// What of the full model's FLOPs was left out by the tokens behind the prompt; `None` without one.
pub(super) fn flops_saved(
    card: &ModelCard,
    places: impl Iterator<Item = Place>,
    outcome: &Outcome,
) -> Option<f64> {
    let attention = card.flops_attention();
    let feed_forward = card.flops_fixed() - attention;
    let (mut spent, mut full) = (0.0, 0.0);
    for (row, place) in places.enumerate().filter(|(_, place)| !place.is_prompt) {
        let positions = f64::from(place.position) + 1.0;
        spent += card.flops_per_readout();
        full += card.flops_per_readout();
        for (layer, ran) in outcome.ran.iter().enumerate() {
            let keys = card.window(layer).map_or(positions, |window| positions.min(window as f64));
            let attends = attention + keys * card.flops_per_key();
            full += attends + feed_forward;
            let runs = |runs: &[bool]| runs.get(row).copied().unwrap_or(false);
            spent += if runs(&ran.attention) { attends } else { 0.0 };
            spent += if runs(&ran.feed_forward) { feed_forward } else { 0.0 };
        }
    }
    let saved = 1.0 - spent / full;
    saved.is_finite().then_some(saved)
}

/// Bytes of the keys and values that executed attention makes.
pub(super) fn needed_bytes(card: &ModelCard, outcome: &Outcome) -> u64 {
    let entries = |runs: &Vec<bool>| runs.iter().filter(|runs| **runs).count() as u64;
    outcome.ran.iter().map(|ran| entries(&ran.attention)).sum::<u64>() * entry_bytes(card)
}

/// Bytes of one key and one value, in f32.
pub(super) fn entry_bytes(card: &ModelCard) -> u64 {
    let sizes = [2, 4, card.kv_heads, card.head_dim];
    sizes.into_iter().fold(1_u64, |bytes, by| bytes.saturating_mul(by as u64))
}
