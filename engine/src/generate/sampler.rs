//! Chooses a token from logits: candle-transformers' sampler, and the plain maximum where nothing is drawn.

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling as Draw};
use candle_transformers::utils::apply_repeat_penalty;

use crate::generate::GenerateError;
use crate::kernel::rounded;
use crate::recording::Sampling;

/// Below this, temperatures are not told from 0 and divided logits leave the range of f32.
const LEAST_TEMPERATURE: f64 = 1e-3;

/// Refuses settings that mean nothing.
pub(crate) fn check(sampling: &Sampling) -> Result<(), GenerateError> {
    let Sampling { temperature, top_k, top_p, repeat_penalty, .. } = sampling;
    let refuse =
        |name, found: String, allowed| Err(GenerateError::Setting { name, found, allowed });
    if *temperature != 0.0 && !(LEAST_TEMPERATURE..=100.0).contains(temperature) {
        return refuse("temperature", temperature.to_string(), "0, or from 0.001 to 100");
    }
    if *top_k == Some(0) {
        return refuse("top-k", "0".to_owned(), "at least 1");
    }
    if !(*top_p > 0.0 && *top_p <= 1.0) {
        return refuse("top-p", top_p.to_string(), "above 0 and at most 1");
    }
    if !(0.01..=100.0).contains(repeat_penalty) {
        return refuse("repeat penalty", repeat_penalty.to_string(), "from 0.01 to 100; 1 is none");
    }
    Ok(())
}

/// Chooses one token after the other.
pub(super) struct Sampler {
    /// `None`: the largest logit.
    draws: Option<LogitsProcessor>,
    repeat_penalty: f32,
}

impl Sampler {
    pub(super) fn new(sampling: &Sampling) -> Self {
        let Sampling { temperature, top_k, top_p, repeat_penalty, seed } = *sampling;
        let k = top_k.map(|k| usize::try_from(k).unwrap_or(usize::MAX));
        let p = (top_p < 1.0).then_some(top_p);
        let draw = match (k, p) {
            (None, None) => Draw::All { temperature },
            (Some(k), None) => Draw::TopK { k, temperature },
            (None, Some(p)) => Draw::TopP { p, temperature },
            (Some(k), Some(p)) => Draw::TopKThenTopP { k, p, temperature },
        };
        let draws = (temperature > 0.0).then(|| LogitsProcessor::from_sampling(seed, draw));
        Self { draws, repeat_penalty: rounded(repeat_penalty) }
    }

    /// The token behind `before`; `None` where a logit is no finite number.
    pub(super) fn choose(
        &mut self,
        logits: Vec<f32>,
        before: &[u32],
    ) -> Result<Option<u32>, GenerateError> {
        if logits.is_empty() || logits.iter().any(|logit| !logit.is_finite()) {
            return Ok(None);
        }
        let given_up =
            |error: candle_core::Error| GenerateError::Sampler { what: error.to_string() };
        let count = logits.len();
        let mut logits = Tensor::from_vec(logits, count, &Device::Cpu).map_err(given_up)?;
        if self.repeat_penalty != 1.0 {
            logits =
                apply_repeat_penalty(&logits, self.repeat_penalty, before).map_err(given_up)?;
        }
        match &mut self.draws {
            Some(draws) => draws.sample(&logits).map(Some).map_err(given_up),
            None => Ok(largest(&logits.to_vec1::<f32>().map_err(given_up)?)),
        }
    }
}

