//! Exit rules, one per file. Each is one pure function with its own small state, the same for replay and live.
//!
//! A token stops at the first depth d with least depth <= d < L at which its rule says so, else at L.
//! A NaN never stops. To add a rule: its file and its two lines here.
//!
//! Must not know: models, recordings' files, lenses.

mod entropy;
mod margin;
mod max_prob;

use std::ops::Range;

use crate::knob::{Integer, Knobs, Real};
use crate::recording::{Ladder, Recording, Sense, depth_of};
use crate::signal::{Depth, Signal};

/// Every exit rule, in the order of menus; the first is the default.
pub(crate) static RULES: &[&dyn RuleEntry] = &[&max_prob::RULE, &margin::RULE, &entropy::RULE];

/// The first depth at which a token may stop.
pub(crate) const LEAST_DEPTH: Integer = Integer {
    id: "least-depth",
    label: "Least depth",
    help: "No token stops before this many blocks have run",
    default: 0,
    min: 0,
    max: u16::MAX as i64,
};

/// What a rule may look at: one token at one depth. NaN where it was not recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenSignals {
    pub(crate) max_prob: f32,
    pub(crate) margin: f32,
    pub(crate) entropy: f32,
}

/// The decision itself.
pub(crate) trait ExitRule: Send + Sync + 'static {
    /// Memory of one token from depth to depth: patience counters, running sums; `()` for most.
    type State: Default + Send + 'static;

    /// Whether the token stops here. Asked once for each depth in ascending order, from the least depth on.
    fn stops(&self, state: &mut Self::State, token: TokenSignals, depth: Depth) -> bool;
}

/// All that a rule's file declares.
#[derive(Debug)]
pub(crate) struct Entry<R> {
    id: &'static str,
    label: &'static str,
    signal: Signal,
    sense: Sense,
    /// The threshold knob for a vocabulary of this size; its step is a 1,000th of its range.
    threshold: fn(usize) -> Real,
    build: fn(f64) -> R,
}

/// A rule as others see it, whatever its state.
pub(crate) trait RuleEntry: Sync {
    /// Stable, kebab-case.
    fn id(&self) -> &'static str;
    /// Sentence case, for menus.
    fn label(&self) -> &'static str;
    /// What it compares.
    fn signal(&self) -> Signal;
    /// How it compares.
    fn sense(&self) -> Sense;
    /// The threshold knob for a vocabulary of this size.
    fn threshold(&self, vocab: usize) -> Real;
    /// Exit depths of the tokens of a range. No look-up of a knob and no virtual call per token.
    fn replay(&self, recording: &Recording, at: Setting, tokens: Range<usize>) -> Vec<Depth>;
    /// The same rule for a forward pass: one memory per token.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the seam of live runs; a test holds live = replay")
    )]
    fn live(&self, at: Setting, num_layers: usize, num_tokens: usize) -> Box<dyn LiveRule>;
}

/// A rule in a forward pass.
pub(crate) trait LiveRule: Send {
    /// Whether a token stops at a depth; asked in ascending order of depth.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the seam of live runs; a test holds live = replay")
    )]
    fn stops(&mut self, token: usize, signals: TokenSignals, depth: Depth) -> bool;
}

/// How the knobs of every rule stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Setting {
    pub(crate) threshold: f64,
    pub(crate) least: Depth,
}

impl dyn RuleEntry + '_ {
    /// A rule by its id.
    pub(crate) fn find(id: &str) -> Option<&'static dyn RuleEntry> {
        RULES.iter().copied().find(|rule| rule.id() == id)
    }

    /// The evenly spaced thresholds that a cube answers.
    pub(crate) fn ladder(&self, vocab: usize) -> Ladder {
        Ladder { signal: self.signal(), sense: self.sense(), top: self.threshold(vocab).max }
    }

    /// Reads the knobs. A value outside its range counts as not chosen; one that is a slider
    /// position but for rounding is that position.
    pub(crate) fn setting(&self, recording: &Recording, knobs: &Knobs) -> Setting {
        let vocab = recording.manifest.vocab;
        let knob = self.threshold(vocab);
        let cards = [knob.card(), LEAST_DEPTH.card(layers(recording))];
        let mut allowed = knobs.clone();
        allowed.keep_allowed(&cards);
        let least = usize::try_from(allowed.integer(&LEAST_DEPTH)).unwrap_or(0);
        Setting {
            threshold: self.ladder(vocab).snap(allowed.real(&knob)),
            least: depth_of(least.min(recording.num_layers())),
        }
    }
}

