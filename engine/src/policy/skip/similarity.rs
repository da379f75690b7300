//! A token leaves out feed-forward sublayers once one of them hardly turned its stream (FFN-SkipLLM).
//!
//! Attention always runs, so every key is there. In block l the feed-forward sublayer runs where the token is one of the
//! first W behind the prompt (or in it), where l is one of the first c0 or last c1 blocks, or where nothing is left to skip;
//! where it ran in the middle and its similarity s_l >= tau, the next K of the middle are skipped. s_l = cos(u, u + f), the
//! stream before and behind the residual update (reading A); cos(u, f) (reading B) is shown beside it and decides nothing.
//! The paper's tau, W, c0, c1 and K are not known to us: they are knobs.

use super::plan::Plan;
use super::rule::{Entry, SkipCard};
use crate::knob::{Integer, Real};
use crate::policy::exit::Place;

const TAU: Real = Real {
    id: "similarity",
    label: "Similarity threshold",
    help: "A feed-forward sublayer whose cosine of the stream before and behind reaches this lets the next ones be skipped; above 1 nothing is",
    unit: "",
    default: 0.95,
    min: -1.0,
    max: 1.01,
    step: 0.01,
};
const WARM_UP: Integer = Integer {
    id: "warm-up-tokens",
    label: "Warm-up (tokens)",
    help: "So many tokens behind the prompt run everything",
    default: 4,
    min: 0,
    max: 1 << 20,
};
const COLD_START: Integer = Integer {
    id: "cold-start",
    label: "Cold start (layers)",
    help: "So many of the lowest blocks never skip",
    default: 1,
    min: 0,
    max: u16::MAX as i64,
};
const COLD_END: Integer = Integer {
    id: "cold-end",
    label: "Cold end (layers)",
    help: "So many of the highest blocks never skip",
    default: 1,
    min: 0,
    max: u16::MAX as i64,
};
const RUN: Integer = Integer {
    id: "skip-run",
    label: "Skipped at once (layers)",
    help: "How many sublayers are skipped behind one that reached the threshold; the most: all up to the cold end",
    default: u16::MAX as i64,
    min: 1,
    max: u16::MAX as i64,
};

/// Registry entry.
pub(super) static RULE: Entry = Entry {
    card: SkipCard {
        id: "ffn-similarity",
        label: "Feed-forward by similarity",
        meaning: "Leaves out feed-forward sublayers of a token, block by block, once one hardly turned its stream",
        source: "Jaiswal et al. 2024 (FFN-SkipLLM), reading A of its similarity; thresholds and cold regions are knobs",
        main: "similarity",
    },
    knobs: |about| {
        let most = about.most_layers();
        vec![
            TAU.card(),
            WARM_UP.card(WARM_UP.max),
            COLD_START.card(most),
            COLD_END.card(most),
            RUN.card(most.max(1)),
        ]
    },
    plan: |asked, _| {
        let count = |knob| usize::try_from(asked.knobs.integer(knob)).unwrap_or(0);
        let layers = asked.about.layers;
        let middle = (count(&COLD_START), layers.saturating_sub(count(&COLD_END)));
        let warm_up = u32::try_from(count(&WARM_UP)).unwrap_or(u32::MAX);
        let threshold = asked.knobs.real(&TAU);
        Ok(Plan::Similarity(Similarity { threshold, warm_up, middle, run: count(&RUN) }).into())
    },
};

/// The rule with its knobs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Similarity {
    /// tau.
    pub(crate) threshold: f64,
    /// W.
    pub(crate) warm_up: u32,
    /// The first block behind the cold start, and the first of the cold end.
    pub(crate) middle: (usize, usize),
    /// K.
    pub(crate) run: usize,
}

/// How many sublayers one token still skips.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Left(usize);

