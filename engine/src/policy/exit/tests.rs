use proptest::prelude::*;

use super::choose::EXIT_AT;
use super::rule::RuleEntry;
use super::signals::{Reader, TokenSignals};
use super::*;
use crate::knob::turned as knobs;
use crate::knob::{KnobCard, KnobKind, Value};
use crate::policy::positions;
use crate::recording::{self, End, Generation, RUNGS, Recording, Sampling, Slice, depth_of};
use crate::signal::{Depth, ReadBy};

/// A recording that every rule can be asked about.
fn for_all(mut recording: Recording) -> Recording {
    recording.manifest.readout = ReadBy::ClassMeans;
    recording
}

fn rough(num_tokens: usize, num_layers: usize, seed: u64) -> Recording {
    for_all(recording::rough(num_tokens, num_layers, seed))
}

fn synthetic(num_tokens: usize, num_layers: usize, seed: u64) -> Recording {
    for_all(recording::synthetic(num_tokens, num_layers, seed))
}

/// Every rule with its main knob at a share of its range.
fn at_share(rule: &'static dyn RuleEntry, recording: &Recording, share: f64) -> Knobs {
    let mut knobs = Knobs::default();
    knobs.set("rule", Value::Choice(rule.card().id.to_owned()));
    let cards = cards(&About::of(Some(recording)), &knobs);
    let main = cards.iter().find(|card| card.id == rule.card().main).unwrap();
    let value = match main.kind {
        KnobKind::Real { min, max, .. } => Value::Real(min + share * (max - min)),
        KnobKind::Integer { min, max, .. } => {
            let steps =
                (0..=max - min).rev().find(|step| *step as f64 <= (max - min) as f64 * share);
            Value::Integer(min + steps.unwrap_or(0))
        }
        _ => panic!("{:?}", main.kind),
    };
    knobs.set(main.id, value);
    knobs
}

fn find(id: &str) -> &'static dyn RuleEntry {
    <dyn RuleEntry>::find(id).unwrap()
}

#[test]
fn ids_are_unique_and_kebab_case_and_every_main_knob_is_there() {
    let mut ids: Vec<_> = RULES.iter().map(|rule| rule.card().id).collect();
    assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        assert!(<dyn RuleEntry>::find(rule.card().id).is_some());
        at_share(*rule, &synthetic(20, 3, 1), 0.5);
        let cards =
            cards(&About::of(None), &knobs(&[("rule", Value::Choice(rule.card().id.to_owned()))]));
        let mut ids: Vec<_> = cards.iter().map(|card| card.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), cards.len(), "{}: a knob twice", rule.card().id);
        for card in cards {
            assert!(card.kind.allows(&card.kind.default_value()), "{} {}", rule.card().id, card.id);
        }
    }
}

#[test]
fn every_stored_ladder_is_that_of_a_rule() {
    for vocab in [0, 1, 64, 49_152] {
        let about = About { vocab, ..About::of(None) };
        let ladders = RULES.iter().filter_map(|rule| rule.ladder(&about, &Knobs::default()));
        let ladders: Vec<_> = ladders.map(|(ladder, _)| ladder).collect();
        assert_eq!(ladders, Ladder::stored(vocab));
    }
}

#[test]
fn threshold_zero_stops_every_known_max_probability_at_the_least_depth() {
    let mut recording = synthetic(20, 3, 1);
    let columns = recording.signals.get_mut(&Signal::MaxProb).unwrap();
    for column in columns {
        column[7] = f32::NAN;
    }
    let turns = [("threshold", Value::Real(0.0)), ("least-depth", Value::Integer(1))];
    let exits = choose(&recording, &knobs(&turns)).all_exits(&recording);
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
    let chosen = choose(&recording, &knobs(&[("threshold", Value::Real(1.0))]));
    assert_eq!(chosen.all_exits(&recording), [Depth(0), Depth(3)]);
}

#[test]
fn entropy_equal_to_the_threshold_does_not_stop() {
    let mut recording = synthetic(1, 2, 1);
    recording.signals.get_mut(&Signal::Entropy).unwrap().iter_mut().for_each(|c| c[0] = 0.5);
    let exit = |threshold| {
        let turns = [("threshold", Value::Real(threshold))];
        choose_rule(&recording, find("entropy"), &knobs(&turns)).all_exits(&recording)[0]
    };
    assert_eq!(exit(0.5), Depth(2));
    assert_eq!(exit(0.500_001), Depth(0));
}

