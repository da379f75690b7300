//! The later a token stands, the fewer blocks it runs; those that stay are the upper ones (SkipDecode).
//!
//! With the budget b(t) of the position schedule and w warm-up blocks the token runs {0..w-1} and {L-(b(t)-w)..L-1}. Executed
//! sets shrink, so every key that is read is there.

use super::plan::{Placed, Plan};
use super::rule::{Entry, SkipCard};
use super::set::Set;
use crate::knob::Integer;
use crate::policy::exit::{Place, Schedule};

const WARM_UP: Integer = Integer {
    id: "warm-up-blocks",
    label: "Warm-up blocks (layers)",
    help: "Lowest blocks that every token runs before it jumps; without one the bare embedding enters the upper blocks",
    default: 1,
    min: 0,
    max: u16::MAX as i64,
};

/// Registry entry.
pub(super) static RULE: Entry = Entry {
    card: SkipCard {
        id: "skip-decode",
        label: "Fewer by position",
        meaning: "Runs the lowest and the upper blocks, fewer of them the later a token stands",
        source: "Del Corro et al. 2023 (SkipDecode); decay along a line over the given length",
        main: "least-blocks",
    },
    knobs: |about| {
        let mut cards = Schedule::knobs(about);
        cards.push(WARM_UP.card(about.most_layers()));
        cards
    },
    plan: |asked, _| {
        let schedule = Schedule::new(asked.knobs, &asked.about);
        let warm_up = usize::try_from(asked.knobs.integer(&WARM_UP)).unwrap_or(0);
        let layers = asked.about.layers;
        let set = |place| upper(layers, schedule.blocks(place), warm_up);
        let prompt = Place { position: 0, is_prompt: true, step: 0 };
        let behind = |step| Place {
            position: asked.about.prompt.saturating_add(step),
            is_prompt: false,
            step,
        };
        let behind = (0..schedule.steps().max(1)).map(|step| set(behind(step))).collect();
        Ok(Plan::Placed(Placed::new(set(prompt), behind)).into())
    },
};

/// The lowest `warm_up` and the upper blocks, `blocks` in all.
fn upper(layers: usize, blocks: usize, warm_up: usize) -> Set {
    let warm_up = warm_up.min(blocks);
    let top = layers.saturating_sub(blocks - warm_up);
    Set::only(layers, (0..warm_up).chain(top..layers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_are_those_of_the_specification() {
        let runs = |set: &Set| (0..24).filter(|layer| set.attends(*layer)).collect::<Vec<_>>();
        let budgets = [16, 16, 16, 16, 16, 15, 13, 12, 11, 9, 8, 7, 5, 4];
        let sets: Vec<Set> = budgets.iter().map(|blocks| upper(24, *blocks, 1)).collect();
        assert_eq!(runs(&sets[0]), std::iter::once(0).chain(9..24).collect::<Vec<_>>());
        assert_eq!(runs(&sets[13]), [0, 21, 22, 23]);
        for (set, blocks) in sets.iter().zip(budgets) {
            assert_eq!(runs(set).len(), blocks);
        }
        assert!(Placed::new(sets[0].clone(), sets[1..].to_vec()).is_nested());
        let decoded: usize = budgets[4..].iter().sum();
        assert_eq!(24.0 * 10.0 / decoded as f64, 2.4);
        let all: usize = budgets.iter().sum();
        assert!((24.0 * 14.0 / all as f64 - 2.0488).abs() < 1e-4);
    }

    #[test]
    fn a_budget_below_the_warm_up_keeps_the_lowest() {
        assert_eq!(upper(4, 1, 2), Set::only(4, [0]));
        assert_eq!(upper(4, 4, 1), Set::full(4));
        assert_eq!(upper(4, 4, 9), Set::full(4));
    }
}
