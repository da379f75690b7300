//! Every lens keeps the promises that windows, exports and the command line rely on.

use super::*;
use crate::figure::{Size, Theme, to_csv, to_svg};
use crate::knob::{KnobKind, Knobs};
use crate::recording::{rough, synthetic, synthetic_samples};
use std::collections::BTreeSet;

fn is_kebab(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn strange() -> Vec<Recording> {
    let mut all_nan = synthetic(20, 3, 1);
    all_nan.signals.values_mut().flatten().flatten().for_each(|value| *value = f32::NAN);
    let mut bare = synthetic(20, 3, 1);
    bare.signals.clear();
    bare.top1.clear();
    bare.top5.clear();
    bare.samples.clear();
    bare.manifest.flops_per_block.clear();
    bare.manifest.block_secs.clear();
    let mut free = synthetic(40, 3, 1);
    free.manifest.flops_per_block.fill(0.0);
    free.manifest.flops_per_readout = f64::NAN;
    vec![
        synthetic(0, 3, 1),
        synthetic(1, 1, 1),
        synthetic(5, 0, 1),
        rough(150, 6, 2),
        synthetic_samples(150, 6, 2),
        all_nan,
        bare,
        free,
    ]
}

/// A setting for each position of each choice, alone, and each knob that it leaves at both ends.
fn settings(lens: &dyn Lens, recording: &Recording) -> Vec<Knobs> {
    let mut bases = vec![Knobs::default()];
    for card in lens.knobs(Some(recording), &Knobs::default()) {
        if let KnobKind::Choice { options, .. } = card.kind {
            bases.extend(options.into_iter().map(|option| {
                let mut knobs = Knobs::default();
                knobs.set(card.id, Value::Choice(option.id));
                knobs
            }));
        }
    }
    let mut all = Vec::new();
    for base in bases {
        for card in lens.knobs(Some(recording), &base) {
            let ends = match card.kind {
                KnobKind::Real { min, max, .. } => vec![Value::Real(min), Value::Real(max)],
                KnobKind::Integer { min, max, .. } => {
                    vec![Value::Integer(min), Value::Integer(max)]
                }
                KnobKind::Places { .. } => vec![Value::Choice("none".to_owned())],
                KnobKind::Choice { .. } => Vec::new(),
            };
            for end in ends {
                let mut knobs = base.clone();
                knobs.set(card.id, end);
                all.push(knobs);
            }
        }
        all.push(base);
    }
    all
}

#[test]
fn cards_are_complete_and_ids_are_unique() {
    let mut seen = BTreeSet::new();
    for lens in LENSES {
        let card = lens.card();
        assert!(is_kebab(card.id) && seen.insert(card.id), "{}", card.id);
        for text in [card.name, card.question, card.source, card.unknown] {
            assert!(!text.trim().is_empty(), "{}", card.id);
        }
        let mut knobs = BTreeSet::new();
        for knob in lens.knobs(None, &Knobs::default()) {
            assert!(is_kebab(knob.id) && knobs.insert(knob.id), "{} {}", card.id, knob.id);
            assert!(!knob.label.is_empty() && !knob.help.is_empty(), "{}", knob.id);
        }
    }
}

#[test]
fn every_knob_at_both_ends_views_every_strange_recording_twice_alike() {
    for lens in LENSES {
        for recording in &strange() {
            for knobs in settings(*lens, recording) {
                let look = || lens.view(recording, &knobs, Selection { token: Some(3) });
                let view = look();
                // NaN equals NaN here, which it does not in a view.
                assert_eq!(format!("{view:?}"), format!("{:?}", look()), "{knobs:?}");
                let ids: BTreeSet<_> = view.figures.iter().map(|figure| figure.id).collect();
                assert_eq!(ids.len(), view.figures.len());
                assert!(view.readings.iter().all(|r| r.value.is_none_or(f64::is_finite)));
                for table in &view.tables {
                    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
                    assert!(table.names.as_ref().is_none_or(|n| n.1.len() == table.rows.len()));
                }
                let columns = lens.token_columns(recording, &knobs);
                assert_eq!((columns.cells)(3).len(), columns.names.len());
            }
        }
    }
}

#[test]
fn every_figure_of_every_lens_is_drawn_and_written() {
    let size = Size { width: 400, height: 300 };
    for lens in LENSES {
        for recording in [synthetic(0, 3, 1), synthetic(200, 6, 1), synthetic_samples(90, 6, 2)] {
            for figure in lens.view(&recording, &Knobs::default(), Selection::default()).figures {
                assert!(to_csv(&figure).starts_with("mark,kind,label"), "{}", figure.id);
                let svg = to_svg(&figure, size, Theme::Light, &[]);
                assert!(svg.contains("</svg>") && !svg.contains("NaN"), "{}", figure.id);
            }
        }
    }
}