#[test]
fn only_depths_that_have_an_exit_stop_a_token() {
    let recording = synthetic(40, 6, 1);
    for rule in RULES {
        let mut knobs = at_share(*rule, &recording, 0.3);
        knobs.set(EXIT_AT.id, Value::Choice("2, 4".to_owned()));
        let exits = choose(&recording, &knobs).all_exits(&recording);
        assert!(exits.iter().all(|exit| [2, 4, 6].contains(&exit.0)), "{}", rule.card().id);
    }
}

#[test]
fn the_oracle_agrees_always_and_no_rule_that_does_stops_earlier() {
    let recording = synthetic(100, 5, 3);
    let chosen = choose_rule(&recording, find("oracle"), &Knobs::default());
    let tally = Counts::new(&recording, &chosen, None).of(&Slice::all());
    assert_eq!(tally.agreement(), Some(1.0));
    for (token, exit) in chosen.all_exits(&recording).iter().enumerate() {
        assert!((0..exit.index()).all(|depth| recording.agrees(depth, token) != Some(true)));
    }
    assert!(chosen.live(Vec::new()).is_none());
}

#[test]
fn cube_and_replay_count_the_same_at_every_rung() {
    let recording = rough(300, 5, 11);
    for id in ["max-prob", "margin", "entropy"] {
        let (ladder, _) = find(id).ladder(&About::of(Some(&recording)), &Knobs::default()).unwrap();
        for least in [0, 2, 5] {
            for rung in (0..RUNGS).step_by(7).chain([RUNGS - 1]) {
                let turns = [
                    ("threshold", Value::Real(ladder.threshold(rung))),
                    ("least-depth", Value::Integer(least)),
                ];
                let chosen = choose_rule(&recording, find(id), &knobs(&turns));
                let counts = Counts::new(&recording, &chosen, None);
                let counted = counts.of(&Slice::all());
                assert_eq!(counted, counts.by_replay(&Slice::all()));
                assert_eq!(counted.num_tokens(), 300);
            }
        }
    }
}

#[test]
fn thresholds_just_beside_a_recorded_value_are_told_apart() {
    let recording = rough(300, 5, 7);
    for id in ["max-prob", "margin", "entropy"] {
        let signal = find(id).card().signal.unwrap();
        for value in recording.column(signal, Depth(2)).unwrap() {
            for threshold in [*value, value.next_down(), value.next_up()].map(f64::from) {
                let turns =
                    [("threshold", Value::Real(threshold)), ("least-depth", Value::Integer(1))];
                let chosen = choose_rule(&recording, find(id), &knobs(&turns));
                let counts = Counts::new(&recording, &chosen, None);
                assert_eq!(counts.of(&Slice::all()), counts.by_replay(&Slice::all()));
            }
        }
    }
}

#[test]
fn a_crowd_between_two_rungs_is_counted_exactly() {
    // Two of three tokens have a first value between two rungs, many of them the same one.
    let mut recording = rough(60_000, 2, 11);
    for signal in [Signal::MaxProb, Signal::Margin, Signal::Entropy] {
        let column = &mut recording.signals.get_mut(&signal).unwrap()[0];
        for (token, value) in column.iter_mut().enumerate().filter(|(token, _)| token % 3 > 0) {
            *value = 0.3105 + 1e-9 * (token / 4000 * 4000) as f32;
        }
    }
    for id in ["max-prob", "margin", "entropy"] {
        for threshold in [0.3103, 0.3105, 0.310_505, 0.310_52, 0.310_54, 0.310_558, 0.31059] {
            let chosen =
                choose_rule(&recording, find(id), &knobs(&[("threshold", Value::Real(threshold))]));
            let (ladder, threshold) = chosen.ladder().unwrap();
            let counts = Counts::new(&recording, &chosen, None);
            for slice in [Slice::all(), Slice::all().with("difficulty", "2")] {
                let listed = recording.tally_between(ladder, Depth(0), &slice, threshold);
                assert_eq!(listed, Some(counts.by_replay(&slice)));
            }
        }
    }
}

