//! What exits are priced with: the knobs of every lens that prices them, declared once, and how they stand.
//!
//! Must not know: what a price is compared with. Modelled and measured prices never stand in one number; the words of a
//! cost say which it is.

use super::cost::{CostModel, Fill, Prices, Readouts, block_shares};
use super::exit::Chosen;
use crate::knob::{Choice, ChoiceOption, KnobCard, Knobs, Real};
use crate::notes::Note;
use crate::recording::{Recording, Slice};

const COST: Choice = Choice {
    id: "cost",
    label: "Cost",
    help: "What a saving is counted in: modelled or measured, never both",
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
/// Ids of the knobs of the modelled cost, in the order of their cards.
pub const COST_MODEL_KNOBS: &[&str] = &[HEADS.id, READOUT_PRICE.id, FILL.id];
const CHECKS: &str = "checks";
const ANSWER: &str = "answer";
const ABSENT: &str = "absent";
const PROPAGATED: &str = "propagated";

/// What exits are priced in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// Blocks that are run.
    Depth,
    /// FLOPs, modelled from shapes.
    Flops,
    /// Milliseconds in blocks, measured while everything ran.
    Time,
}

impl Cost {
    fn id(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Flops => "flops",
            Self::Time => "time",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Depth => "Mean exit depth",
            Self::Flops => "FLOPs (modelled)",
            Self::Time => "Time in blocks (measured)",
        }
    }

    /// What a row costs: label of an axis, and unit.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Depth => ("Mean exit depth", "layers"),
            Self::Flops => ("FLOPs (modelled)", "of the full model"),
            Self::Time => ("Time in blocks, per row (measured)", "ms"),
        }
    }

    fn is_known(self, recording: Option<&Recording>) -> bool {
        self != Self::Time || recording.is_none_or(|r| Prices::measured(r).is_some())
    }
}

/// How the knobs stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pricing {
    /// What exits are priced in.
    pub(crate) cost: Cost,
    model: CostModel,
}

/// Prices in the chosen cost.
pub(crate) struct Priced {
    prices: Prices,
    cost: Cost,
}

impl Pricing {
    /// The knobs, for a lens that offers `costs`, of which the first is the default; those of the modelled cost only
    /// where it is chosen, since they turn nothing else.
    pub(crate) fn cards(
        recording: Option<&Recording>,
        knobs: &Knobs,
        costs: &[Cost],
    ) -> Vec<KnobCard> {
        let choices = |options: &[(&str, &str)]| {
            options.iter().map(|(id, label)| ChoiceOption::new(*id, *label)).collect()
        };
        let known = costs.iter().filter(|cost| cost.is_known(recording));
        let mut cards =
            vec![COST.card(known.map(|c| ChoiceOption::new(c.id(), c.label())).collect())];
        if Cost::of(recording, knobs, costs) == Cost::Flops {
            let mut fills = vec![(ABSENT, "Left out")];
            if recording.is_none_or(|recording| recording.manifest.flops_per_fill.is_some()) {
                fills.push((PROPAGATED, "Made from the exit state"));
            }
            cards.extend([
                HEADS.card(choices(&[(CHECKS, "At every check"), (ANSWER, "Only for the answer")])),
                READOUT_PRICE.card(),
                FILL.card(choices(&fills)),
            ]);
        }
        cards
    }

    /// Of knobs that the cards allow.
    pub(crate) fn of(recording: &Recording, knobs: &Knobs, costs: &[Cost]) -> Self {
        let is = |choice: &Choice, option: &str| knobs.choice(choice) == Some(option);
        let model = CostModel {
            readout: knobs.real(&READOUT_PRICE),
            readouts: if is(&HEADS, ANSWER) { Readouts::Answer } else { Readouts::Checks },
            fill: if is(&FILL, PROPAGATED) { Fill::Propagated } else { Fill::Absent },
        };
        Self { cost: Cost::of(Some(recording), knobs, costs), model }
    }

    /// What exits of a rule cost; `None` where that is not known.
    pub(crate) fn prices(
        &self,
        recording: &Recording,
        slice: &Slice,
        chosen: &Chosen,
    ) -> Option<Priced> {
        let checks = (&chosen.checks, chosen.rule.card().reads_out);
        let prices = match self.cost {
            Cost::Depth => Some(Prices::depths(recording.num_layers())),
            // Of a rule that refuses nobody asks anything: no readout is made for it, and none is priced.
            Cost::Flops if chosen.refusal().is_some() => None,
            Cost::Flops => Prices::modelled(recording, slice, self.model, checks),
            Cost::Time => Prices::measured(recording),
        };
        prices.map(|prices| Priced { prices, cost: self.cost })
    }

