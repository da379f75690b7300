//! What every lens holds to, whoever wrote it.

use super::*;
use crate::figure::{Size, Theme, to_csv, to_svg};
use crate::knob::KnobKind;
use crate::recording::{rough, synthetic, synthetic_samples};

/// Recordings without rows, with one, without signals, without numbers, without labels.
fn strange() -> Vec<Recording> {
    let mut all_nan = synthetic(20, 3, 1);
    all_nan.signals.values_mut().flatten().flatten().for_each(|value| *value = f32::NAN);
    let mut bare = synthetic(20, 3, 1);
    bare.signals.clear();
    bare.top1.clear();
    bare.top5.clear();
    bare.samples.clear();
    bare.manifest.flops_per_block.clear();
    bare.manifest.block_costs.clear();
    bare.manifest.block_secs.clear();
    bare.manifest.flops_per_fill = None;
    let mut unlabelled = synthetic_samples(30, 3, 1);
    unlabelled.tokens.next_ids.fill(crate::signal::NO_TOKEN);
    vec![
        synthetic(0, 3, 1),
        synthetic(1, 1, 1),
        synthetic(5, 0, 1),
        rough(90, 4, 2),
        synthetic_samples(90, 4, 2),
        all_nan,
        bare,
        unlabelled,
    ]
}

/// Default knobs, and each knob at its ends.
fn turned(lens: &dyn Lens, recording: &Recording) -> Vec<Knobs> {
    let mut turned = vec![Knobs::default()];
    for card in lens.knobs(Some(recording), &Knobs::default()) {
        let ends = match &card.kind {
            KnobKind::Real { min, max, .. } => vec![Value::Real(*min), Value::Real(*max)],
            KnobKind::Integer { min, max, .. } => vec![Value::Integer(*min), Value::Integer(*max)],
            KnobKind::Choice { options, .. } => {
                options.iter().map(|option| Value::Choice(option.id.clone())).collect()
            }
            KnobKind::Places { .. } => {
                ["all", "none"].map(|t| Value::Choice(t.to_owned())).to_vec()
            }
        };
        for end in ends {
            let mut knobs = Knobs::default();
            knobs.set(card.id, end);
            turned.push(knobs);
        }
    }
    turned
}

#[test]
fn cards_are_complete_and_their_ids_unique() {
    let mut ids: Vec<_> = LENSES.iter().map(|lens| lens.card().id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), LENSES.len());
    for lens in LENSES {
        let card = lens.card();
        assert!(card.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", card.id);
        assert!(card.question.ends_with('?'), "{}", card.id);
        assert!(!card.source.is_empty() && !card.unknown.is_empty(), "{}", card.id);
    }
}

#[test]
fn knobs_are_unique_and_stand_at_a_default_that_they_allow() {
    let recordings = strange();
    for lens in LENSES {
        for recording in recordings.iter().map(Some).chain([None]) {
            let cards = lens.knobs(recording, &Knobs::default());
            let mut ids: Vec<_> = cards.iter().map(|card| card.id).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), cards.len(), "{}: a knob twice", lens.card().id);
            for card in cards {
                let default = card.kind.default_value();
                assert!(card.kind.allows(&default), "{} {}", lens.card().id, card.id);
            }
        }
    }
}

#[test]
fn every_lens_views_every_strange_recording_twice_alike_and_without_a_gap() {
    for (lens, again) in LENSES.iter().skip(1).zip(LENSES.iter().skip(1)) {
        // Two recordings, so that nothing is remembered from the first look.
        for (recording, other) in strange().iter().zip(&strange()) {
            for knobs in turned(*lens, recording) {
                let token = Some(7);
                let view = lens.view(recording, &knobs, Selection { token });
                let twice = again.view(other, &knobs, Selection { token });
                assert_eq!(format!("{view:?}"), format!("{twice:?}"), "{knobs:?}");
                view.figures.iter().for_each(|figure| drop(to_csv(figure)));
                for table in &view.tables {
                    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
                    let names = table.names.as_ref().map_or(table.rows.len(), |(_, n)| n.len());
                    assert_eq!(names, table.rows.len());
                }
                let mut ids: Vec<_> = view.readings.iter().map(|reading| reading.id).collect();
                ids.sort_unstable();
                ids.dedup();
                assert_eq!(ids.len(), view.readings.len());
                assert!(
                    view.readings.iter().all(|r| r.value.is_none_or(f64::is_finite)),
                    "{view:?}"
                );
                let columns = lens.token_columns(recording, &knobs);
                for token in 0..=recording.num_tokens() {
                    assert_eq!((columns.cells)(token).len(), columns.names.len());
                }
            }
        }
    }
}

#[test]
fn what_a_view_offers_to_turn_is_allowed() {
    let recording = synthetic_samples(200, 4, 3);
    for lens in LENSES {
        let view = lens.view(&recording, &Knobs::default(), Selection::default());
        let suggested = view.suggestions.iter().map(|suggestion| &suggestion.sets);
        let picked = view.figures.iter().flat_map(|f| f.picks.iter().map(|pick| &pick.sets));
        for sets in suggested.chain(picked) {
            let mut knobs = Knobs::default();
            for (id, value) in sets {
                knobs.set(id, value.clone());
            }
            let cards = lens.knobs(Some(&recording), &knobs);
            for (id, value) in sets {
                let card = cards.iter().find(|card| card.id == *id);
                assert!(card.is_some_and(|card| card.kind.allows(value)), "{id} {value:?}");
            }
        }
    }
}

/// Readings, tables, suggestions and notes as text, for snapshots.
pub(super) fn told(view: &View) -> String {
    let mut lines = Vec::new();
    for r in &view.readings {
        lines.push(format!("{} = {:.6?} {} ({:?}): {}", r.id, r.value, r.unit, r.kind, r.label));
    }
    for table in &view.tables {
        let (name, names) = table.names.clone().unwrap_or_default();
        lines.push(format!("\n{}\n{name},{}", table.id, table.columns.join(",")));
        for (idx, row) in table.rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().map(|v| format!("{v:.6}")).collect();
            let name = names.get(idx).map_or("", String::as_str);
            lines.push(format!("{name},{}", cells.join(",")));
        }
    }
    for s in &view.suggestions {
        lines.push(format!("\n{}: {} -> {:?}", s.label, s.explanation, s.sets));
    }
    lines.extend(view.notes.iter().map(|note| format!("\nnote: {}", note.line())));
    lines.join("\n")
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
