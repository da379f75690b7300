//! The docked panes: where they stand, and where they stand before anybody moved one.

use egui_tiles::{
    Behavior, Container, EditAction, Linear, LinearDir, SimplificationOptions, TileId,
};
use egui_tiles::{Tile, Tiles, Tree, UiResponse};

use crate::panels::{Memories, Pane};
use crate::state::{Action, Layout, State};

/// The tree of panes.
pub(crate) struct Panes {
    tree: Tree<Pane>,
    /// What stands there while nothing can be looked at.
    blank: Tree<Pane>,
    is_moved: bool,
}

/// Draws panes and collects what a person does in them.
struct Host<'a> {
    state: &'a State,
    memories: &'a mut Memories,
    actions: Vec<Action>,
    is_edited: bool,
}

impl Panes {
    /// Every pane in its place.
    pub(crate) fn new() -> Self {
        Self { tree: arranged(&[]), blank: arranged(&[]), is_moved: false }
    }

    /// Puts the panes where the session says, or to their places.
    pub(crate) fn arrange(&mut self, state: &State) {
        let stored = state.session.layout.clone();
        let tree = stored.and_then(|layout| serde_json::from_value::<Tree<Pane>>(layout).ok());
        let tree = tree.filter(|tree| !tree.is_empty());
        self.is_moved = tree.is_some();
        self.tree = tree.unwrap_or_else(|| arranged(&figures(state)));
    }

    /// Draws all panes.
    pub(crate) fn show(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        memories: &mut Memories,
    ) -> Vec<Action> {
        let mut host = Host { state, memories, actions: Vec::new(), is_edited: false };
        if state.view.is_none() {
            self.blank.ui(&mut host, ui);
            return host.actions;
        }
        self.make_room_for(&figures(state));
        self.tree.ui(&mut host, ui);
        if host.is_edited {
            self.is_moved = true;
            if let Ok(layout) = serde_json::to_value(&self.tree) {
                host.actions.push(Action::Layout(Layout::Moved(layout)));
            }
        }
        host.actions
    }

    /// A lens may bring figures that nobody has placed yet: they join the others.
    fn make_room_for(&mut self, figures: &[String]) {
        let is_placed =
            |id: &String| self.tree.tiles.find_pane(&Pane::Figure(id.clone())).is_some();
        let missing = figures.iter().filter(|id| !is_placed(id)).cloned().map(Pane::Figure);
        // Layouts of older sessions do not have it.
        let live = self.tree.tiles.find_pane(&Pane::Live).is_none().then_some(Pane::Live);
        let missing: Vec<_> = missing.chain(live).collect();
        if missing.is_empty() {
            return;
        }
        if !self.is_moved {
            self.tree = arranged(figures);
            return;
        }
        let Some(root) = self.tree.root() else { return };
        for pane in missing {
            let pane = self.tree.tiles.insert_pane(pane);
            self.tree.move_tile_to_container(pane, root, usize::MAX, false);
        }
    }
}

fn figures(state: &State) -> Vec<String> {
    let view = state.view.as_ref();
    view.map(|view| view.figures.iter().map(|f| f.id.to_owned()).collect()).unwrap_or_default()
}

