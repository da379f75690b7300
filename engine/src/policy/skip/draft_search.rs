//! A set of sublayers is searched whose skipping changes the first choices least (SWIFT's draft model).
//!
//! The first and the last block stay. Of the 2 (L - 2) sublayers between them floor(2 (L - 2) r) are left out. Each try is one
//! parallel pass: the share of positions at which the skipped model's first choice is the full model's. Tries are random
//! sets; every 25th is suggested by a model of the tries so far. SWIFT fits a Gaussian process; ours is additive (a
//! sublayer's effect is the mean score of the sets without it less that of the others), which is an extension, and where that
//! set was tried already one member of the best set is exchanged. The score says nothing about how many drafts would be
//! accepted.

use std::collections::BTreeSet;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::place::{self, Where};
use super::random::SEED;
use super::rule::{Entry, Evidence, Measure, Planned, SkipCard, Unplanned};
use super::set::Set;
use crate::knob::{Integer, Part, Real};
use crate::model::ModelError;

const RATIO: Real = Real {
    id: "skip-ratio",
    label: "Skipped share",
    help: "Share of the sublayers between the first and the last block that is left out",
    unit: "fraction",
    default: 0.45,
    min: 0.0,
    max: 1.0,
    step: 0.01,
};
const ENOUGH: Real = Real {
    id: "enough",
    label: "Enough",
    help: "The search ends once more than this share of first choices is kept",
    unit: "fraction",
    default: 0.93,
    min: 0.0,
    max: 1.0,
    step: 0.01,
};
const TRIES: Integer = Integer {
    id: "most-tries",
    label: "Most tries",
    help: "The search ends after so many sets; the published code takes 1000",
    default: 200,
    min: 1,
    max: 10_000,
};
/// Tries without a better set, after which the published code gives up.
const PATIENCE: u64 = 300;
/// Every so many tries the model of the tries is asked.
const SUGGEST_EVERY: u64 = 25;

/// Registry entry.
pub(super) static RULE: Entry = Entry {
    card: SkipCard {
        id: "draft-search",
        label: "Searched draft set",
        meaning: "Searches the set of sublayers whose skipping keeps most first choices of the full model",
        source: "Xia et al. 2024 (SWIFT), its published code; suggestions from an additive model are an extension",
        main: "",
    },
    knobs: |_| {
        let cards = [RATIO.card(), ENOUGH.card(), TRIES.card(TRIES.max), SEED.card(SEED.max)];
        cards.into_iter().chain([place::card(Where::Everywhere)]).collect()
    },
    plan: |asked, measure| {
        let (layers, knobs) = (asked.about.layers, asked.knobs);
        if layers < 3 {
            let why = format!("{layers} blocks have none between the first and the last");
            return Err(Unplanned::Refused(why));
        }
        let most = knobs.integer(&TRIES).unsigned_abs();
        let limits = Limits { enough: knobs.real(&ENOUGH), most };
        let seed = knobs.integer(&SEED).unsigned_abs();
        let mut search = Search::new(layers, knobs.real(&RATIO), seed);
        search.run(limits, measure)?;
        let set = search.set(&search.best);
        let scores = search.scores.iter().enumerate();
        let points = scores.map(|(number, (score, _))| [number as f64 + 1.0, *score]).collect();
        let scores = search.scores.iter().enumerate();
        let best = scores.map(|(number, (_, best))| [number as f64 + 1.0, *best]).collect();
        let evidence = Evidence {
            title: "Search for a draft set",
            x: "Try",
            y: ("First choices kept", "fraction"),
            lines: vec![("This set", points), ("Best so far", best)],
            chosen: Vec::new(),
        };
        Ok(Planned { plan: place::plan(knobs, set), evidence: Some(evidence) })
    },
};

/// When a search ends.
#[derive(Debug, Clone, Copy)]
struct Limits {
    enough: f64,
    most: u64,
}

