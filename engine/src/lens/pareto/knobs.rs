//! What is compared, on which rows, and at which prices.

use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs, Real};
use crate::lens::exits::slice_card;
use crate::policy::cards as rule_cards;
use crate::policy::{
    About, Chosen, CostModel, Fill, Goal, Prices, Readouts, Side, Split, add_split_cards,
};
use crate::recording::{Recording, Slice};

const COST: Choice = Choice {
    id: "cost",
    label: "Cost",
    help: "What the horizontal axis counts; it never mixes two",
};
const PART: Choice = Choice {
    id: "part",
    label: "Counted on",
    help: "The rows that are counted; rules that are fitted look too good where they were",
};
const HEADS: Choice =
    Choice { id: "exit-heads", label: "Readouts", help: "Which readouts the modelled cost counts" };
const READOUT_PRICE: Real = Real {
    id: "readout-price",
    label: "Price of a readout",
    help: "Factor on the modelled cost of one readout; small exit heads cost less than the model's own",
    unit: "",
    default: 1.0,
    min: 0.0,
    max: 4.0,
    step: 0.01,
};
const FILL: Choice = Choice {
    id: "skipped-keys",
    label: "Keys and values of skipped blocks",
    help: "Left out, or made from the state at the exit, which costs 2 d (Dk + Dv) FLOPs a block",
};
const DEPTH: &str = "depth";
const FLOPS: &str = "flops";
const TIME: &str = "time";
const TEST: &str = "test";
const CALIBRATION: &str = "calibration";
const ALL: &str = "all";
const CHECKS: &str = "checks";
const ANSWER: &str = "answer";
const ABSENT: &str = "absent";
const PROPAGATED: &str = "propagated";

/// What the horizontal axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Depth,
    Flops,
    Time,
}

impl Cost {
    /// Axis label and unit.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Depth => ("Mean exit depth", "layers"),
            Self::Flops => ("FLOPs (modelled)", "of the full model"),
            Self::Time => ("Time in blocks, per row (measured)", "ms"),
        }
    }
}

/// How the knobs of the lens stand.
pub(super) struct Asked {
    pub(super) goal: Goal,
    pub(super) cost: Cost,
    model: CostModel,
    /// `None`: all rows.
    pub(super) side: Option<Side>,
    pub(super) split: Split,
}

pub(super) fn cards(recording: Option<&Recording>, knobs: &Knobs) -> Vec<KnobCard> {
    let mut cards = rule_cards(&About::of(recording), knobs);
    let choices = |options: &[(&str, &str)]| {
        options.iter().map(|(id, label)| ChoiceOption::new(*id, *label)).collect()
    };
    let rows = recording.map_or("tokens", |recording| recording.subject().nouns());
    let all = format!("All {rows}");
    let mut costs = vec![(DEPTH, "Mean exit depth"), (FLOPS, "FLOPs (modelled)")];
    if recording.is_none_or(|recording| Prices::measured(recording).is_some()) {
        costs.push((TIME, "Time in blocks (measured)"));
    }
    let mut fills = vec![(ABSENT, "Left out")];
    if recording.is_none_or(|recording| recording.manifest.flops_per_fill.is_some()) {
        fills.push((PROPAGATED, "Made from the exit state"));
    }
    cards.extend([
        Goal::card(recording, Goal::OF_EXITS),
        COST.card(choices(&costs)),
        HEADS.card(choices(&[(CHECKS, "At every check"), (ANSWER, "Only for the answer")])),
        READOUT_PRICE.card(),
        FILL.card(choices(&fills)),
        PART.card(choices(&[
            (TEST, "Test part"),
            (ALL, all.as_str()),
            (CALIBRATION, "Calibration part"),
        ])),
    ]);
    add_split_cards(&mut cards);
    cards.push(slice_card(recording));
    cards
}

impl Asked {
    /// Of knobs that the cards allow.
    pub(super) fn of(recording: &Recording, knobs: &Knobs) -> Self {
        let is = |choice: &Choice, option: &str| knobs.choice(choice) == Some(option);
        let cost = match knobs.choice(&COST) {
            Some(FLOPS) => Cost::Flops,
            Some(TIME) => Cost::Time,
            _ => Cost::Depth,
        };
        let side = match knobs.choice(&PART) {
            Some(ALL) => None,
            Some(CALIBRATION) => Some(Side::Calibration),
            _ => Some(Side::Test),
        };
        let model = CostModel {
            readout: knobs.real(&READOUT_PRICE),
            readouts: if is(&HEADS, ANSWER) { Readouts::Answer } else { Readouts::Checks },
            fill: if is(&FILL, PROPAGATED) { Fill::Propagated } else { Fill::Absent },
        };
        let goal = Goal::of(recording, knobs, Goal::OF_EXITS);
        Self { goal, cost, model, side, split: Split::of(knobs) }
    }

    /// What exits of a rule cost; `None` where that is not known.
    pub(super) fn prices(
        &self,
        recording: &Recording,
        slice: &Slice,
        chosen: &Chosen,
    ) -> Option<Priced> {
        let checks = (&chosen.checks, chosen.rule.card().reads_out);
        let prices = match self.cost {
            Cost::Depth => Some(Prices::depths(recording.num_layers())),
            Cost::Flops => Prices::modelled(recording, slice, self.model, checks),
            Cost::Time => Prices::measured(recording),
        };
        prices.map(|prices| Priced { prices, cost: self.cost })
    }
}

/// Prices on the chosen axis.
pub(super) struct Priced {
    prices: Prices,
    cost: Cost,
}

impl Priced {
    /// What a row costs in the mean.
    pub(super) fn of(&self, exits: &[u64]) -> Option<f64> {
        match self.cost {
            Cost::Flops => self.prices.share(exits),
            Cost::Depth | Cost::Time => self.prices.mean(exits),
        }
    }

    /// What the full model costs.
    pub(super) fn full(&self) -> f64 {
        if self.cost == Cost::Flops { 1.0 } else { self.prices.full() }
    }
}
