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
    shares: Shares,
}

/// What knobs and readings take of the width: the rest is for figures.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    /// Of the whole window.
    knobs: f32,
    /// Of the row of the first figure.
    readings: f32,
}

impl Shares {
    /// More points than these have no use for knobs and for readings.
    const MOST: [f32; 2] = [480.0, 460.0];

    fn of(width: f32) -> Self {
        let knobs = (Self::MOST[0] / width.max(1.0)).min(0.25);
        let row = (width * (1.0 - knobs)).max(1.0);
        Self { knobs, readings: (Self::MOST[1] / row).min(0.29) }
    }
}

/// Draws panes and collects what a person does in them.
struct Host<'a> {
    state: &'a State,
    memories: &'a mut Memories,
    actions: Vec<Action>,
    is_moved: bool,
    is_selected: bool,
}

impl Panes {
    /// Every pane in its place.
    pub(crate) fn new() -> Self {
        let shares = Shares::of(0.0);
        let empty = || arranged(&[], shares);
        Self { tree: empty(), blank: empty(), is_moved: false, shares }
    }

    /// Puts the panes where the session says, or to their places.
    pub(crate) fn arrange(&mut self, state: &State) {
        let stored = state.session.layout.clone();
        let tree = stored.and_then(|layout| serde_json::from_value::<Tree<Pane>>(layout).ok());
        let tree = tree.filter(|tree| !tree.is_empty());
        self.is_moved = tree.is_some();
        self.tree = tree.unwrap_or_else(|| arranged(&figures(state), self.shares));
    }

    /// Draws all panes.
    pub(crate) fn show(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        memories: &mut Memories,
    ) -> Vec<Action> {
        self.fit(Shares::of(ui.available_width()), state);
        let mut host =
            Host { state, memories, actions: Vec::new(), is_moved: false, is_selected: false };
        if state.view.is_none() {
            self.blank.ui(&mut host, ui);
            return host.actions;
        }
        let is_rearranged = self.make_room_for(&figures(state));
        self.tree.ui(&mut host, ui);
        self.is_moved |= host.is_moved;
        // A chosen tab is kept, too, but with it alone the panes still are where they usually are.
        let has_layout = state.session.layout.is_some();
        let is_kept = host.is_moved || host.is_selected || (is_rearranged && has_layout);
        if is_kept && let Ok(layout) = serde_json::to_value(&self.tree) {
            host.actions.push(Action::Layout(Layout::Moved(layout)));
        }
        host.actions
    }

    /// Panes that nobody moved follow the width of the window.
    fn fit(&mut self, shares: Shares, state: &State) {
        if self.shares == shares {
            return;
        }
        self.shares = shares;
        self.blank = arranged(&[], shares);
        if !self.is_moved {
            self.rearrange(&figures(state));
        }
    }

    /// Another lens has other figures. Where nobody moved a pane all of them get their usual places; else the new ones
    /// take the places of those that are gone. Whether anything was placed anew.
    fn make_room_for(&mut self, figures: &[String]) -> bool {
        let is_placed =
            |id: &String| self.tree.tiles.find_pane(&Pane::Figure(id.clone())).is_some();
        let missing: Vec<String> = figures.iter().filter(|id| !is_placed(id)).cloned().collect();
        // Layouts of older sessions do not have it.
        let has_live = self.tree.tiles.find_pane(&Pane::Live).is_some();
        if missing.is_empty() && has_live {
            return false;
        }
        if !self.is_moved {
            self.rearrange(figures);
            return true;
        }
        if !missing.is_empty() {
            self.replace(figures, missing);
        }
        if let Some(root) = self.tree.root().filter(|_| !has_live) {
            let live = self.tree.tiles.insert_pane(Pane::Live);
            self.tree.move_tile_to_container(live, root, usize::MAX, false);
        }
        true
    }

    /// Puts every pane in its usual place; what was in front of a stack stays there.
    fn rearrange(&mut self, figures: &[String]) {
        let tiles = &self.tree.tiles;
        let shown = self.tree.active_tiles();
        let shown: Vec<Pane> = shown.iter().filter_map(|id| tiles.get_pane(id).cloned()).collect();
        self.tree = arranged(figures, self.shares);
        self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if shown.contains(pane)));
    }

    /// Lets `missing` figures take the places of those that are none of `figures`, in their order.
    fn replace(&mut self, figures: &[String], missing: Vec<String>) {
        let mut places: Vec<(TileId, bool)> = Vec::new();
        for (id, tile) in self.tree.tiles.iter() {
            if let Tile::Pane(Pane::Figure(figure)) = tile {
                places.push((*id, figures.contains(figure)));
            }
        }
        places.sort_unstable_by_key(|(id, _)| id.0);
        let last = places.last().and_then(|(id, _)| self.tree.tiles.parent_of(*id));
        let mut free = places.into_iter().filter(|(_, is_shown)| !is_shown).map(|(id, _)| id);
        for figure in missing {
            let pane = Pane::Figure(figure);
            if let Some(place) = free.next() {
                self.tree.tiles.insert(place, Tile::Pane(pane));
            } else if let Some(container) = last.or_else(|| self.tree.root()) {
                let place = self.tree.tiles.insert_pane(pane);
                self.tree.move_tile_to_container(place, container, usize::MAX, false);
            }
        }
        for place in free {
            self.tree.remove_recursively(place);
        }
    }
}

