//! What the rule does to every single token, beside what the recording holds of it.
//!
//! | column | meaning |
//! |---|---|
//! | exit_depth | depth at which the token exits |
//! | exit_id, exit | first choice of the readout there: id and text |
//! | agrees | 1 where it is the full model's (`full_id`), 0 where it is another, empty where the full model has none |
//! | nll_exit, nll_full | NLL of the next token at the exit and at depth L, in nats; empty without a next token |
//! | max_prob_exit, margin_exit, entropy_exit | the rule's signal at the exit depth; one of them or none, as the rule is |
//!
//! So the means of `exit_depth`, `agrees` and `nll_exit` over the tokens of a slice are the readings of that slice.
//! Numbers are the shortest that read back exactly; what is absent is empty.

use super::Settings;
use crate::figure::cell;
use crate::lens::TokenColumns;
use crate::lens::rows::Line;
use crate::recording::{Recording, depth_of};
use crate::signal::Signal;

pub(super) fn columns<'a>(recording: &'a Recording, settings: &Settings) -> TokenColumns<'a> {
    let signal = settings.rule.rule.card().signal;
    let exits: Vec<u16> =
        settings.rule.all_exits(recording).into_iter().map(|depth| depth.0).collect();
    let names = ["exit_depth", "exit_id", "exit", "agrees", "nll_exit", "nll_full"];
    let names = names.map(str::to_owned).into_iter();
    let full = depth_of(recording.num_layers());
    TokenColumns {
        names: names.chain(signal.map(|signal| format!("{}_exit", signal.column_name()))).collect(),
        cells: Box::new(move |token| {
            let line = Line { recording, exits: &exits, token };
            let choice = line.at_exit();
            let mut cells = vec![
                line.depth().0.to_string(),
                choice.map(|id| id.to_string()).unwrap_or_default(),
                line.piece(choice.as_ref()),
                line.agrees().map(|agrees| u8::from(agrees).to_string()).unwrap_or_default(),
                cell(line.value(Signal::Nll)),
                cell(line.value_at(Signal::Nll, full)),
            ];
            cells.extend(signal.map(|signal| cell(line.value(signal))));
            cells
        }),
    }
}
