use proptest::prelude::*;

use super::*;
use crate::recording::{synthetic, synthetic_samples};

const LADDERS: [Ladder; 2] = [
    Ladder { signal: Signal::MaxProb, sense: Sense::AtLeast, top: 1.0 },
    Ladder { signal: Signal::Entropy, sense: Sense::Below, top: 4.158_883_083_359_671_5 },
];

/// What a rung does, by looking at every token and depth.
fn brute(recording: &Recording, ladder: Ladder, rung: usize, least: usize, slice: &Slice) -> Tally {
    let last = recording.num_layers();
    let threshold = ladder.threshold(rung);
    let mut tally = Tally::empty(last + 1);
    for range in slice.ranges(recording) {
        let exit = |token: usize| {
            let passes = |depth: &usize| {
                let value = recording.signals[&ladder.signal][*depth][token];
                match ladder.sense {
                    Sense::AtLeast => f64::from(value) >= threshold,
                    Sense::Below => f64::from(value) < threshold,
                }
            };
            depth_of((least..last).find(passes).unwrap_or(last))
        };
        tally.add(recording, range.map(|token| (token, exit(token))));
    }
    tally
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cube_equals_brute_force_at_every_rung(
        num_tokens in 0_usize..40,
        num_layers in 0_usize..6,
        least in 0_usize..6,
        seed in 0_u64..10_000,
    ) {
        let recording = rough(num_tokens, num_layers, seed);
        let least = least.min(num_layers);
        for ladder in LADDERS {
            let cube = recording.cube(ladder, depth_of(least), &Slice::all());
            for rung in 0..RUNGS {
                let expected = brute(&recording, ladder, rung, least, &Slice::all());
                prop_assert_eq!(cube.tally(rung), expected, "rung {}", rung);
            }
        }
    }
}

#[test]
fn a_cube_of_samples_counts_what_is_right() {
    let recording = synthetic_samples(300, 4, 5);
    let cube = recording.cube(LADDERS[0], Depth(0), &Slice::all());
    for rung in [0, 300, 700, 1000] {
        let expected = brute(&recording, LADDERS[0], rung, 0, &Slice::all());
        assert!(expected.with_truth < 300 && expected.right > 0);
        assert_eq!(cube.tally(rung), expected);
    }
}

#[test]
fn cube_of_a_slice_counts_only_its_tokens() {
    let recording = synthetic(600, 4, 5);
    let slice = Slice::all().with("difficulty", "2").with("task", "hops");
    let num_tokens = slice.ranges(&recording).iter().map(|r| r.len() as u64).sum::<u64>();
    assert!(num_tokens > 0 && num_tokens < 600);
    let cube = recording.cube(LADDERS[0], Depth(1), &slice);
    for rung in [0, 1, 500, 999, 1000] {
        assert_eq!(cube.tally(rung), brute(&recording, LADDERS[0], rung, 1, &slice));
        assert_eq!(cube.tally(rung).num_tokens(), num_tokens);
    }
}

#[test]
fn a_rung_reads_as_the_decimal_that_a_person_types() {
    for rung in 0..RUNGS {
        let typed: f64 = format!("{}.{:03}", rung / 1000, rung % 1000).parse().unwrap();
        assert_eq!(LADDERS[0].threshold(rung), typed);
        for ladder in LADDERS {
            let threshold = ladder.threshold(rung);
            assert_eq!(ladder.rung(threshold), Some(rung));
            assert_eq!(ladder.snap(threshold * (1.0 + 2e-16)), threshold);
            assert_eq!(ladder.snap(threshold * (1.0 - 2e-16)), threshold);
        }
    }
    assert_eq!(LADDERS[0].rung(0.500_4), None);
    assert_eq!(LADDERS[0].snap(0.500_4), 0.500_4);
}

#[test]
fn values_outside_the_ladder_pass_all_or_nothing() {
    let [high, low] = LADDERS;
    let reach = [f32::NAN, f32::NEG_INFINITY, -1.0, 0.0, 1.0, 7.0, f32::INFINITY];
    assert_eq!(reach.map(|v| high.reach(v)), [0, 0, 0, 1, RUNGS, RUNGS, RUNGS]);
    assert_eq!(reach.map(|v| low.reach(v)), [0, RUNGS, RUNGS, RUNGS - 1, 760, 0, 0]);
}

#[test]
fn tables_hold_what_a_count_over_the_tokens_gives() {
    let recording = rough(200, 3, 9);
    let tables = cube_tables(&recording);
    assert_eq!(tables.len(), 3);
    for (table, ladder) in tables.iter().zip(Ladder::stored(recording.manifest.vocab)) {
        assert!(table.signal.iter().all(|signal| signal == ladder.signal.id()));
        for rung in [0, 1, 500, 999, 1000] {
            let expected = brute(&recording, ladder, rung, 0, &Slice::all());
            let rows = rung * 4..rung * 4 + 4;
            assert!(table.bin[rows.clone()].iter().all(|bin| *bin as usize == rung));
            assert_eq!(table.depth[rows.clone()], [0, 1, 2, 3]);
            let exits: Vec<_> = expected.by_depth().map(|(_, exits)| exits).collect();
            let found: Vec<_> = table.exits[rows].iter().map(|exits| u64::from(*exits)).collect();
            assert_eq!(found, exits);
        }
    }
}

#[test]
fn only_a_threshold_that_moves_is_worth_cubes_above_depth_0() {
    let recording = synthetic(100, 4, 5);
    let is_worth = |least, threshold| recording.is_worth_cubes(LADDERS[0], Depth(least), threshold);
    // The least depth moves, and every slice of a view asks for the same threshold.
    assert_eq!(
        [0, 1, 1, 2, 1].map(|least| is_worth(least, 0.5)),
        [true, false, false, false, false]
    );
    assert!(is_worth(1, 0.6));
    // Once listed, any threshold is answered.
    recording.tally_at(LADDERS[0], Depth(1), &Slice::all(), 600);
    assert!(is_worth(1, 0.6) && is_worth(1, 0.5) && !is_worth(2, 0.5));
}