/// Left: what is run and how it is looked at. Right: the first figure and the readings over everything, then rows of three.
fn arranged(figures: &[String]) -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let input = tabs(&mut tiles, vec![Pane::Input, Pane::Model]);
    let knobs = tabs(&mut tiles, vec![Pane::Knobs]);
    let readings = tabs(&mut tiles, vec![Pane::Readings, Pane::Notes]);
    // On a small screen, too, most knobs and most readings are in sight at once.
    let left = linear(&mut tiles, LinearDir::Vertical, &[(input, 0.26), (knobs, 0.74)]);
    let right = if let Some((first, others)) = figures.split_first() {
        let pane = |id: &String| Pane::Figure(id.clone());
        let first = tabs(&mut tiles, vec![pane(first), Pane::Live]);
        let first = linear(&mut tiles, LinearDir::Horizontal, &[(first, 0.71), (readings, 0.29)]);
        let (middle, rest) = others.split_at(others.len().min(3));
        let mut rows = vec![(first, 0.40)];
        if !middle.is_empty() {
            let row: Vec<_> =
                middle.iter().map(|id| (tabs(&mut tiles, vec![pane(id)]), 1.0)).collect();
            rows.push((linear(&mut tiles, LinearDir::Horizontal, &row), 0.32));
        }
        let table = tabs(&mut tiles, vec![Pane::Table]);
        let mut row = vec![(table, 1.1)];
        // Two stacks at most: a plot needs some width.
        let (left, right) = rest.split_at(rest.len().div_ceil(2));
        for stack in [left, right] {
            if !stack.is_empty() {
                row.push((tabs(&mut tiles, stack.iter().map(pane).collect()), 1.0));
            }
        }
        rows.push((linear(&mut tiles, LinearDir::Horizontal, &row), 0.28));
        linear(&mut tiles, LinearDir::Vertical, &rows)
    } else {
        let start = tiles.insert_pane(Pane::Start);
        linear(&mut tiles, LinearDir::Horizontal, &[(start, 0.71), (readings, 0.29)])
    };
    let root = linear(&mut tiles, LinearDir::Horizontal, &[(left, 0.25), (right, 0.75)]);
    Tree::new(egui::Id::unique("panes"), root, tiles)
}

fn tabs(tiles: &mut Tiles<Pane>, panes: Vec<Pane>) -> TileId {
    let children = panes.into_iter().map(|pane| tiles.insert_pane(pane)).collect();
    tiles.insert_tab_tile(children)
}

fn linear(tiles: &mut Tiles<Pane>, dir: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, children.iter().map(|(id, _)| *id).collect());
    for (id, share) in children {
        linear.shares.set_share(*id, *share);
    }
    tiles.insert_new(Tile::Container(Container::Linear(linear)))
}

impl Behavior<Pane> for Host<'_> {
    fn pane_ui(&mut self, ui: &mut egui::Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        egui::Frame::new().inner_margin(6).show(ui, |ui| {
            ui.expand_to_include_rect(ui.max_rect());
            self.actions.extend(pane.show(ui, self.state, self.memories));
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> egui::WidgetText {
        pane.title(self.state).into()
    }

    fn on_tab_button(
        &mut self,
        tiles: &mut Tiles<Pane>,
        tile: TileId,
        button: egui::Response,
    ) -> egui::Response {
        // A narrow pane cuts the title of its figure.
        let title = tiles.get_pane(&tile).map(|pane| pane.title(self.state));
        if let Some(title) = title { button.on_hover_text(title) } else { button }
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<Pane>,
        ui: &mut egui::Ui,
        _tile: TileId,
        tabs: &egui_tiles::Tabs,
        _scroll_offset: &mut f32,
    ) {
        let pane = tabs.active.and_then(|active| tiles.get_pane(&active));
        self.actions.extend(pane.and_then(|pane| pane.show_beside_tab(ui, self.state)));
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    fn min_size(&self) -> f32 {
        90.0
    }

    fn on_edit(&mut self, action: EditAction) {
        self.is_edited |= match action {
            EditAction::TileDropped | EditAction::TabSelected | EditAction::TileResized => true,
            EditAction::TileDragged => false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pane_has_a_place_whatever_the_number_of_figures() {
        for count in 0..9 {
            let figures: Vec<_> = (0..count).map(|n| format!("figure-{n}")).collect();
            let tree = arranged(&figures);
            for id in &figures {
                assert!(tree.tiles.find_pane(&Pane::Figure(id.clone())).is_some(), "{id}");
            }
            for pane in [Pane::Input, Pane::Model, Pane::Knobs, Pane::Readings, Pane::Notes] {
                assert!(tree.tiles.find_pane(&pane).is_some(), "{pane:?}");
            }
        }
    }

    #[test]
    fn a_moved_layout_takes_in_new_figures_and_keeps_the_others() {
        let mut panes = Panes::new();
        panes.tree = arranged(&["grid".to_owned()]);
        panes.is_moved = true;
        panes.make_room_for(&["grid".to_owned(), "new".to_owned()]);
        for id in ["grid", "new"] {
            assert!(panes.tree.tiles.find_pane(&Pane::Figure(id.to_owned())).is_some(), "{id}");
        }
    }
}
