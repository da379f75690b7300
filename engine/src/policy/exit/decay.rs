//! Margin against a threshold that falls along the positions (CALM, FREE).
//!
//! What the two codes ship, `0.9 tau + 0.1 tau exp(-temp t / N)` with tau factored, is not what the paper has,
//! `clip(0.9 tau + 0.1 exp(-temp t / N))` (from memory); both can be chosen. CALM stops where the margin is at least the threshold,
//! FREE where it is larger; FREE has a single exit, which "Exits at depths" chooses.

use super::probability;
use super::rule::{Entry, ExitRule, RuleCard, above};
use super::signals::{Place, TokenSignals};
use crate::knob::{Choice, ChoiceOption, Integer, Real};
use crate::signal::{Depth, Signal};

const THRESHOLD: Real = probability("The margin at which the first token stops, but for the form");
const FORM: Choice =
    Choice { id: "form", label: "Form", help: "How the threshold falls, and how it is compared" };
const TEMPERATURE: Real = Real {
    id: "decay",
    label: "Decay",
    help: "How fast the threshold falls; 0 keeps it",
    unit: "",
    default: 4.0,
    min: 0.0,
    max: 20.0,
    step: 0.1,
};
const LENGTH: Integer = Integer {
    id: "decay-length",
    label: "Decay length (tokens)",
    help: "Positions over which it falls: the most tokens of a generation",
    default: 512,
    min: 1,
    max: 1 << 20,
};

/// Registry entry.
pub(super) static RULE: Entry<Decay> = Entry {
    card: RuleCard {
        id: "decay",
        label: "Margin, falling threshold",
        meaning: "Stops where the margin reaches a threshold that falls along the positions",
        source: "Schuster et al. 2022 (CALM), section 3.5 and its code; Bae et al. 2023 (FREE), its code",
        signal: Some(Signal::Margin),
        needs: &[Signal::Margin],
        reads_out: true,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |_| {
        let forms = [
            ("calm", "CALM code: 0.9 t + 0.1 t e^…, ≥"),
            ("free", "FREE code: 0.9 t + 0.1 t e^…, >"),
            ("paper", "Paper (from memory): clip(0.9 t + 0.1 e^…), ≥"),
        ];
        let forms = forms.map(|(id, label)| ChoiceOption::new(id, label)).to_vec();
        vec![THRESHOLD.card(), FORM.card(forms), TEMPERATURE.card(), LENGTH.card(LENGTH.max)]
    },
    ladder: None,
    build: |knobs, _| {
        Ok(Decay {
            threshold: knobs.real(&THRESHOLD),
            form: match knobs.choice(&FORM) {
                Some("paper") => Form::Paper,
                Some("free") => Form::Free,
                _ => Form::Calm,
            },
            temperature: knobs.real(&TEMPERATURE),
            length: knobs.integer(&LENGTH) as f64,
        })
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Calm,
    Free,
    Paper,
}

/// Margin against tau(t).
#[derive(Debug)]
pub(super) struct Decay {
    threshold: f64,
    form: Form,
    temperature: f64,
    length: f64,
}

impl Decay {
    /// exp(-temp t / N) of the `t`-th token.
    fn falling(&self, step: u32) -> f64 {
        (-self.temperature * f64::from(step) / self.length).exp()
    }

    /// The tau of which tau(t), having fallen so far, is this margin. The clip never bites: tau and the fall lie in 0..=1.
    fn tau(&self, margin: f64, falling: f64) -> f64 {
        match self.form {
            Form::Calm | Form::Free => margin / (0.9 + 0.1 * falling),
            Form::Paper => (margin - 0.1 * falling) / 0.9,
        }
    }
}

impl ExitRule for Decay {
    /// How far the threshold has fallen, once it was asked for.
    type State = Option<f64>;

    fn look(
        &self,
        state: &mut Option<f64>,
        token: TokenSignals,
        place: Place,
        _depth: Depth,
    ) -> f64 {
        self.tau(token.margin.into(), *state.get_or_insert_with(|| self.falling(place.step)))
    }

    fn least(&self, _depth: Depth) -> f64 {
        match self.form {
            Form::Free => above(self.threshold),
            Form::Calm | Form::Paper => self.threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::signals::token;

    fn decay(form: Form) -> Decay {
        Decay { threshold: 0.9, form, temperature: 4.0, length: 50.0 }
    }

    #[test]
    fn both_forms_have_their_golden_values() {
        for (form, golden) in [
            (Form::Calm, [0.9, 0.850_440, 0.811_648]),
            (Form::Free, [0.9, 0.850_440, 0.811_648]),
            (Form::Paper, [0.91, 0.854_933, 0.811_831]),
        ] {
            for (step, want) in [0, 10, 50].into_iter().zip(golden) {
                let found = decay(form).tau(want, decay(form).falling(step));
                assert!((found - 0.9).abs() < 1e-6, "{form:?} {step}: {found}");
            }
        }
    }

    #[test]
    fn free_does_not_stop_at_the_threshold_itself() {
        let stops = |form| {
            let decay = Decay { threshold: 0.5, ..decay(form) };
            let token = TokenSignals { margin: 0.5, ..token() };
            decay.stops(&mut None, token, Place::default(), Depth(1))
        };
        assert!(stops(Form::Calm) && !stops(Form::Free));
    }
}
