//! Stops where the first choice has lasted over a window of exits and is sure enough there: patience and max probability
//! together. A combination of our own, not of a paper.

use super::patience::Lasting;
use super::probability;
use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use crate::knob::{Integer, Real};
use crate::signal::{Depth, Signal};

const THRESHOLD: Real = Real {
    default: 0.5,
    ..probability("The first choice must have at least this probability where it stops")
};
const WINDOW: Integer = Integer {
    id: "window",
    label: "Window (exits)",
    help: "The first choice must be the same at so many exits in a row",
    default: 2,
    min: 1,
    max: u16::MAX as i64,
};

/// Registry entry.
pub(super) static RULE: Entry<Stability> = Entry {
    card: RuleCard {
        id: "stability",
        label: "Top-1 stability",
        meaning: "Stops where the first choice is the same over a window of exits and at least so probable",
        source: "An extension: patience (PABEE) with max probability (CALM)",
        signal: Some(Signal::MaxProb),
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |about| vec![THRESHOLD.card(), WINDOW.card(about.most_layers())],
    ladder: None,
    build: |knobs, _| {
        let window = u32::try_from(knobs.integer(&WINDOW)).unwrap_or(u32::MAX);
        Ok(Stability { threshold: knobs.real(&THRESHOLD), window })
    },
};

/// Equal over the window, and p1 >= threshold.
#[derive(Debug)]
pub(super) struct Stability {
    threshold: f64,
    window: u32,
}

impl ExitRule for Stability {
    type State = Lasting;

    fn look(&self, state: &mut Lasting, token: TokenSignals, _place: Place, _depth: Depth) -> f64 {
        let equal = state.take(token.top1);
        // Without a branch, which a processor could not foresee.
        let bits = token.max_prob.to_bits() | u32::from(equal + 1 < self.window).wrapping_neg();
        f32::from_bits(bits).into()
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.threshold
    }
}
