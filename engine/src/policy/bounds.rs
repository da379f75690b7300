//! How sure a share is: bounds, p-values, and how many draws they take at least.
//!
//! All of them take their units (tokens, texts, samples) as independent draws.

use statrs::distribution::{Beta, Binomial, ContinuousCDF as _, DiscreteCDF as _};

/// One-sided 95 % lower bound on a share (Clopper and Pearson 1934): the 5 % quantile of
/// Beta(k, n - k + 1). Exactly 0 for k = 0 and 0.05^(1/n) for k = n; `None` for n = 0.
/// It takes tokens as independent draws, which tokens of one text are not.
pub(crate) fn lower_bound(agreeing: u64, tokens: u64) -> Option<f64> {
    const ERROR: f64 = 0.05;
    let (k, n) = (agreeing as f64, tokens as f64);
    if tokens == 0 || agreeing > tokens {
        None
    } else if agreeing == 0 {
        Some(0.0)
    } else if agreeing == tokens {
        Some(ERROR.powf(1.0 / n))
    } else {
        let beta = Beta::new(k, n - k + 1.0).ok()?;
        Some(beta.inverse_cdf(ERROR)).filter(|bound| bound.is_finite())
    }
}

/// How likely at most `failing` of `num` draws fail where each fails with probability `risk`: the exact binomial tail,
/// `P(Bin(num, risk) <= failing)`. The p-value of "the risk is larger than `risk`" for draws that fail or do not.
/// 1 where nothing was drawn or it cannot be computed.
pub(crate) fn binomial_p(failing: u64, num: u64, risk: f64) -> f64 {
    if num == 0 || failing >= num {
        return 1.0;
    }
    let tail = Binomial::new(risk, num).map_or(1.0, |binomial| binomial.cdf(failing));
    if tail.is_nan() { 1.0 } else { tail.clamp(0.0, 1.0) }
}

/// `exp(-2 n max(risk - mean, 0)^2)` (Hoeffding 1963): the p-value of "the risk is larger than `risk`" for draws that lie
/// anywhere in `0..=1`. 1 where nothing was drawn.
pub(crate) fn hoeffding_p(mean: f64, num: u64, risk: f64) -> f64 {
    // A mean of nothing is NaN, and then the difference counts as 0.
    let better = (risk - mean).max(0.0);
    (-2.0 * num as f64 * better * better).exp()
}

/// The least number of draws, none of which may fail, after which `binomial_p` is at most `error`: `ln e / ln(1 - r)`.
pub(crate) fn least_for_binomial(risk: f64, error: f64) -> f64 {
    (error.ln() / (-risk).ln_1p()).ceil()
}

/// The least number of draws, none of which may fail, after which `hoeffding_p` is at most `error`: `ln(1/e) / (2 r^2)`.
pub(crate) fn least_for_hoeffding(risk: f64, error: f64) -> f64 {
    (-error.ln() / (2.0 * risk * risk)).ceil()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_is_the_textbooks_at_both_ends_and_between() {
        assert_eq!(lower_bound(0, 10), Some(0.0));
        assert_eq!(lower_bound(0, 0), None);
        assert_eq!(lower_bound(11, 10), None);
        // n successes of n: 0.05^(1/n), "rule of three".
        assert!((lower_bound(100, 100).unwrap() - 0.970_487).abs() < 1e-6);
        // 9 of 10: P(X >= 9 | p) = 10 p^9 - 9 p^10 = 0.05 has the root 0.605839.
        let bound = lower_bound(9, 10).unwrap();
        assert!((10.0 * bound.powi(9) - 9.0 * bound.powi(10) - 0.05).abs() < 1e-9, "{bound}");
        // 1 of n: 1 - (1 - p)^n = 0.05.
        let bound = lower_bound(1, 50).unwrap();
        assert!((1.0 - (1.0 - bound).powi(50) - 0.05).abs() < 1e-9, "{bound}");
    }

    #[test]
    fn bound_holds_for_a_million_tokens() {
        let bound = lower_bound(990_000, 1_000_000).unwrap();
        // Normal approximation: 0.99 - 1.645 * sqrt(0.99 * 0.01 / 1e6).
        assert!((bound - 0.989_836).abs() < 2e-5, "{bound}");
    }

    #[test]
    fn p_values_are_those_of_the_specification() {
        // n = 500, delta = .05: R = .01 gives .2019; without any failure .0821 is not below .05.
        assert!((hoeffding_p(0.01, 500, 0.05) - 0.2019).abs() < 1e-4);
        assert!((hoeffding_p(0.0, 500, 0.05) - 0.0821).abs() < 1e-4);
        assert_eq!(least_for_hoeffding(0.05, 0.05), 600.0);
        assert!(hoeffding_p(0.0, 600, 0.05) <= 0.05 && hoeffding_p(0.0, 599, 0.05) > 0.05);
        // A mean above the risk, and no mean at all.
        assert_eq!(hoeffding_p(0.2, 500, 0.05), 1.0);
        assert_eq!(hoeffding_p(f64::NAN, 0, 0.05), 1.0);
    }

    #[test]
    fn the_binomial_tail_is_the_sum_of_its_terms() {
        // n = 10, risk .2, at most 1: .8^10 + 10 * .2 * .8^9.
        let by_hand = 0.8_f64.powi(10) + 10.0 * 0.2 * 0.8_f64.powi(9);
        assert!((binomial_p(1, 10, 0.2) - by_hand).abs() < 1e-12);
        assert!((binomial_p(0, 59, 0.05) - 0.95_f64.powi(59)).abs() < 1e-12);
        assert_eq!((binomial_p(10, 10, 0.2), binomial_p(0, 0, 0.2)), (1.0, 1.0));
        // A million draws: the normal approximation of 49,500 of an expected 50,000 is Phi(-2.294).
        let tail = binomial_p(49_500, 1_000_000, 0.05);
        assert!((tail - 0.0109).abs() < 2e-4, "{tail}");
    }

    #[test]
    fn both_directions_of_the_exact_test_are_one() {
        // The lower bound on the share that does not fail is above 1 - risk exactly where the p-value is below .05.
        for failing in 0..=12_u64 {
            let bound = lower_bound(300 - failing, 300).unwrap();
            assert_eq!(bound >= 0.96, binomial_p(failing, 300, 0.04) <= 0.05, "{failing}");
        }
    }

    #[test]
    fn one_draw_fewer_than_the_least_proves_nothing() {
        for risk in [0.001, 0.01, 0.05, 0.1, 0.5] {
            for error in [0.001, 0.05, 0.2] {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small"
                )]
                let least = least_for_binomial(risk, error) as u64;
                assert!(binomial_p(0, least, risk) <= error * (1.0 + 1e-9), "{risk} {error}");
                assert!(binomial_p(0, least - 1, risk) > error, "{risk} {error}");
            }
        }
        assert_eq!(least_for_binomial(0.05, 0.05), 59.0);
        assert_eq!(least_for_binomial(0.01, 0.05), 299.0);
    }
}
