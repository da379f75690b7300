//! How the window looks.

use super::{Effect, Layout, State};

impl State {
    pub(super) fn apply_layout(&mut self, action: Layout) -> Vec<Effect> {
        match action {
            Layout::Theme(theme) => self.session.theme = theme,
            Layout::Moved(layout) => self.session.layout = Some(layout),
            Layout::Reset => {
                self.session.layout = None;
                return vec![Effect::Arrange];
            }
            Layout::Dismiss(problem) => {
                if problem < self.problems.len() {
                    self.problems.remove(problem);
                }
            }
        }
        Vec::new()
    }
}
