//! How long it takes from a knob of an exit rule to its figures, over 100,000 tokens and 32 blocks, rule by rule and knob by
//! knob.
//!
//! `cargo bench -p layerscope-engine --features bench --bench rules`; the goal is 16 ms for rules that are replayed. Ids of rules
//! behind `--` measure these alone.
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use layerscope_engine::api::bench_support::{Views, first_view, rule_views};

const TOKENS: usize = 100_000;
const LAYERS: usize = 32;

fn main() {
    // Cargo adds a flag of its own.
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for Views { rule, first, moves } in rule_views(TOKENS, LAYERS, 33, &asked) {
        println!("{rule}: first view {first:.1} ms");
        for (knob, millis) in moves {
            println!("  {knob}: {}", spread(millis));
        }
    }
    if !asked.is_empty() {
        return;
    }
    let [first, second] = first_view(TOKENS, LAYERS, "pareto");
    println!("all rules compared: first view {first:.0} ms, second {second:.1} ms");
}

/// "median 1.00 ms, 95 % below 2.00 ms, longest 3.00 ms".
fn spread(mut millis: Vec<f64>) -> String {
    millis.sort_by(f64::total_cmp);
    let at = |share: usize| {
        millis.get(millis.len().saturating_sub(1) * share / 100).copied().unwrap_or(f64::NAN)
    };
    format!("median {:.2} ms, 95 % below {:.2} ms, longest {:.2} ms", at(50), at(95), at(100))
}
