//! Random sets that a rule is compared with: of growing size, and of as many blocks as the rule leaves out, each drawn
//! with several seeds, since one draw may be lucky.
//!
//! Must not know: how a set is run.

use crate::knob::{KnobCard, KnobKind, Part, Value};
use crate::policy::positions;
use crate::policy::skip::{self, Placed, Plan, Set};
use crate::skips::study::Score;

/// Sets of one size, not run yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draws {
    /// How many blocks, or one of their sublayers, are left out.
    pub(super) size: usize,
    /// One for each seed; several seeds may draw the same set.
    plans: Vec<Plan>,
}

/// What came of sets of one size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawn {
    /// How many blocks, or one of their sublayers, were left out.
    pub(super) size: usize,
    /// One for each seed.
    pub(super) scores: Vec<Score>,
}

/// Several seeds in three numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

/// Sets of growing size, each seed's within its next, skipped where `plan` skips and of the sublayers that it skips; among
/// the sizes is that of `plan`, where it has one.
pub(super) fn draws(plan: &Plan, layers: usize, (points, seeds): (u32, u64)) -> Vec<Draws> {
    let orders: Vec<_> = (0..seeds).map(|seed| skip::random_order(layers, seed)).collect();
    let Some(blocks) = orders.first().map(Vec::len) else { return Vec::new() };
    let mut sizes: Vec<usize> = sizes(blocks, points);
    sizes.extend(size_of(plan).filter(|size| *size <= blocks));
    sizes.sort_unstable();
    sizes.dedup();
    let part = part_of(plan);
    let draw = |size: usize| {
        let set = |order: &Vec<usize>| {
            let skipped = order.iter().take(size).map(|layer| (*layer, part));
            Plan::Placed(placed_as(plan, Set::without(layers, skipped)))
        };
        Draws { size, plans: orders.iter().map(set).collect() }
    };
    sizes.into_iter().map(draw).collect()
}

/// About `points` sizes from none to all blocks that may be drawn.
fn sizes(blocks: usize, points: u32) -> Vec<usize> {
    let max = i64::try_from(blocks).unwrap_or(i64::MAX);
    let kind = KnobKind::Integer { default: 0, min: 0, max };
    let card = KnobCard { id: "", label: "", help: "", unit: "", kind };
    let all = if points > 0 { positions(&card, points) } else { Vec::new() };
    let size =
        |value| if let Value::Integer(size) = value { usize::try_from(size).ok() } else { None };
    all.into_iter().filter_map(size).collect()
}

/// How many blocks, or one of their sublayers, a plan leaves out; `None` where that is not one number of one kind.
pub(super) fn size_of(plan: &Plan) -> Option<usize> {
    let Plan::Placed(placed) = plan else { return None };
    let parts: Vec<Part> = placed.left_out()?.skipped().iter().map(|(_, part)| part).collect();
    let (first, others) = parts.split_first()?;
    others.iter().all(|part| part == first).then_some(parts.len())
}

/// The sublayers that a plan leaves out, where it leaves out no others; else whole blocks.
fn part_of(plan: &Plan) -> Part {
    let Plan::Placed(placed) = plan else { return Part::FeedForward };
    let sets = [&placed.prompt, placed.last()].map(Set::skipped);
    let mut parts = sets.iter().flat_map(|places| places.iter().map(|(_, part)| part));
    match parts.next() {
        Some(first) if parts.all(|part| part == first) => first,
        Some(_) | None => Part::Whole,
    }
}

/// `set` where `plan` skips.
fn placed_as(plan: &Plan, set: Set) -> Placed {
    let full = Set::full(set.layers());
    match plan {
        Plan::Similarity(_) => Placed::new(full, vec![set]),
        Plan::Placed(placed) => match (placed.prompt.is_full(), placed.last().is_full()) {
            (true, false) => Placed::new(full, vec![set]),
            (false, true) => Placed::new(set, vec![full]),
            (true, true) | (false, false) => Placed::everywhere(set),
        },
    }
}

impl Draws {
    /// The sets that differ: each is run once.
    fn distinct(&self) -> Vec<&Plan> {
        let mut distinct: Vec<&Plan> = Vec::new();
        for plan in &self.plans {
            if !distinct.contains(&plan) {
                distinct.push(plan);
            }
        }
        distinct
    }

