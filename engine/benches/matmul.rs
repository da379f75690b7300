//! Products of the shapes of SmolLM2-135M for every type of weights, beside the way without own kernels.
//!
//! `cargo bench -p layerscope-engine --features bench --bench matmul [-- TYPE]`; both ways take turns, so
//! that a ratio is fair where other work holds the machine.
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use layerscope_engine::api::bench_support::products::{TYPES, times};

fn main() {
    let wanted = std::env::args().nth(1).filter(|name| !name.starts_with('-'));
    println!(
        "{:12} {:>5} {:>14} {:>10} {:>10} {:>8} {:>7}",
        "weights", "rows", "shape", "library", "own", "own", "ratio"
    );
    println!("{:12} {:>5} {:>14} {:>10} {:>10} {:>8}", "", "", "", "GFLOP/s", "GFLOP/s", "GB/s");
    for rows in [1, 4, 64, 256] {
        for name in TYPES.iter().filter(|name| wanted.as_deref().is_none_or(|w| w == **name)) {
            for (outputs, inner) in [(576, 576), (192, 576), (1536, 576), (576, 1536), (49152, 576)]
            {
                report(name, rows, outputs, inner);
            }
        }
    }
}

fn report(name: &str, rows: usize, outputs: usize, inner: usize) {
    let repeats = if rows * outputs > 1 << 20 { 7 } else { 41 };
    // Blocks of 256 do not fit rows of 576; the nearest length that they fit stands in.
    let inner = if name.ends_with("_K") { inner.next_multiple_of(256) } else { inner };
    let Some(timing) = times(name, [rows, outputs, inner], repeats) else { return };
    let flop = 2e-9 * (rows * outputs * inner) as f64;
    println!(
        "{name:12} {rows:>5} {:>14} {:>10.1} {:>10.1} {:>8.1} {:>7.2}",
        format!("{outputs} x {inner}"),
        flop / timing.library_secs,
        flop / timing.own_secs,
        timing.weight_bytes as f64 * 1e-9 / timing.own_secs,
        timing.library_secs / timing.own_secs,
    );
}
