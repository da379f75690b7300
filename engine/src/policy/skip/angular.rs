//! The run of blocks over which the stream turns least is left out (pruning of deeper layers).
//!
//! d(l, n) = arccos(cos(h_l, h_(l+n))) / pi at the last token of each text, mean over texts; the n blocks from the l with the
//! least d on are left out. The simple variant leaves out the n blocks before the last one, whatever they do.

use super::influence::{BLOCKS, card, wanted};
use super::place::{self, Where};
use super::rule::{Entry, Evidence, Planned, SkipCard, Unplanned};
use super::set::Set;
use crate::knob::{Choice, ChoiceOption, Part};

const CRITERION: Choice = Choice {
    id: "criterion",
    label: "Criterion",
    help: "What says where the run of blocks begins",
};
const SIMPLE: &str = "before-last";

/// Registry entry.
pub(super) static RULE: Entry = Entry {
    card: SkipCard {
        id: "angular-window",
        label: "Smallest turn of the stream",
        meaning: "Leaves out a run of neighbouring blocks: the one over which the last token's stream turns least",
        source: "Gromov et al. 2024 (The unreasonable ineffectiveness of the deeper layers), without healing",
        main: "skipped-blocks",
    },
    knobs: |about| {
        let options = vec![
            ChoiceOption::new("angle", "Smallest angle"),
            ChoiceOption::new(SIMPLE, "Those before the last block"),
        ];
        vec![card(about.layers), CRITERION.card(options), place::card(Where::Everywhere)]
    },
    plan: |asked, measure| {
        let (layers, count) = (asked.about.layers, wanted(asked.knobs.integer(&BLOCKS)));
        let count = count.min(layers);
        if asked.knobs.choice(&CRITERION) == Some(SIMPLE) {
            let first = layers.saturating_sub(count + 1);
            return Ok(place::plan(asked.knobs, window(layers, first, count)).into());
        }
        if count == 0 {
            return Ok(place::plan(asked.knobs, Set::full(layers)).into());
        }
        let angles = measure.angles()?;
        let distances: Vec<f64> =
            angles.iter().filter_map(|from| from.get(count - 1)).copied().collect();
        let Some(first) = least(&distances) else {
            let why = "no angle between streams is a number";
            return Err(Unplanned::Refused(why.to_owned()));
        };
        let points = distances.iter().enumerate().map(|(layer, d)| [layer as f64, *d]);
        let evidence = Evidence {
            title: "Angle between the streams before and behind a run of blocks",
            x: "First block of the run",
            y: ("Angle, last token", "half turns"),
            lines: vec![("Mean over texts", points.collect())],
            chosen: vec![first as f64],
        };
        let set = window(layers, first, count);
        Ok(Planned { plan: place::plan(asked.knobs, set), evidence: Some(evidence) })
    },
};

fn window(layers: usize, first: usize, count: usize) -> Set {
    Set::without(layers, (first..first + count).map(|layer| (layer, Part::Whole)))
}

/// The place of the least number, of equals the first; `None` where none is a number.
fn least(distances: &[f64]) -> Option<usize> {
    let known = distances.iter().enumerate().filter(|(_, d)| !d.is_nan());
    known.min_by(|a, b| a.1.total_cmp(b.1)).map(|(layer, _)| layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_least_is_taken_and_what_is_no_number_never() {
        assert_eq!(least(&[0.3, f64::NAN, 0.1, 0.1]), Some(2));
        assert_eq!(least(&[f64::NAN]), None);
        assert_eq!(window(6, 2, 3).skipped().to_string(), "2-4");
    }
}
