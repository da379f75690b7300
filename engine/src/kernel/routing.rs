//! Which experts a token goes to.
//!
//! Definition: `p = softmax(z)` over all experts; a token goes to the experts of the largest p, the smaller
//! id first where two are equal, each weighted by its p over their sum.

use crate::kernel::rounded;

/// Turns router logits ([tokens, experts]) into probabilities, row by row; sums in f64.
pub(crate) fn probabilities(logits: &mut [f32], experts: usize) {
    for row in logits.chunks_exact_mut(experts.max(1)) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |z: f32| f64::from(z - max).exp();
        let sum: f64 = row.iter().map(|&z| weight(z)).sum();
        for z in row {
            *z = rounded(weight(*z) / sum);
        }
    }
}

/// The `used` likeliest experts of one token and their weights, likeliest first. Where a probability is NaN
/// every weight is.
pub(crate) fn chosen(probabilities: &[f32], used: usize) -> Vec<(usize, f32)> {
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(used);
    for _ in 0..used.min(probabilities.len()) {
        let free = || (0..probabilities.len()).filter(|e| best.iter().all(|(taken, _)| taken != e));
        let next = free().reduce(|a, b| if probabilities[b] > probabilities[a] { b } else { a });
        best.extend(next.map(|expert| (expert, probabilities[expert])));
    }
    let sum: f64 = best.iter().map(|(_, p)| f64::from(*p)).sum();
    for (_, p) in &mut best {
        *p = rounded(f64::from(*p) / sum);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_experts_share_the_whole_weight() {
        let mut rows = [1.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        probabilities(&mut rows, 4);
        let sum: f64 = [1.0_f64, 3.0, 2.0, 1.0].iter().map(|z| z.exp()).sum();
        assert!((f64::from(rows[2]) - 2.0_f64.exp() / sum).abs() < 1e-7);
        assert_eq!(rows[4..], [0.25; 4]);
        let two = chosen(&rows[..4], 2);
        assert_eq!((two[0].0, two[1].0), (1, 2));
        let e = std::f64::consts::E;
        assert!((f64::from(two[0].1) - e / (e + 1.0)).abs() < 1e-7);
        assert_eq!(chosen(&rows[4..], 2), [(0, 0.5), (1, 0.5)]);
        assert_eq!(chosen(&rows[4..], 4).len(), 4);
    }

    #[test]
    fn a_nan_makes_every_weight_nan() {
        let mut row = [1.0, f32::NAN, 2.0];
        probabilities(&mut row, 3);
        let two = chosen(&row, 2);
        assert!(two.len() == 2 && two.iter().all(|(_, weight)| weight.is_nan()));
    }
}