/// A search while it goes on. A set is the numbers of the sublayers that it leaves out, ascending: 2 (l - 1) is the attention
/// of block l, the next number its feed-forward sublayer.
struct Search {
    layers: usize,
    /// How many are left out.
    count: usize,
    rng: ChaCha8Rng,
    tried: BTreeSet<Vec<usize>>,
    best: Vec<usize>,
    /// Of every try: its score and the best up to it.
    scores: Vec<(f64, f64)>,
    /// Of every sublayer: sum and number of the scores of the sets that left it out.
    without: Vec<(f64, u64)>,
    /// The same of those that ran it.
    with: Vec<(f64, u64)>,
}

impl Search {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of sublayers is one"
    )]
    fn new(layers: usize, ratio: f64, seed: u64) -> Self {
        let all = 2 * layers.saturating_sub(2);
        Self {
            layers,
            count: ((all as f64 * ratio).floor() as usize).min(all),
            rng: ChaCha8Rng::seed_from_u64(seed),
            tried: BTreeSet::new(),
            best: Vec::new(),
            scores: Vec::new(),
            without: vec![(0.0, 0); all],
            with: vec![(0.0, 0); all],
        }
    }

    fn run(&mut self, limits: Limits, measure: &mut dyn Measure) -> Result<(), ModelError> {
        let (mut best, mut since) = (f64::NEG_INFINITY, 0);
        for number in 0..limits.most {
            let skipped = if number % SUGGEST_EVERY == SUGGEST_EVERY - 1 {
                self.suggested()
            } else {
                self.random()
            };
            let score = measure.matching(&self.set(&skipped), number, limits.most)?;
            self.note(&skipped, score);
            since += 1;
            if score > best {
                (best, since) = (score, 0);
                self.best.clone_from(&skipped);
            }
            self.scores.push((score, best));
            self.tried.insert(skipped);
            // With nothing or everything to leave out there is one set only.
            let is_only = self.count == 0 || self.count == self.with.len();
            if best > limits.enough || since >= PATIENCE || is_only {
                break;
            }
        }
        Ok(())
    }

    fn note(&mut self, skipped: &[usize], score: f64) {
        for number in 0..self.with.len() {
            let is_out = skipped.binary_search(&number).is_ok();
            let side = if is_out { &mut self.without } else { &mut self.with };
            if let Some((sum, count)) = side.get_mut(number) {
                *sum += score;
                *count += 1;
            }
        }
    }

    fn random(&mut self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.with.len()).collect();
        for at in 0..self.count {
            let other = self.rng.random_range(at..all.len());
            all.swap(at, other);
        }
        all.truncate(self.count);
        all.sort_unstable();
        all
    }

    /// The sublayers whose absence went with the best scores; of equals the lower ones.
    fn suggested(&mut self) -> Vec<usize> {
        let mean =
            |(sum, count): (f64, u64)| if count == 0 { f64::NAN } else { sum / count as f64 };
        let effect = |number: &usize| {
            let effect = mean(self.without[*number]) - mean(self.with[*number]);
            // What was never, or always, left out is worth a look.
            if effect.is_nan() { f64::INFINITY } else { effect }
        };
        let mut order: Vec<usize> = (0..self.with.len()).collect();
        order.sort_by(|a, b| effect(b).total_cmp(&effect(a)));
        order.truncate(self.count);
        order.sort_unstable();
        if self.tried.contains(&order) { self.exchanged() } else { order }
    }

    /// The best set with one member exchanged.
    fn exchanged(&mut self) -> Vec<usize> {
        let best = &self.best;
        let others: Vec<usize> =
            (0..self.with.len()).filter(|number| best.binary_search(number).is_err()).collect();
        let mut set = best.clone();
        if set.is_empty() || others.is_empty() {
            return set;
        }
        let (out, new) =
            (self.rng.random_range(0..set.len()), self.rng.random_range(0..others.len()));
        set[out] = others[new];
        set.sort_unstable();
        set
    }

    fn set(&self, skipped: &[usize]) -> Set {
        let part = |number: usize| {
            if number.is_multiple_of(2) { Part::Attention } else { Part::FeedForward }
        };
        Set::without(self.layers, skipped.iter().map(|number| (1 + number / 2, part(*number))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A score that falls by a weight of each sublayer that is left out.
    struct Weights {
        passes: u64,
        cancel_at: u64,
    }

    impl Measure for Weights {
        fn angles(&mut self) -> Result<&[Vec<f64>], ModelError> {
            Ok(&[])
        }

        fn matching(&mut self, draft: &Set, number: u64, _: u64) -> Result<f64, ModelError> {
            if number == self.cancel_at {
                return Err(ModelError::Cancelled(crate::job::Cancelled));
            }
            self.passes += 1;
            let weight = |layer: usize| 0.01 * (layer + 1) as f64;
            let lost = |layer: usize| {
                let (attends, feeds) = (draft.attends(layer), draft.feeds(layer));
                weight(layer) * (f64::from(u8::from(!attends)) + 3.0 * f64::from(u8::from(!feeds)))
            };
            Ok(1.0 - (0..draft.layers()).map(lost).sum::<f64>())
        }
    }

    const NEVER: u64 = u64::MAX;

    fn searched(enough: f64, most: u64, ratio: f64) -> (Search, u64) {
        let mut search = Search::new(8, ratio, 1);
        let mut weights = Weights { passes: 0, cancel_at: NEVER };
        search.run(Limits { enough, most }, &mut weights).unwrap();
        (search, weights.passes)
    }

    #[test]
    fn as_many_sublayers_go_as_wanted_and_the_ends_stay() {
        let (search, _) = searched(1.0, 60, 0.45);
        let set = search.set(&search.best);
        // floor(2 (8 - 2) 0.45).
        assert_eq!(search.best.len(), 5);
        assert!([0, 7].iter().all(|layer| set.attends(*layer) && set.feeds(*layer)));
        assert!(search.tried.iter().all(|set| set.len() == 5));
    }

    #[test]
    fn what_the_model_of_the_tries_suggests_is_better_than_what_is_drawn() {
        let (short, _) = searched(1.0, 24, 0.3);
        let (long, _) = searched(1.0, 200, 0.3);
        let best = |search: &Search| search.scores.last().unwrap().1;
        assert!(best(&long) > best(&short));
        let mean = |is_suggested: bool| {
            let tries = (1..).zip(&long.scores);
            let tries = tries.filter(|(number, _)| (number % SUGGEST_EVERY == 0) == is_suggested);
            let scores: Vec<f64> = tries.map(|(_, (score, _))| *score).collect();
            scores.iter().sum::<f64>() / scores.len() as f64
        };
        assert!(mean(true) > mean(false) + 0.05, "{} {}", mean(true), mean(false));
        // The three cheapest, the attention of blocks 1 to 3, cost 2 + 3 + 4 hundredths.
        assert!((0.89..0.911).contains(&best(&long)), "{}", best(&long));
    }

    #[test]
    fn a_search_ends_where_it_is_enough_and_where_there_is_one_set_only() {
        assert_eq!(searched(0.0, 200, 0.3).1, 1);
        assert_eq!(searched(1.0, 200, 0.0).1, 1);
        assert_eq!(searched(2.0, 200, 1.0).1, 1);
        // A score that does not get better.
        assert!(searched(2.0, 10_000, 0.3).1 < 1000);
    }

    #[test]
    fn the_same_seed_tries_the_same_and_a_cancel_ends_it() {
        assert_eq!(searched(1.0, 50, 0.4).0.scores, searched(1.0, 50, 0.4).0.scores);
        let mut search = Search::new(8, 0.4, 1);
        let mut weights = Weights { passes: 0, cancel_at: 7 };
        let ended = search.run(Limits { enough: 1.0, most: 50 }, &mut weights);
        assert!(matches!(ended, Err(ModelError::Cancelled(_))));
        assert_eq!(weights.passes, 7);
    }
}