/// Number of blocks as a knob's largest value.
pub(crate) fn layers(recording: &Recording) -> i64 {
    i64::try_from(recording.num_layers()).unwrap_or(i64::MAX)
}

impl<R: ExitRule> RuleEntry for Entry<R> {
    fn id(&self) -> &'static str {
        self.id
    }

    fn label(&self) -> &'static str {
        self.label
    }

    fn signal(&self) -> Signal {
        self.signal
    }

    fn sense(&self) -> Sense {
        self.sense
    }

    fn threshold(&self, vocab: usize) -> Real {
        (self.threshold)(vocab)
    }

    fn replay(&self, recording: &Recording, at: Setting, tokens: Range<usize>) -> Vec<Depth> {
        let rule = (self.build)(at.threshold);
        let num_layers = recording.num_layers();
        let columns = |signal| -> Vec<&[f32]> {
            let depths = (0..num_layers).map(depth_of);
            depths.map(|depth| recording.column(signal, depth).unwrap_or_default()).collect()
        };
        let max_prob = columns(Signal::MaxProb);
        let margin = columns(Signal::Margin);
        let entropy = columns(Signal::Entropy);
        let value = |columns: &[&[f32]], depth: usize, token: usize| {
            columns.get(depth).and_then(|c| c.get(token)).copied().unwrap_or(f32::NAN)
        };
        tokens
            .map(|token| {
                let mut state = R::State::default();
                let stops = |depth: &usize| {
                    let signals = TokenSignals {
                        max_prob: value(&max_prob, *depth, token),
                        margin: value(&margin, *depth, token),
                        entropy: value(&entropy, *depth, token),
                    };
                    rule.stops(&mut state, signals, depth_of(*depth))
                };
                depth_of((at.least.index()..num_layers).find(stops).unwrap_or(num_layers))
            })
            .collect()
    }

    fn live(&self, at: Setting, num_layers: usize, num_tokens: usize) -> Box<dyn LiveRule> {
        let states = std::iter::repeat_with(R::State::default).take(num_tokens).collect();
        Box::new(Live { rule: (self.build)(at.threshold), least: at.least, num_layers, states })
    }
}

struct Live<R: ExitRule> {
    rule: R,
    least: Depth,
    num_layers: usize,
    states: Vec<R::State>,
}

impl<R: ExitRule> LiveRule for Live<R> {
    fn stops(&mut self, token: usize, signals: TokenSignals, depth: Depth) -> bool {
        if depth.index() >= self.num_layers {
            return true;
        }
        if depth < self.least {
            return false;
        }
        // A token that the run does not know runs on.
        let state = self.states.get_mut(token);
        state.is_some_and(|state| self.rule.stops(state, signals, depth))
    }
}

/// The threshold knob of a rule that compares a probability.
const fn probability(help: &'static str) -> Real {
    Real {
        id: "threshold",
        label: "Threshold",
        help,
        unit: "",
        default: 0.9,
        min: 0.0,
        max: 1.0,
        step: 0.001,
    }
}

