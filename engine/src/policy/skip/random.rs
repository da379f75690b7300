//! Blocks or sublayers drawn at random: what every other rule has to beat.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::influence::{BLOCKS, card, wanted};
use super::place::{self, Where};
use super::rule::{Entry, SkipCard};
use super::set::Set;
use crate::knob::{Choice, ChoiceOption, Integer, Part};

const PART: Choice = Choice {
    id: "skipped-part",
    label: "What of them",
    help: "What of each drawn block is left out",
};
/// Seed of whatever a skip rule draws.
pub(super) const SEED: Integer = Integer {
    id: "skip-seed",
    label: "Seed",
    help: "Another number draws otherwise",
    default: 0,
    min: 0,
    max: 9999,
};
const PARTS: [(Part, &str, &str); 3] = [
    (Part::Whole, "blocks", "Whole blocks"),
    (Part::FeedForward, "feed-forward", "Feed-forward sublayers"),
    (Part::Attention, "attention", "Attention"),
];

/// Registry entry.
pub(super) static RULE: Entry = Entry {
    card: SkipCard {
        id: "random",
        label: "At random",
        meaning: "Leaves out blocks drawn at random, never the first and the last: the baseline",
        source: "The baseline of FFN-SkipLLM and others",
        main: "skipped-blocks",
    },
    knobs: |about| {
        let options = PARTS.map(|(_, id, label)| ChoiceOption::new(id, label));
        let most = about.layers.saturating_sub(2);
        let cards = [card(most), PART.card(options.to_vec()), SEED.card(SEED.max)];
        cards.into_iter().chain([place::card(Where::Everywhere)]).collect()
    },
    plan: |asked, _| {
        let (layers, knobs) = (asked.about.layers, asked.knobs);
        let part = PARTS.into_iter().find(|(_, id, _)| knobs.choice(&PART) == Some(*id));
        let part = part.map_or(Part::Whole, |(part, _, _)| part);
        let order = order(layers, knobs.integer(&SEED).unsigned_abs());
        let skipped = order.into_iter().take(wanted(knobs.integer(&BLOCKS)));
        let set = Set::without(layers, skipped.map(|layer| (layer, part)));
        Ok(place::plan(knobs, set).into())
    },
};

/// All blocks but the first and the last, shuffled: the first k of them are a random set that holds every smaller one.
pub(crate) fn order(layers: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (1..layers.saturating_sub(1)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for last in (1..order.len()).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_holds_every_middle_block_once_and_follows_its_seed() {
        let mut all = order(12, 3);
        assert_eq!(all, order(12, 3));
        assert_ne!(all, order(12, 4));
        all.sort_unstable();
        assert_eq!(all, (1..11).collect::<Vec<_>>());
        assert!(order(2, 0).is_empty() && order(0, 0).is_empty());
    }
}
