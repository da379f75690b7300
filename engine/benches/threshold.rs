//! How long a threshold move takes, from knobs to figures, over a million tokens and 32 blocks.
//!
//! `cargo bench -p layerscope-engine --features bench --bench threshold`; the goal is 4 ms.
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use layerscope_engine::api::bench_support::views;

fn main() {
    // Slider positions in no order, so that no move is close to the one before.
    let rungs: Vec<f64> =
        (0..401).map(|move_idx| f64::from(move_idx * 619 % 1001) / 1000.0).collect();
    report("on slider positions", &rungs);
    // Typed thresholds lie between them.
    let between: Vec<f64> = rungs.iter().map(|rung| rung * 0.999 + 0.000_37).collect();
    report("between slider positions", &between);
}

/// How often each threshold is asked for: what is slow once only was held up by something else.
const PASSES: usize = 3;

fn report(name: &str, thresholds: &[f64]) {
    let all = thresholds.repeat(PASSES);
    let (first, mut moves) = views(1_000_000, 32, &all);
    let median_of_passes = |idx: usize| {
        let mut passes: Vec<f64> =
            moves.iter().skip(idx).step_by(thresholds.len()).copied().collect();
        passes.sort_by(f64::total_cmp);
        passes.get(PASSES / 2).copied().unwrap_or(f64::NAN)
    };
    let slowest = (0..thresholds.len()).map(median_of_passes).fold(0.0, f64::max);
    moves.sort_by(f64::total_cmp);
    let at = |share: usize| moves.get((moves.len() - 1) * share / 100).copied().unwrap_or(f64::NAN);
    println!(
        "{name}: first view {first:.0} ms, then median {:.2} ms, 95 % below {:.2} ms, longest {:.2} ms ({} moves); \
         slowest threshold {slowest:.2} ms (median of {PASSES} passes)",
        at(50),
        at(95),
        at(100),
        moves.len()
    );
}