/// The id of the largest logit, of equal ones the first; `None` where none is a number.
pub(crate) fn largest(logits: &[f32]) -> Option<u32> {
    let ids = (0_u32..).zip(logits).filter(|(_, logit)| !logit.is_nan());
    ids.reduce(|best, here| if here.1 > best.1 { here } else { best }).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(sampling: &Sampling, logits: &[f32], before: &[u32]) -> Vec<u32> {
        check(sampling).unwrap();
        let mut sampler = Sampler::new(sampling);
        (0..400).map(|_| sampler.choose(logits.to_vec(), before).unwrap().unwrap()).collect()
    }

    fn warm() -> Sampling {
        Sampling { temperature: 1.0, seed: 7, ..Sampling::default() }
    }

    fn share(ids: &[u32], id: u32) -> f64 {
        ids.iter().filter(|i| **i == id).count() as f64 / ids.len() as f64
    }

    #[test]
    fn without_temperature_the_largest_logit_wins_and_of_equals_the_lowest_id() {
        let cold = Sampling::default();
        assert_eq!(chosen(&cold, &[0.5, 2.0, -1.0, 2.0], &[]), [1; 400]);
        assert_eq!(chosen(&cold, &[3.0, 3.0, 3.0], &[]), [0; 400]);
        assert_eq!(chosen(&cold, &[-0.0, 0.0], &[]), [0; 400]);
    }

    #[test]
    fn draws_follow_the_probabilities_and_the_seed() {
        // Probabilities 0.6, 0.3, 0.1.
        let logits = [0.6_f32.ln(), 0.3_f32.ln(), 0.1_f32.ln()];
        let ids = chosen(&warm(), &logits, &[]);
        for (id, want) in (0..).zip([0.6, 0.3, 0.1]) {
            assert!((share(&ids, id) - want).abs() < 0.08, "{id}: {}", share(&ids, id));
        }
        assert_eq!(ids, chosen(&warm(), &logits, &[]));
        assert_ne!(ids, chosen(&Sampling { seed: 8, ..warm() }, &logits, &[]));
        // Half the temperature squares the odds: 0.36, 0.09, 0.01 of 0.46.
        let cooler = chosen(&Sampling { temperature: 0.5, ..warm() }, &logits, &[]);
        assert!((share(&cooler, 0) - 0.36 / 0.46).abs() < 0.08);
    }

    #[test]
    fn top_k_and_top_p_leave_the_tail_out() {
        let logits = [0.1_f32.ln(), 0.3_f32.ln(), 0.6_f32.ln()];
        let of = |sampling: Sampling| {
            let mut ids = chosen(&sampling, &logits, &[]);
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        assert_eq!(of(warm()), [0, 1, 2]);
        assert_eq!(of(Sampling { top_k: Some(2), ..warm() }), [1, 2]);
        assert_eq!(of(Sampling { top_k: Some(9), ..warm() }), [0, 1, 2]);
        assert_eq!(of(Sampling { top_p: 0.5, ..warm() }), [2]);
        assert_eq!(of(Sampling { top_p: 0.7, ..warm() }), [1, 2]);
        assert_eq!(of(Sampling { top_k: Some(2), top_p: 0.5, ..warm() }), [2]);
    }

    #[test]
    fn a_penalty_makes_what_was_said_less_likely() {
        let sampling = Sampling { repeat_penalty: 2.0, ..Sampling::default() };
        assert_eq!(chosen(&sampling, &[1.5, 2.0, -1.0], &[1]), [0; 400]);
        assert_eq!(chosen(&sampling, &[-1.5, -2.0, -1.0], &[2, 2]), [0; 400]);
        assert_eq!(chosen(&Sampling::default(), &[1.5, 2.0], &[1]), [1; 400]);
    }

    #[test]
    fn logits_that_are_no_numbers_choose_nothing() {
        for logit in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for sampling in [Sampling::default(), warm()] {
                let mut sampler = Sampler::new(&sampling);
                assert_eq!(sampler.choose(vec![0.0, logit], &[]).unwrap(), None);
            }
        }
        assert_eq!(Sampler::new(&warm()).choose(Vec::new(), &[]).unwrap(), None);
    }

    #[test]
    fn settings_that_mean_nothing_are_refused_by_name() {
        let told = |sampling: Sampling| check(&sampling).unwrap_err().to_string();
        for temperature in [-1.0, f64::NAN, 1e-9, f64::INFINITY] {
            assert!(told(Sampling { temperature, ..warm() }).starts_with("temperature is"));
        }
        let text = told(Sampling { top_k: Some(0), ..warm() });
        assert_eq!(text, "top-k is 0, but must be at least 1");
        for top_p in [0.0, 1.5, f64::NAN] {
            assert!(told(Sampling { top_p, ..warm() }).starts_with("top-p is"));
        }
        for repeat_penalty in [0.0, -2.0, f64::NAN] {
            let told = told(Sampling { repeat_penalty, ..warm() });
            assert!(told.starts_with("repeat penalty is"));
        }
    }
}