    /// Share of each block in what all blocks cost, and what that is; `None` where it is not known.
    pub(crate) fn block_shares(
        &self,
        recording: &Recording,
        slice: &Slice,
    ) -> Option<(&'static str, Vec<f64>)> {
        match self.cost {
            Cost::Depth | Cost::Flops => block_shares(recording, slice)
                .map(|shares| ("Its share of all blocks' cost (modelled)", shares)),
            Cost::Time => {
                let prices = Prices::measured(recording)?;
                Some(("Its share of all blocks' time (measured)", prices.block_shares()))
            }
        }
    }

    /// What is counted otherwise than by default, as words behind "modelled"; `None` where nothing is.
    pub(crate) fn changes(&self) -> Option<String> {
        if self.cost != Cost::Flops {
            return None;
        }
        let CostModel { readout, readouts, fill } = self.model;
        let mut words = Vec::new();
        if readouts == Readouts::Answer {
            words.push("one readout, for the answer".to_owned());
        }
        if readout != 1.0 {
            words.push(format!("readouts at {readout} of their price"));
        }
        if fill == Fill::Propagated {
            words.push("keys and values of skipped blocks made".to_owned());
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// What a person must know about a cost that was measured.
    pub(crate) fn note(&self) -> Option<Note> {
        let what = "Milliseconds are what blocks took while everything ran; no readout is in them, and a run that \
                    really stops is another measurement";
        (self.cost == Cost::Time).then(|| Note::new(what, ""))
    }
}

impl Cost {
    /// As the knob stands among `costs`; the first where it does not, or where that is not known here.
    fn of(recording: Option<&Recording>, knobs: &Knobs, costs: &[Self]) -> Self {
        let mut known = costs.iter().copied().filter(|cost| cost.is_known(recording));
        let first = costs.first().copied().unwrap_or(Self::Depth);
        known.find(|cost| Some(cost.id()) == knobs.choice(&COST)).unwrap_or(first)
    }
}

impl Priced {
    /// What a row costs in the mean; `exits` holds how many exit at each depth.
    pub(crate) fn of(&self, exits: &[u64]) -> Option<f64> {
        match self.cost {
            Cost::Flops => self.prices.share(exits),
            Cost::Depth | Cost::Time => self.prices.mean(exits),
        }
    }

    /// The share of the full model's cost that is saved.
    pub(crate) fn saved(&self, exits: &[u64]) -> Option<f64> {
        self.prices.share(exits).map(|share| 1.0 - share)
    }

    /// What the full model costs.
    pub(crate) fn full(&self) -> f64 {
        if self.cost == Cost::Flops { 1.0 } else { self.prices.full() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knob::{Value, turned};
    use crate::recording::synthetic;

    const OFFERED: &[Cost] = &[Cost::Flops, Cost::Time];

    fn choice(id: &str) -> Value {
        Value::Choice(id.to_owned())
    }

    #[test]
    fn a_knob_that_turns_nothing_is_not_offered() {
        let ids = |knobs: &[(&str, Value)], costs: &[Cost]| -> Vec<&str> {
            let cards = Pricing::cards(Some(&synthetic(20, 2, 0)), &turned(knobs), costs);
            cards.iter().map(|card| card.id).collect()
        };
        let all = [&["cost"], COST_MODEL_KNOBS].concat();
        assert_eq!(ids(&[], OFFERED), all);
        assert_eq!(ids(&[("cost", choice("time"))], OFFERED), ["cost"]);
        assert_eq!(ids(&[], &[Cost::Depth, Cost::Flops]), ["cost"]);
        assert_eq!(ids(&[("cost", choice("flops"))], &[Cost::Depth, Cost::Flops]), all);
    }

    #[test]
    fn a_cost_that_is_not_known_or_not_offered_counts_as_not_asked() {
        let mut recording = synthetic(20, 2, 0);
        let of = |recording: &Recording, id: &str| {
            Pricing::of(recording, &turned(&[("cost", choice(id))]), OFFERED).cost
        };
        assert_eq!(of(&recording, "time"), Cost::Time);
        assert_eq!(of(&recording, "depth"), Cost::Flops);
        recording.manifest.block_secs.clear();
        assert_eq!(of(&recording, "time"), Cost::Flops);
    }

    #[test]
    fn what_is_counted_otherwise_is_said() {
        let recording = synthetic(20, 2, 0);
        let changes =
            |knobs: &[(&str, Value)]| Pricing::of(&recording, &turned(knobs), OFFERED).changes();
        assert_eq!(changes(&[]), None);
        let all = [
            ("exit-heads", choice("answer")),
            ("readout-price", Value::Real(0.5)),
            ("skipped-keys", choice("propagated")),
        ];
        let words = "one readout, for the answer, readouts at 0.5 of their price, keys and values of skipped blocks made";
        assert_eq!(changes(&all), Some(words.to_owned()));
        let timed = [&all[..], &[("cost", choice("time"))]].concat();
        assert_eq!(changes(&timed), None);
    }
}
