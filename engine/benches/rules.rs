//! How long it takes from the knob of an exit rule to its figures, over 100,000 tokens and 32 blocks, rule by rule.
//!
//! `cargo bench -p layerscope-engine --features bench --bench rules`; the goal is 16 ms for rules that are replayed.
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use layerscope_engine::api::bench_support::rule_views;

fn main() {
    for (rule, first, mut moves) in rule_views(100_000, 32, 40) {
        moves.sort_by(f64::total_cmp);
        let at = |share: usize| {
            moves.get(moves.len().saturating_sub(1) * share / 100).copied().unwrap_or(f64::NAN)
        };
        println!(
            "{rule}: first view {first:.1} ms, then median {:.2} ms, 95 % below {:.2} ms, longest {:.2} ms",
            at(50),
            at(95),
            at(100)
        );
    }
}
