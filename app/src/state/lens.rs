//! How the recording is looked at.

use layerscope_engine::api::{KnobKind, Knobs, Selection, Value};

use super::{Effect, Lens, Side, State};

impl State {
    pub(super) fn apply_lens(&mut self, action: Lens) -> Vec<Effect> {
        match action {
            Lens::Choose(lens) => {
                self.undo.push(&self.session);
                self.session.lens = lens;
            }
            Lens::Turn { knob, value, is_held } => return self.turn(&knob, value, is_held),
            Lens::Drag { knob, value, is_held } => {
                // What can be dragged in a figure is A's.
                if self.session.side() == Side::B {
                    self.session.side = Side::A;
                    self.refresh_knobs();
                }
                let value = self.value_on_card(knob, value);
                return value.map_or_else(Vec::new, |value| self.turn(knob, value, is_held));
            }
            Lens::Follow(sets) => {
                self.undo.push(&self.session);
                for (knob, value) in sets {
                    self.session.edited_mut().set(knob, value);
                }
            }
            Lens::Reset => {
                self.undo.push(&self.session);
                *self.session.edited_mut() = Knobs::default();
            }
            Lens::Compare => {
                self.undo.push(&self.session);
                self.session.versus = Some(self.session.edited().clone());
            }
            Lens::Edit(side) => {
                self.session.side = side;
                self.refresh_knobs();
                return Vec::new();
            }
            Lens::Swap => {
                let Some(versus) = self.session.versus.clone() else { return Vec::new() };
                self.undo.push(&self.session);
                self.session.versus = Some(std::mem::replace(&mut self.session.knobs, versus));
            }
            Lens::EndComparison => {
                self.undo.push(&self.session);
                (self.session.versus, self.session.side) = (None, Side::A);
            }
            Lens::Select(token) => {
                let known = self.recording.as_ref().map_or(0, |r| r.num_tokens());
                let selection = Selection { token: token.filter(|token| *token < known) };
                if selection == self.session.selection {
                    return Vec::new();
                }
                self.session.selection = selection;
                return self.look().map(Effect::Look).into_iter().collect();
            }
            Lens::Filter(filter) => {
                self.table.filter = filter;
                return self.ask_rows().into_iter().collect();
            }
            Lens::Sort(column) => {
                let is_again = self.table.sort == Some(column);
                self.table.is_descending = is_again && !self.table.is_descending;
                self.table.sort = Some(column);
                return self.ask_rows().into_iter().collect();
            }
            Lens::Undo => {
                let Some(earlier) = self.undo.back(&self.session) else { return Vec::new() };
                self.go_to(&earlier);
            }
            Lens::Redo => {
                let Some(later) = self.undo.forth(&self.session) else { return Vec::new() };
                self.go_to(&later);
            }
        }
        self.refresh()
    }

    fn turn(&mut self, knob: &str, value: Value, is_held: bool) -> Vec<Effect> {
        let is_known = self.knob_cards.iter().any(|c| c.id == knob && c.kind.allows(&value));
        if !is_known {
            return Vec::new();
        }
        if self.session.edited().get(knob) != Some(&value) {
            self.undo.turn(&self.session, knob, is_held);
            self.session.edited_mut().set(knob, value);
            // Rows of a million tokens take longer than a frame: while the finger is down only figures follow.
            if is_held {
                self.refresh_knobs();
                return self.look().map(Effect::Look).into_iter().collect();
            }
            return self.refresh();
        }
        if is_held {
            return Vec::new();
        }
        self.undo.let_go();
        self.ask_rows().into_iter().collect()
    }

    /// A place on an axis as a value that the knob allows.
    fn value_on_card(&self, knob: &str, at: f64) -> Option<Value> {
        let card = self.knob_cards.iter().find(|card| card.id == knob)?;
        match card.kind {
            KnobKind::Real { min, max, step, .. } => {
                // Slider positions are what exit cubes answer at once; a hand cannot tell the difference.
                let positions = ((max - min) / step).round().max(1.0);
                let part =
                    ((at.clamp(min, max) - min) / (max - min) * positions).round() / positions;
                at.is_finite().then_some(Value::Real(min + part * (max - min)))
            }
            KnobKind::Integer { min, max, .. } => {
                #[expect(clippy::cast_possible_truncation, reason = "clamped to the knob's range")]
                let whole = at.round().clamp(min as f64, max as f64) as i64;
                at.is_finite().then_some(Value::Integer(whole))
            }
            KnobKind::Choice { .. } | KnobKind::Places { .. } => None,
        }
    }

    /// Only how things are looked at and how rules are executed goes back: neither the open model nor what was typed.
    fn go_to(&mut self, session: &super::Session) {
        session.lens.clone_into(&mut self.session.lens);
        self.session.knobs = session.knobs.clone();
        self.session.versus.clone_from(&session.versus);
        self.session.side = session.side;
        self.session.live.clone_from(&session.live);
        // Those that stood beside another recording are not there any more.
        let is_here = |folder: &&std::path::PathBuf| self.nearby.contains_key(*folder);
        self.session.beside = session.beside.iter().filter(is_here).cloned().collect();
    }
}