impl Similarity {
    /// Whether the feed-forward sublayer of a block runs. Asked once for each block, from the lowest on.
    pub(crate) fn feeds(&self, left: &mut Left, place: Place, layer: usize) -> bool {
        if !self.may_skip(place, layer) || left.0 == 0 {
            return true;
        }
        left.0 -= 1;
        false
    }

    /// Takes in the similarity of a sublayer that ran. What is not a number reaches no threshold.
    pub(crate) fn saw(&self, left: &mut Left, place: Place, layer: usize, similarity: f32) {
        if self.may_skip(place, layer) && f64::from(similarity) >= self.threshold {
            left.0 = self.run;
        }
    }

    fn may_skip(&self, place: Place, layer: usize) -> bool {
        let (start, end) = self.middle;
        !place.is_prompt && place.step >= self.warm_up && (start..end).contains(&layer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::geometry::cosine;

    const LATE: Place = Place { position: 9, is_prompt: false, step: 9 };

    /// Which sublayers run for similarities that are given.
    fn runs(rule: &Similarity, place: Place, similarities: &[f32]) -> Vec<bool> {
        let mut left = Left::default();
        let one = |(layer, similarity): (usize, &f32)| {
            let runs = rule.feeds(&mut left, place, layer);
            if runs {
                rule.saw(&mut left, place, layer, *similarity);
            }
            runs
        };
        similarities.iter().enumerate().map(one).collect()
    }

    fn rule(threshold: f64, run: usize) -> Similarity {
        Similarity { threshold, warm_up: 4, middle: (1, 7), run }
    }

    #[test]
    fn both_readings_are_those_of_the_specification() {
        let u = [1.0, 2.0, 2.0, 3.0, 0.0, 4.0];
        let f = [0.1, 0.0, -0.1, -3.0, 1.0, 0.0];
        let behind: Vec<f32> = u.iter().zip(&f).map(|(u, f)| u + f).collect();
        let near = |got: Vec<f32>, want: [f32; 2]| {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?}");
        };
        near(cosine(&u, &behind, 3), [0.998_929, 0.776_114]);
        near(cosine(&u, &f, 3), [-0.235_702, -0.569_210]);
    }

    #[test]
    fn above_one_nothing_is_skipped_and_below_only_the_first_of_the_middle_runs() {
        let all = [1.0; 8];
        assert_eq!(runs(&rule(1.01, 99), LATE, &all), [true; 8]);
        let only = runs(&rule(-1.0, 99), LATE, &[-0.5; 8]);
        assert_eq!(only, [true, true, false, false, false, false, false, true]);
        assert_eq!(runs(&rule(-1.0, 99), LATE, &[f32::NAN; 8]), [true; 8]);
    }

    #[test]
    fn a_run_ends_after_its_length_and_the_next_sublayer_is_looked_at() {
        let similarities = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let got = runs(&rule(0.5, 1), LATE, &similarities);
        assert_eq!(got, [true, true, false, true, true, false, true, true]);
    }

    #[test]
    fn warm_up_and_prompt_run_everything() {
        let early = Place { step: 3, ..LATE };
        let prompt = Place { position: 2, is_prompt: true, step: 0 };
        for place in [early, prompt] {
            assert_eq!(runs(&rule(-1.0, 99), place, &[1.0; 8]), [true; 8]);
        }
        assert!(runs(&rule(-1.0, 99), Place { step: 4, ..LATE }, &[1.0; 8]).contains(&false));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn for_fixed_similarities_a_higher_threshold_skips_no_more(
            similarities in proptest::collection::vec(-1.0_f32..1.0, 8),
            low in -1.0_f64..1.0, more in 0.0_f64..1.0, run in 1_usize..9,
        ) {
            let skipped = |threshold| runs(&rule(threshold, run), LATE, &similarities).iter().filter(|runs| !**runs).count();
            prop_assert!(skipped(low + more) <= skipped(low));
            let got = runs(&rule(low, run), LATE, &similarities);
            prop_assert!(got[0] && got[1] && got[7], "cold regions and the first of the middle run");
        }
    }
}
