//! Every token stops at one depth (LayerSkip's draft, and the plainest baseline).

use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use crate::knob::Integer;
use crate::signal::Depth;

const DEPTH: Integer = Integer {
    id: "depth",
    label: "Exit depth (layers)",
    help: "Every token stops at the first exit from this depth on",
    default: 8,
    min: 0,
    max: u16::MAX as i64,
};

/// Registry entry.
pub(super) static RULE: Entry<Fixed> = Entry {
    card: RuleCard {
        id: "fixed",
        label: "Fixed depth",
        meaning: "Every token stops at the same depth",
        source: "Elhoushi et al. 2024 (LayerSkip), section 3.3: the exit of its draft",
        signal: None,
        needs: &[],
        reads_out: false,
        is_fitted: false,
        main: "depth",
    },
    knobs: |about| vec![DEPTH.card(about.most_layers())],
    ladder: None,
    build: |knobs, _| {
        Ok(Fixed { depth: Depth(u16::try_from(knobs.integer(&DEPTH)).unwrap_or(u16::MAX)) })
    },
};

/// depth >= the wanted one.
#[derive(Debug)]
pub(super) struct Fixed {
    depth: Depth,
}

impl ExitRule for Fixed {
    type State = ();

    fn stops(&self, _state: &mut (), _token: TokenSignals, _place: Place, depth: Depth) -> bool {
        depth >= self.depth
    }
}
