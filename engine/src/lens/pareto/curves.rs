//! One curve for each rule. What is remembered are exits, which no price changes: turning a price counts nothing anew.

use std::sync::Arc;

use rayon::prelude::*;

use crate::knob::Knobs;
use crate::policy::{Chosen, Goal, Outcome, Outcomes, POSITIONS, Part, RULES, choose_rule};
use crate::recording::Recording;

/// The rule that knows the answer.
const ORACLE: &str = "oracle";
/// Rows times depths up to which a rule is replayed at `POSITIONS` positions; above it at fewer, so that the first look at a
/// large recording does not take long. Each position is counted over all rows all the same.
const MANY: usize = 1 << 19;

/// What a rule does.
pub(super) struct Curve {
    /// With the other knobs as they stand.
    pub(super) chosen: Chosen,
    /// At every position of its main knob that is counted.
    pub(super) all: Arc<Outcomes>,
    /// A bound on every rule, and no rule that could run.
    pub(super) is_bound: bool,
}

/// Curves of all rules that this recording can be asked about, in the order of menus. One that refuses although nothing of it
/// is fitted does so whatever the rows are: class means where a head read out.
pub(super) fn curves(recording: &Recording, part: &Part, goal: Goal, knobs: &Knobs) -> Vec<Curve> {
    let most = most_positions(part.num_rows().saturating_mul(recording.num_layers() + 1));
    let curve = |rule: &&'static _| {
        let chosen = choose_rule(recording, *rule, knobs);
        if chosen.refusal().is_some() && !chosen.rule.card().is_fitted {
            return None;
        }
        let all = part.outcomes(recording, (&chosen, knobs), goal, most);
        let is_bound = chosen.rule.card().id == ORACLE;
        Some(Curve { chosen, all, is_bound })
    };
    RULES.par_iter().filter_map(curve).collect()
}

/// How many positions of a rule are replayed.
pub(super) fn most_positions(cells: usize) -> u32 {
    match cells {
        0..=MANY => POSITIONS,
        _ if cells <= 2 * MANY => POSITIONS.div_ceil(2),
        _ => POSITIONS.div_ceil(4),
    }
}

/// Which positions are drawn: about `POSITIONS` of them, so that neighbours are about as far apart in depth as in what they
/// keep; both ends are among them.
pub(super) fn apart(all: &Outcomes) -> Vec<usize> {
    let place = |outcome: &Outcome| {
        let layers = outcome.exits.len().saturating_sub(1).max(1) as f64;
        let depth = outcome.mean_depth().unwrap_or(0.0) / layers;
        [depth, outcome.rows.risk().unwrap_or(0.0)]
    };
    let step = 2.0 / f64::from(POSITIONS - 1);
    let mut drawn = Vec::new();
    let mut before: Option<[f64; 2]> = None;
    for (idx, outcome) in all.positions.iter().enumerate() {
        let [depth, risk] = place(outcome);
        let is_far = before.is_none_or(|[d, r]| (depth - d).abs() + (risk - r).abs() >= step);
        if is_far || idx + 1 == all.positions.len() {
            drawn.push(idx);
            before = Some([depth, risk]);
        }
    }
    drawn
}
