//! Going back: a stack of sessions. A drag is one step.

use super::session::Session;

/// More steps than anybody goes back; a session is small.
const MOST_STEPS: usize = 200;

/// Sessions before and after the present one.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    before: Vec<Session>,
    after: Vec<Session>,
    /// The knob that is being dragged: further turns of it belong to the same step.
    held: Option<String>,
}

impl Undo {
    /// Remembers `session`, which is about to change.
    pub(crate) fn push(&mut self, session: &Session) {
        self.held = None;
        self.store(session);
    }

    /// Remembers `session` before a turn of `knob`; turns while it is held are one step.
    pub(crate) fn turn(&mut self, session: &Session, knob: &str, is_held: bool) {
        if self.held.as_deref() != Some(knob) {
            self.store(session);
        }
        self.held = is_held.then(|| knob.to_owned());
    }

    /// Nothing is dragged any more.
    pub(crate) fn let_go(&mut self) {
        self.held = None;
    }

    /// The session before `now`.
    pub(crate) fn back(&mut self, now: &Session) -> Option<Session> {
        self.held = None;
        let earlier = self.before.pop()?;
        self.after.push(now.clone());
        Some(earlier)
    }

    /// The session that was undone last.
    pub(crate) fn forth(&mut self, now: &Session) -> Option<Session> {
        self.held = None;
        let later = self.after.pop()?;
        self.before.push(now.clone());
        Some(later)
    }

    /// Whether there is something to undo.
    pub(crate) fn can_go_back(&self) -> bool {
        !self.before.is_empty()
    }

    /// Whether there is something to do again.
    pub(crate) fn can_go_forth(&self) -> bool {
        !self.after.is_empty()
    }

    fn store(&mut self, session: &Session) {
        self.after.clear();
        self.before.push(session.clone());
        if self.before.len() > MOST_STEPS {
            self.before.remove(0);
        }
    }
}