    /// How many runs of the texts they take.
    pub(super) fn num_runs(&self) -> usize {
        self.distinct().len()
    }

    /// Runs them.
    pub(super) fn run<E>(self, mut run: impl FnMut(&Plan) -> Result<Score, E>) -> Result<Drawn, E> {
        let distinct = self.distinct();
        let found = distinct.iter().map(|plan| run(plan)).collect::<Result<Vec<_>, _>>()?;
        let score = |plan: &Plan| {
            let place = distinct.iter().position(|known| *known == plan);
            place.and_then(|place| found.get(place)).copied().unwrap_or_default()
        };
        let scores = self.plans.iter().map(score).collect();
        Ok(Drawn { size: self.size, scores })
    }
}

impl Drawn {
    /// Mean, least and most of a number over the seeds; `None` where it is not known of one of them.
    pub(super) fn spread(&self, of: fn(&Score) -> Option<f64>) -> Option<Spread> {
        let values = self.scores.iter().map(of).collect::<Option<Vec<f64>>>()?;
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        let most = values.iter().copied().max_by(f64::total_cmp)?;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        // Rounding must not put the mean of equal numbers beside them.
        Some(Spread { mean: mean.clamp(least, most), least, most })
    }

    /// "random, 3 seeds".
    pub(super) fn name(&self) -> String {
        format!("random, {}", crate::count::counted(self.scores.len(), "seed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(layers: usize, skipped: &[(usize, Part)]) -> Plan {
        Plan::everywhere(Set::without(layers, skipped.iter().copied()))
    }

    #[test]
    fn sets_have_the_size_and_the_kind_of_what_the_rule_leaves_out() {
        let plan = without(8, &[(2, Part::Attention), (3, Part::Attention), (5, Part::Attention)]);
        let all = draws(&plan, 8, (0, 4));
        let [draws] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((draws.size, draws.plans.len()), (3, 4));
        for plan in &draws.plans {
            assert_eq!(size_of(plan), Some(3));
            assert_eq!(part_of(plan), Part::Attention);
        }
        assert!(draws.num_runs() > 1);
    }

    #[test]
    fn a_plan_of_no_one_kind_has_no_size() {
        let mixed = without(8, &[(2, Part::Whole), (3, Part::FeedForward)]);
        assert_eq!((size_of(&mixed), part_of(&mixed)), (None, Part::Whole));
        assert_eq!(size_of(&without(8, &[])), None);
        let falling = Placed::new(
            Set::full(8),
            vec![
                Set::without(8, [(1, Part::Whole)]),
                Set::without(8, [(1, Part::Whole), (2, Part::Whole)]),
            ],
        );
        assert_eq!(size_of(&Plan::Placed(falling)), None);
        let behind = Placed::new(Set::full(8), vec![Set::without(8, [(1, Part::Whole)])]);
        assert_eq!(size_of(&Plan::Placed(behind)), Some(1));
    }

    #[test]
    fn what_seeds_draw_alike_runs_once_and_counts_for_each() {
        let all = draws(&without(8, &[(1, Part::Whole)]), 8, (4, 5));
        assert_eq!(all.iter().map(|draws| draws.size).collect::<Vec<_>>(), [0, 1, 2, 4, 6]);
        // Nothing and everything is drawn alike by all seeds.
        assert_eq!((all[0].num_runs(), all[4].num_runs()), (1, 1));
        assert!(draws(&without(8, &[]), 8, (4, 0)).is_empty());
        for draws in all {
            let (runs, size) = (draws.num_runs(), draws.size);
            let mut ran = 0_u32;
            let drawn = draws.run(|_| {
                ran += 1;
                Ok::<_, ()>(Score { nll: Some(f64::from(ran)), ..Score::default() })
            });
            let drawn = drawn.unwrap();
            assert_eq!((ran as usize, drawn.size, drawn.scores.len()), (runs, size, 5));
            assert_eq!(drawn.name(), "random, 5 seeds");
            let spread = drawn.spread(|score| score.nll).unwrap();
            assert_eq!((spread.least, spread.most), (1.0, f64::from(ran)));
            assert!((spread.least..=spread.most).contains(&spread.mean));
            assert_eq!(drawn.spread(|score| score.saved), None);
        }
    }
}
