//! Every token stops at one depth (LayerSkip's draft, and the plainest baseline).

use super::about::About;
use super::rule::{Entry, ExitRule, RuleCard};
use super::signals::{Place, TokenSignals};
use crate::knob::Integer;
use crate::signal::Depth;

/// Half of the blocks where nobody chose.
fn depth(about: &About) -> Integer {
    Integer {
        id: "depth",
        label: "Exit depth (layers)",
        help: "Every token stops at the first exit from this depth on",
        default: about.most_layers() / 2,
        min: 0,
        max: about.most_layers(),
    }
}

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
    knobs: |about| vec![depth(about).card(about.most_layers())],
    ladder: None,
    build: |knobs, fit| {
        let depth = knobs.integer(&depth(&fit.about));
        Ok(Fixed { depth: Depth(u16::try_from(depth).unwrap_or(u16::MAX)) })
    },
};

/// depth >= the wanted one.
#[derive(Debug)]
pub(super) struct Fixed {
    depth: Depth,
}

impl ExitRule for Fixed {
    type State = ();

    fn look(&self, _state: &mut (), _token: TokenSignals, _place: Place, depth: Depth) -> f64 {
        depth.0.into()
    }

    fn least(&self, _depth: Depth) -> f64 {
        self.depth.0.into()
    }
}
