//! Stops where confidence of this size was right often enough (PCEE, performance control).
//!
//! At every depth confidences of the calibration part fall into bins of equal width; a token stops where the accuracy of its
//! bin is at least the wanted one. The knob is an accuracy, not a confidence. An empty bin stops nothing. That bins have equal
//! width, and how many there are, is from memory.

use std::sync::Arc;

use rayon::prelude::*;

use super::about::Fit;
use super::at_depth::Score;
use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, Reader, TokenSignals};
use super::truth::{self, Truth, nothing_to_fit};
use crate::knob::{Integer, Real};
use crate::recording::depth_of;
use crate::signal::{Depth, Signal};

const TARGET: Real = Real {
    default: 0.95,
    label: "Wanted accuracy",
    id: "accuracy",
    unit: "fraction",
    ..super::probability("A token stops where confidences like its own were right so often")
};
const BINS: Integer = Integer {
    id: "bins",
    label: "Bins",
    help: "Into so many equal parts confidences are divided",
    default: 15,
    min: 2,
    max: 100,
};

/// Registry entry.
pub(super) static RULE: Entry<Pcee> = Entry {
    card: RuleCard {
        id: "pcee",
        label: "Calibrated accuracy (PCEE)",
        meaning: "Stops where confidences like this one were right at least so often on the calibration part",
        source: "Mofakhami et al. 2024 (PCEE), abstract; bins from memory",
        signal: None,
        needs: &[Signal::MaxProb],
        reads_out: true,
        is_fitted: true,
        main: "accuracy",
    },
    knobs: |about| vec![TARGET.card(), BINS.card(BINS.max), truth::card(about)],
    ladder: None,
    build: |knobs, fit| {
        let bins = usize::try_from(knobs.integer(&BINS)).unwrap_or(1);
        let truth = Truth::of(knobs);
        // Each depth has bins of its own, so which depths are checked changes nothing in them.
        let name = format!("pcee {bins} {truth:?} {}", fit.key_of_rows);
        let table =
            fit.recording.cubes.memo.get(&name, || Table::new(&accuracies(fit, bins, truth)));
        let mut checked = fit.checks.iter().map(|depth| table.of(depth));
        if checked.all(|row| row.iter().all(|accuracy| accuracy.is_nan())) {
            return Err(nothing_to_fit(fit));
        }
        Ok(Pcee { target: knobs.real(&TARGET), table })
    },
};

/// Accuracies; NaN where the bin is empty.
#[derive(Debug)]
struct Table {
    bins: usize,
    /// `[depth][bin]`
    accuracies: Vec<f64>,
}

impl Table {
    fn new(rows: &[Vec<f64>]) -> Self {
        Self { bins: rows.first().map_or(1, Vec::len), accuracies: rows.concat() }
    }

    /// The bins of a depth.
    fn of(&self, depth: Depth) -> &[f64] {
        let from = depth.index() * self.bins;
        self.accuracies.get(from..from + self.bins).unwrap_or_default()
    }
}

/// Accuracy of the bin >= target.
#[derive(Debug)]
pub(super) struct Pcee {
    target: f64,
    table: Arc<Table>,
}

/// The bin of a confidence; `None` where it is no number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length lies inside the length"
)]
fn bin(confidence: f64, bins: usize) -> Option<usize> {
    // By way of 32 bits, a cast that is one instruction.
    let at = (confidence.clamp(0.0, 1.0) * bins as f64) as i32 as usize;
    (!confidence.is_nan()).then(|| at.min(bins - 1))
}

fn accuracies(fit: &Fit<'_>, bins: usize, truth: Truth) -> Vec<Vec<f64>> {
    let reader = Reader::new(fit.recording);
    let right = truth.right(fit.recording);
    let rows = fit.tokens().filter(|row| truth.is_known(fit.recording, *row));
    let rows: Vec<usize> = rows.collect();
    let row = |depth: usize| {
        let depth = depth_of(depth);
        let columns = reader.at(depth);
        let is_right = right.at(depth.index());
        // How many are right and, in the lower half, how many there are: one sum to wait for. Behind the bins stands what is no
        // number.
        let mut counts = vec![0_u64; bins + 1];
        for row in &rows {
            let bin = bin(Score::MaxProb.of(columns.signals(*row)), bins).unwrap_or(bins);
            if let Some(count) = counts.get_mut(bin) {
                *count = count.wrapping_add(u64::from(is_right(*row)) << 32 | 1);
            }
        }
        let share = |count: &u64| (count >> 32) as f64 / (count & u64::from(u32::MAX)) as f64;
        counts.iter().take(bins).map(share).collect()
    };
    (0..fit.about.layers).into_par_iter().map(row).collect()
}

impl Pcee {
    /// That of the bin of a token; NaN where there is none.
    #[inline]
    fn accuracy(&self, token: TokenSignals, depth: Depth) -> f64 {
        let row = self.table.of(depth);
        let bin = bin(Score::MaxProb.of(token), self.table.bins);
        bin.and_then(|bin| row.get(bin).copied()).unwrap_or(f64::NAN)
    }
}

impl ExitRule for Pcee {
    type State = ();

    fn look(&self, _state: &mut (), token: TokenSignals, _place: Place, depth: Depth) -> f64 {
        self.accuracy(token, depth)
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::signals::token;

    #[test]
    fn a_bin_that_was_right_often_enough_stops_and_an_empty_one_does_not() {
        let table = Arc::new(Table::new(&[vec![f64::NAN, 0.9, 0.8, 1.0]]));
        let stops = |target, max_prob| {
            let token = TokenSignals { max_prob, ..token() };
            Pcee { target, table: Arc::clone(&table) }.stops(
                &mut (),
                token,
                Place::default(),
                Depth(0),
            )
        };
        assert_eq!(
            [0.1, 0.3, 0.6, 1.0, f32::NAN].map(|p| stops(0.9, p)),
            [false, true, false, true, false]
        );
        assert!(!stops(0.95, 0.3) && stops(0.8, 0.6));
    }

    #[test]
    fn bins_hold_their_lower_edges() {
        assert_eq!([0.0, 0.249, 0.25, 0.999, 1.0].map(|c| bin(c, 4)), [0, 0, 1, 3, 3].map(Some));
        assert_eq!(bin(f64::NAN, 4), None);
    }
}
