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
fn threshold_zero_stops_every_known_max_probability_at_the_least_depth() {
    let mut recording = synthetic(20, 3, 1);
    recording.signals.get_mut(&Signal::MaxProb).unwrap().iter_mut().for_each(|c| c[7] = f32::NAN);
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
    let exit = |threshold| rule.replay(&recording, Setting { threshold, least: Depth(0) }, 0..1)[0];
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