fn figures(state: &State) -> Vec<String> {
    let view = state.view.as_ref();
    view.map(|view| view.figures.iter().map(|f| f.id.to_owned()).collect()).unwrap_or_default()
}

/// Left: what is run and how it is looked at. Right: the first figure and the readings over everything, then rows of three.
fn arranged(figures: &[String], shares: Shares) -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let input = tabs(&mut tiles, vec![Pane::Input, Pane::Model]);
    let knobs = tabs(&mut tiles, vec![Pane::Knobs]);
    let readings = tabs(&mut tiles, vec![Pane::Readings, Pane::Notes]);
    // On a small screen, too, most knobs and most readings are in sight at once.
    let left = linear(&mut tiles, LinearDir::Vertical, &[(input, 0.25), (knobs, 0.75)]);
    let right = if let Some((first, others)) = figures.split_first() {
        let pane = |id: &String| Pane::Figure(id.clone());
        let first = tabs(&mut tiles, vec![pane(first), Pane::Live]);
        let first = beside(&mut tiles, first, readings, shares.readings);
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
        beside(&mut tiles, start, readings, shares.readings)
    };
    let root = beside(&mut tiles, left, right, 1.0 - shares.knobs);
    Tree::new(egui::Id::unique("panes"), root, tiles)
}

fn tabs(tiles: &mut Tiles<Pane>, panes: Vec<Pane>) -> TileId {
    let children = panes.into_iter().map(|pane| tiles.insert_pane(pane)).collect();
    tiles.insert_tab_tile(children)
}

/// Two tiles, of which the right one takes a share of the width.
fn beside(tiles: &mut Tiles<Pane>, left: TileId, right: TileId, share: f32) -> TileId {
    linear(tiles, LinearDir::Horizontal, &[(left, 1.0 - share), (right, share)])
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
        match action {
            EditAction::TileDropped | EditAction::TileResized => self.is_moved = true,
            EditAction::TabSelected => self.is_selected = true,
            EditAction::TileDragged => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pane_has_a_place_whatever_the_number_of_figures() {
        for count in 0..9 {
            let figures: Vec<_> = (0..count).map(|n| format!("figure-{n}")).collect();
            let tree = arranged(&figures, Shares::of(1280.0));
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
        panes.tree = arranged(&["grid".to_owned()], panes.shares);
        panes.is_moved = true;
        panes.make_room_for(&["grid".to_owned(), "new".to_owned()]);
        for id in ["grid", "new"] {
            assert!(panes.tree.tiles.find_pane(&Pane::Figure(id.to_owned())).is_some(), "{id}");
        }
    }

    #[test]
    fn a_wide_window_gives_its_room_to_figures() {
        let usual = Shares { knobs: 0.25, readings: 0.29 };
        assert_eq!([1280.0, 1920.0].map(Shares::of), [usual; 2]);
        let wide = Shares::of(3840.0);
        assert_eq!(wide.knobs * 3840.0, 480.0);
        assert!((wide.readings * (3840.0 - 480.0) - 460.0).abs() < 0.1);
    }

    fn named(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn is_placed(panes: &Panes, figure: &str) -> bool {
        panes.tree.tiles.find_pane(&Pane::Figure(figure.to_owned())).is_some()
    }

    #[test]
    fn figures_of_another_lens_take_the_places_of_those_that_are_gone() {
        let mut panes = Panes::new();
        panes.tree = arranged(&named(&["grid", "exits", "slices"]), panes.shares);
        panes.is_moved = true;
        let place = panes.tree.tiles.find_pane(&Pane::Figure("grid".to_owned()));
        let count = panes.tree.tiles.len();
        panes.make_room_for(&named(&["scores", "risk", "exits"]));
        assert_eq!(panes.tree.tiles.find_pane(&Pane::Figure("scores".to_owned())), place);
        assert_eq!(panes.tree.tiles.len(), count);
        panes.make_room_for(&named(&["only"]));
        assert!(is_placed(&panes, "only"));
        assert!(["scores", "risk", "exits", "grid"].iter().all(|gone| !is_placed(&panes, gone)));
        panes.make_room_for(&named(&["a", "b", "c", "d"]));
        assert!(["a", "b", "c", "d"].iter().all(|figure| is_placed(&panes, figure)));
    }

    #[test]
    fn what_is_in_front_stays_in_front_when_a_lens_brings_other_figures() {
        let mut panes = Panes::new();
        panes.make_room_for(&named(&["grid", "exits"]));
        panes.tree.make_active(|_, tile| matches!(tile, Tile::Pane(Pane::Notes | Pane::Live)));
        panes.make_room_for(&named(&["scores", "risk"]));
        let shown = panes.tree.active_tiles();
        let shown: Vec<_> = shown.iter().filter_map(|id| panes.tree.tiles.get_pane(id)).collect();
        for pane in [Pane::Notes, Pane::Live, Pane::Figure("risk".to_owned())] {
            assert!(shown.contains(&&pane), "{pane:?}");
        }
        for pane in [Pane::Readings, Pane::Figure("scores".to_owned())] {
            assert!(!shown.contains(&&pane), "{pane:?}");
        }
    }
}