/// A text of which so many tokens were given.
fn written(prompt: usize) -> Generation {
    let (sampling, ended) = (Sampling::default(), End::MostTokens);
    Generation { prompt_tokens: prompt as u64, is_chat: false, sampling, ended }
}

/// Each option of every choice of a rule, with the knob that has it; one that changes nothing first.
fn others(cards: &[KnobCard], main: &str) -> Vec<(&'static str, Value)> {
    let options = cards.iter().filter(|card| card.id != main).flat_map(|card| match &card.kind {
        KnobKind::Choice { options, .. } => {
            options.iter().map(|option| (card.id, Value::Choice(option.id.clone()))).collect()
        }
        _ => Vec::new(),
    });
    std::iter::once(("split-seed", Value::Integer(0))).chain(options).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_threshold_between_rungs_is_answered_without_a_replay_and_exactly(
        num_tokens in 0_usize..200,
        num_layers in 0_usize..7,
        least in 0_i64..7,
        seed in 0_u64..10_000,
        share in 0.0_f64..1.0,
    ) {
        let recording = rough(num_tokens, num_layers, seed);
        for id in ["max-prob", "margin", "entropy"] {
            let mut turned = at_share(find(id), &recording, share);
            turned.set("least-depth", Value::Integer(least.min(About::of(Some(&recording)).most_layers())));
            let chosen = choose(&recording, &turned);
            let Some((ladder, threshold)) = chosen.ladder() else { prop_assert!(false); return Ok(()) };
            let counts = Counts::new(&recording, &chosen, None);
            for slice in [Slice::all(), Slice::all().with("difficulty", "2")] {
                let listed = recording.tally_between(ladder, chosen.least, &slice, threshold);
                prop_assert_eq!(listed, Some(counts.by_replay(&slice)));
            }
        }
    }

    /// Sequence by sequence, depth by depth, as a forward pass asks.
    #[test]
    fn live_equals_replay_within_bounds(
        num_tokens in 0_usize..60,
        num_layers in 1_usize..6,
        seed in 0_u64..1000,
        share in 0.0_f64..=1.0,
        least in 0_i64..7,
    ) {
        let recording = rough(num_tokens, num_layers, seed);
        for rule in RULES {
            let mut knobs = at_share(*rule, &recording, share);
            if rule.card().main != "least-depth" {
                knobs.set("least-depth", Value::Integer(least.min(About::of(Some(&recording)).most_layers())));
            }
            let chosen = choose(&recording, &knobs);
            let replayed = chosen.all_exits(&recording);
            prop_assert_eq!(replayed.len(), num_tokens);
            prop_assert!(replayed.iter().all(|exit| *exit >= chosen.least && exit.index() <= num_layers));
            // The same tokens in another company exit the same way.
            for token in 0..num_tokens {
                prop_assert_eq!(&chosen.exits(&recording, token..token + 1)[..], &replayed[token..=token]);
            }
            let reader = Reader::new(&recording);
            for sample in &recording.samples {
                let rows = sample.first_token..sample.first_token + sample.num_tokens;
                let places = rows.clone().map(|row| reader.place(row)).collect();
                let Some(mut live) = chosen.live(places) else {
                    // It knows the answer, or there is nothing that it could be fitted to.
                    prop_assert!(rule.card().id == "oracle" || chosen.refusal().is_some() && rule.card().is_fitted);
                    continue;
                };
                let mut exits = vec![depth_of(num_layers); rows.len()];
                let mut running: Vec<usize> = (0..rows.len()).collect();
                for depth in (0..num_layers).map(depth_of) {
                    let signals: Vec<TokenSignals> =
                        running.iter().map(|token| reader.signals(rows.start + token, depth)).collect();
                    let mut stops = vec![false; running.len()];
                    live.step(depth, &running, &signals, &mut stops);
                    let mut stopping = stops.into_iter();
                    running.retain(|token| {
                        let stops = stopping.next().unwrap_or(false);
                        if stops {
                            exits[*token] = depth;
                        }
                        !stops
                    });
                }
                prop_assert_eq!(&exits[..], &replayed[rows], "{}", rule.card().id);
            }
        }
    }

    /// Settings that are replayed at once stop every token where each of them does by itself.
    #[test]
    fn settings_at_once_are_each_setting_alone(
        num_tokens in 0_usize..60,
        num_layers in 1_usize..6,
        seed in 0_u64..1000,
        least in 0_i64..4,
        prompt in 0_usize..9,
    ) {
        let mut recording = rough(num_tokens, num_layers, seed);
        recording.manifest.generation = (prompt > 0).then(|| written(prompt));
        let rows: Vec<usize> = (0..num_tokens / 3).chain(num_tokens / 2..num_tokens).collect();
        for rule in RULES {
            let about = About::of(Some(&recording));
            let cards = cards_of(*rule, &about);
            let main = cards.iter().find(|card| card.id == rule.card().main).unwrap();
            for other in others(&cards, rule.card().main) {
                let mut knobs = Knobs::default();
                knobs.set("least-depth", Value::Integer(least.min(about.most_layers())));
                knobs.set("exit-at", Value::Choice("0, 2-5".to_owned()));
                knobs.set(other.0, other.1);
                let values = positions(main, 13);
                let settings = Settings::new(&recording, *rule, &knobs, &values);
                let mut exits = vec![vec![None; rows.len()]; values.len()];
                settings.stops(&recording, &rows, &mut |depth, stops| {
                    stops.each(|at, settings| {
                        for setting in settings {
                            assert_eq!(exits[setting][at].replace(depth), None);
                        }
                    });
                });
                for (value, exits) in values.iter().zip(exits) {
                    knobs.set(main.id, value.clone());
                    let alone = choose_rule(&recording, *rule, &knobs).exits_of(&recording, &rows);
                    let alone: Vec<_> = alone.into_iter().map(Some).collect();
                    prop_assert_eq!(exits, alone, "{} {:?}", rule.card().id, value);
                }
            }
        }
    }

    /// Where the knob is a threshold, a patience or a depth: a stricter one never exits earlier.
    #[test]
    fn a_stricter_knob_never_exits_earlier(seed in 0_u64..1000, a in 0.0_f64..1.0, b in 0.0_f64..1.0) {
        let recording = rough(30, 5, seed);
        // What is fitted follows another way; a window leaves the middle.
        for rule in RULES.iter().filter(|rule| !rule.card().is_fitted) {
            // They stop below their thresholds.
            let is_low = ["entropy", "kl"].contains(&rule.card().id);
            // Patience 0 is off, not the mildest.
            let least = if rule.card().id == "patience" { 0.25 } else { 0.0 };
            let (low, high) = (a.min(b).max(least), a.max(b).max(least));
            let (mild, strict) = if is_low { (high, low) } else { (low, high) };
            let exits = |share| choose(&recording, &at_share(*rule, &recording, share)).all_exits(&recording);
            prop_assert!(exits(mild).iter().zip(&exits(strict)).all(|(m, s)| m <= s), "{}", rule.card().id);
        }
    }

    /// The order of the samples changes nothing.
    #[test]
    fn samples_that_change_places_exit_as_before(seed in 0_u64..1000, share in 0.0_f64..1.0) {
        let recording = rough(48, 4, seed);
        let mut swapped = rough(48, 4, seed);
        let swap = |at: usize| (at + 16) % 48;
        for (signal, columns) in &recording.signals {
            for (column, from) in swapped.signals.get_mut(signal).unwrap().iter_mut().zip(columns) {
                for (at, value) in from.iter().enumerate() {
                    column[swap(at)] = *value;
                }
            }
        }
        for (column, from) in swapped.top1.iter_mut().zip(&recording.top1) {
            for (at, value) in from.iter().enumerate() {
                column[swap(at)] = *value;
            }
        }
        for rule in RULES.iter().filter(|rule| !rule.card().is_fitted) {
            let knobs = at_share(*rule, &recording, share);
            let exits = choose(&recording, &knobs).all_exits(&recording);
            let moved = choose(&swapped, &knobs).all_exits(&swapped);
            prop_assert!((0..48).all(|at| exits[at] == moved[swap(at)]), "{}", rule.card().id);
        }
    }
}