/// A rule by its id; the first of the registry where it is not known or not chosen.
pub(crate) fn rule_or_default(id: Option<&str>) -> &'static dyn RuleEntry {
    id.and_then(<dyn RuleEntry>::find).unwrap_or(&max_prob::RULE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recording::{rough, synthetic};

    fn signals(recording: &Recording, token: usize, depth: usize) -> TokenSignals {
        let value = |signal| recording.column(signal, depth_of(depth)).unwrap()[token];
        TokenSignals {
            max_prob: value(Signal::MaxProb),
            margin: value(Signal::Margin),
            entropy: value(Signal::Entropy),
        }
    }

    /// The definition, written once more: the first depth from `least` on that passes, else L.
    fn naive(rule: &dyn RuleEntry, recording: &Recording, token: usize, at: Setting) -> usize {
        let num_layers = recording.num_layers();
        for depth in at.least.index()..num_layers {
            let value = f64::from(recording.column(rule.signal(), depth_of(depth)).unwrap()[token]);
            let passes = match rule.sense() {
                Sense::AtLeast => value >= at.threshold,
                Sense::Below => value < at.threshold,
            };
            if passes {
                return depth;
            }
        }
        num_layers
    }

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id()).collect();
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
        assert!(RULES.iter().all(|rule| <dyn RuleEntry>::find(rule.id()).is_some()));
    }

    #[test]
    fn every_stored_ladder_is_that_of_a_rule() {
        for vocab in [0, 1, 64, 49_152] {
            let ladders = RULES.iter().map(|rule| rule.ladder(vocab)).collect::<Vec<_>>();
            assert_eq!(ladders, Ladder::stored(vocab));
        }
    }

    #[test]
    fn threshold_zero_stops_every_known_max_probability_at_the_least_depth() {
        let mut recording = synthetic(20, 3, 1);
        recording
            .signals
            .get_mut(&Signal::MaxProb)
            .unwrap()
            .iter_mut()
            .for_each(|c| c[7] = f32::NAN);
        let at = Setting { threshold: 0.0, least: Depth(1) };
        let exits = RULES[0].replay(&recording, at, 0..20);
        for (token, exit) in exits.iter().enumerate() {
            assert_eq!(exit.0, if token == 7 { 3 } else { 1 });
        }
    }

    #[test]
    fn threshold_one_stops_only_at_certainty() {
        let mut recording = synthetic(2, 3, 1);
        for column in recording.signals.get_mut(&Signal::MaxProb).unwrap() {
            column[0] = 1.0;
            column[1] = 0.999_999_9;
        }
        let at = Setting { threshold: 1.0, least: Depth(0) };
        assert_eq!(RULES[0].replay(&recording, at, 0..2), [Depth(0), Depth(3)]);
    }

    #[test]
    fn entropy_equal_to_the_threshold_does_not_stop() {
        let mut recording = synthetic(1, 2, 1);
        recording.signals.get_mut(&Signal::Entropy).unwrap().iter_mut().for_each(|c| c[0] = 0.5);
        let rule = <dyn RuleEntry>::find("entropy").unwrap();
        let exit =
            |threshold| rule.replay(&recording, Setting { threshold, least: Depth(0) }, 0..1)[0];
        assert_eq!(exit(0.5), Depth(2));
        assert_eq!(exit(0.500_001), Depth(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn live_equals_replay_equals_the_definition(
            num_tokens in 0_usize..20,
            num_layers in 1_usize..6,
            seed in 0_u64..1000,
            share in 0.0_f64..=1.0,
            least in 0_u16..7,
        ) {
            let recording = rough(num_tokens, num_layers, seed);
            for rule in RULES {
                let threshold = share * rule.threshold(recording.manifest.vocab).max;
                let least = Depth(least.min(u16::try_from(num_layers).unwrap()));
                let at = Setting { threshold, least };
                let replayed = rule.replay(&recording, at, 0..num_tokens);
                let mut live = rule.live(at, num_layers, num_tokens);
                prop_assert_eq!(replayed.len(), num_tokens);
                for (token, exit) in replayed.iter().enumerate() {
                    let first = (0..=num_layers).find(|depth| {
                        live.stops(token, signals(&recording, token, *depth), depth_of(*depth))
                    });
                    prop_assert_eq!(first, Some(exit.index()));
                    prop_assert_eq!(naive(*rule, &recording, token, at), exit.index());
                    prop_assert!(*exit >= least);
                }
            }
        }

        #[test]
        fn a_stricter_threshold_never_exits_earlier(seed in 0_u64..1000, a in 0.0_f64..1.0, b in 0.0_f64..1.0) {
            let recording = rough(30, 5, seed);
            for rule in RULES {
                let top = rule.threshold(recording.manifest.vocab).max;
                let (low, high) = (a.min(b) * top, a.max(b) * top);
                let (mild, strict) = match rule.sense() {
                    Sense::AtLeast => (low, high),
                    Sense::Below => (high, low),
                };
                let exits = |threshold| rule.replay(&recording, Setting { threshold, least: Depth(0) }, 0..30);
                prop_assert!(exits(mild).iter().zip(&exits(strict)).all(|(m, s)| m <= s));
            }
        }
    }
}
