//! The same claim for every value of a column: with a threshold of its own, and with the common one.

use super::{Found, Scene};
use crate::figure::{Axis, Direction, Figure, Ink, Mark};
use crate::lens::DataTable;

/// What fails on the test part, by value; `None` where nothing is compared.
pub(super) fn figure(scene: &Scene<'_>) -> Option<Figure> {
    if scene.parts.is_empty() {
        return None;
    }
    let points = |at: &dyn Fn(&Found) -> Option<f64>| {
        let risk = |(idx, (_, found)): (usize, &(String, Found))| {
            let failures = scene.claim.failures(found.judged(at(found)));
            [idx as f64, failures.risk().unwrap_or(f64::NAN)]
        };
        scene.parts.iter().enumerate().map(risk).collect()
    };
    let common = scene.whole.accepted_at();
    let names = scene.parts.iter().map(|(value, _)| value.clone()).collect();
    let column = scene.column();
    Some(Figure {
        id: "slices",
        title: format!("What fails on the test part, by {column}"),
        x: Axis::category(column, names),
        y: Axis::linear("Share that fails", "fraction"),
        marks: vec![
            Mark::Points {
                label: "Common setting".to_owned(),
                points: points(&|_| common),
                ink: Ink::Series(0),
            },
            Mark::Points {
                label: "Own setting".to_owned(),
                points: points(&Found::accepted_at),
                ink: Ink::Series(1),
            },
            Mark::Rule {
                label: "Allowed risk".to_owned(),
                direction: Direction::Horizontal,
                at: scene.claim.risk,
                knob: None,
            },
        ],
        picks: Vec::new(),
    })
}

/// One row for each value and one for all; an empty setting is the full depth.
pub(super) fn table(scene: &Scene<'_>) -> DataTable {
    let common = scene.whole.accepted_at();
    let least = scene.claim.least();
    let row = |found: &Found| {
        let at_hand = scene.claim.failures(&found.calibration.full).num as f64;
        let of = |at: Option<f64>| {
            let outcome = found.judged(at);
            let failures = scene.claim.failures(outcome);
            let kept = failures.kept().unwrap_or(f64::NAN);
            [kept, outcome.mean_depth().unwrap_or(f64::NAN)]
        };
        let own = found.accepted_at();
        let ([own_kept, own_depth], [common_kept, common_depth]) = (of(own), of(common));
        vec![
            at_hand,
            least,
            f64::from(u8::from(at_hand >= least)),
            scene.claim.failures(&found.test.full).num as f64,
            own.unwrap_or(f64::NAN),
            own_kept,
            own_depth,
            common.unwrap_or(f64::NAN),
            common_kept,
            common_depth,
        ]
    };
    let column = scene.column();
    let parts = scene.parts.iter().map(|(value, found)| (format!("{column}:{value}"), found));
    let whole = std::iter::once(("all".to_owned(), &scene.whole));
    let (names, found): (Vec<_>, Vec<_>) = whole.chain(parts).unzip();
    DataTable {
        id: "claims_per_slice",
        columns: vec![
            "n_calibration",
            "least_n",
            "suffices",
            "n_test",
            "own_setting",
            "own_kept_on_test",
            "own_mean_depth",
            "common_setting",
            "common_kept_on_test",
            "common_mean_depth",
        ],
        rows: found.into_iter().map(row).collect(),
        names: Some(("slice", names)),
    }
}
