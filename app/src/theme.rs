//! All colours, sizes and fonts of the window. The colours of figures come from the engine's palette, so that a
//! picture in the window and its exported file look alike.
#![expect(clippy::disallowed_methods, reason = "the only place where a colour is made")]

use egui::epaint::Shadow;
use egui::style::{Selection, WidgetVisuals, Widgets};
use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Visuals, vec2};
use layerscope_engine::api::{Ink, Palette, Rgb, Theme};

/// Text size of ticks, legends and cells of a figure.
pub(crate) const FIGURE_TEXT: f32 = 11.5;

/// Surfaces of the window, from the back to the front.
struct Surfaces {
    /// Behind panels.
    panel: Rgb,
    /// Windows, menus and tooltips.
    raised: Rgb,
    /// A button at rest, under the pointer and pressed.
    buttons: [Rgb; 3],
    /// Lines between panels.
    line: Rgb,
    /// Edge of a button under the pointer.
    edge: Rgb,
    /// Every other row of a table.
    stripe: Rgb,
    /// Behind selected text and chosen items.
    chosen: Rgb,
    /// Text on `chosen`; links.
    chosen_text: Rgb,
    warning: Rgb,
    error: Rgb,
    /// How dark a shadow is.
    shadow: u8,
}

const DARK: Surfaces = Surfaces {
    panel: [27, 30, 35],
    raised: [36, 40, 46],
    buttons: [[48, 53, 61], [60, 66, 75], [40, 44, 51]],
    line: [52, 57, 65],
    edge: [92, 99, 110],
    stripe: [32, 36, 41],
    chosen: [22, 76, 116],
    chosen_text: [152, 208, 252],
    warning: [245, 178, 66],
    error: [255, 122, 110],
    shadow: 110,
};

const LIGHT: Surfaces = Surfaces {
    panel: [246, 247, 249],
    raised: [255, 255, 255],
    buttons: [[228, 231, 236], [216, 221, 228], [204, 210, 219]],
    line: [214, 218, 224],
    edge: [150, 158, 170],
    stripe: [238, 240, 243],
    chosen: [196, 224, 246],
    chosen_text: [0, 84, 140],
    warning: [146, 88, 0],
    error: [184, 32, 24],
    shadow: 36,
};

/// Gives `ctx` the fonts, spacing and both colour sets of Layerscope.
pub(crate) fn install(ctx: &egui::Context) {
    ctx.set_visuals_of(egui::Theme::Dark, visuals(Visuals::dark(), &DARK, Theme::Dark));
    ctx.set_visuals_of(egui::Theme::Light, visuals(Visuals::light(), &LIGHT, Theme::Light));
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Small, FontId::new(11.0, FontFamily::Proportional)),
            (TextStyle::Body, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Heading, FontId::new(18.0, FontFamily::Proportional)),
            (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
        ]
        .into();
        style.spacing.item_spacing = vec2(8.0, 6.0);
        style.spacing.button_padding = vec2(8.0, 3.0);
        style.spacing.menu_margin = Margin::same(6);
        style.spacing.window_margin = Margin::same(10);
        style.spacing.interact_size.y = 22.0;
        style.spacing.slider_width = 140.0;
        style.spacing.tooltip_width = 420.0;
        style.spacing.indent = 14.0;
        // Beside what scrolls and not over it.
        style.spacing.scroll.bar_width = 7.0;
        style.spacing.scroll.floating_allocated_width = 8.0;
    });
}

/// The colour of an ink in the theme that `ui` has now.
pub(crate) fn ink(ui: &egui::Ui, ink: Ink) -> Color32 {
    color(palette(ui).ink(ink))
}

/// What figures are drawn with in the theme that `ui` has now.
pub(crate) fn palette(ui: &egui::Ui) -> Palette {
    Palette::of(if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light })
}

/// A colour of a palette or of a colour map, as egui wants it.
pub(crate) const fn color([red, green, blue]: Rgb) -> Color32 {
    Color32::from_rgb(red, green, blue)
}

fn visuals(base: Visuals, surfaces: &Surfaces, theme: Theme) -> Visuals {
    let palette = Palette::of(theme);
    let (text, muted) = (color(palette.text), color(palette.muted));
    let strong = match theme {
        Theme::Dark => Color32::WHITE,
        Theme::Light => Color32::BLACK,
    };
    let [rest, hovered, pressed] = surfaces.buttons.map(color);
    let line = Stroke::new(1.0, color(surfaces.line));
    let edge = Stroke::new(1.0, color(surfaces.edge));
    let accent = Stroke::new(1.0, color(surfaces.chosen_text));
    let widget = |fill: Color32, frame: Stroke, words: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: frame,
        corner_radius: CornerRadius::same(4),
        fg_stroke: Stroke::new(1.0, words),
        expansion: 0.0,
    };
    let shadow = |blur, spread| Shadow {
        offset: [0, 4],
        blur,
        spread,
        color: Color32::from_black_alpha(surfaces.shadow),
    };
    Visuals {
        widgets: Widgets {
            noninteractive: widget(color(surfaces.panel), line, text),
            inactive: widget(rest, Stroke::NONE, text),
            hovered: widget(hovered, edge, text),
            // Also what is told from words around it: heads and numbers.
            active: widget(pressed, accent, strong),
            open: widget(pressed, line, text),
        },
        selection: Selection { bg_fill: color(surfaces.chosen), stroke: accent },
        weak_text_color: Some(muted),
        hyperlink_color: color(surfaces.chosen_text),
        faint_bg_color: color(surfaces.stripe),
        extreme_bg_color: color(palette.ground),
        code_bg_color: color(surfaces.stripe),
        warn_fg_color: color(surfaces.warning),
        error_fg_color: color(surfaces.error),
        window_fill: color(surfaces.raised),
        window_stroke: line,
        window_shadow: shadow(18, 0),
        popup_shadow: shadow(10, 0),
        panel_fill: color(surfaces.panel),
        slider_trailing_fill: true,
        ..base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two colours after WCAG 2.2, "relative luminance" and "contrast ratio".
    fn contrast(one: Rgb, other: Rgb) -> f64 {
        let luminance = |color: Rgb| {
            let linear = color.map(|value| {
                let value = f64::from(value) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_text_is_readable_on_every_surface_of_its_theme() {
        for (theme, surfaces) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
            let palette = Palette::of(theme);
            let grounds = [surfaces.panel, surfaces.raised, surfaces.stripe, palette.ground];
            for ground in grounds {
                for words in [palette.text, palette.muted, surfaces.warning, surfaces.error] {
                    let found = contrast(ground, words);
                    assert!(found >= 4.5, "{theme:?}: {words:?} on {ground:?} is {found:.2}");
                }
            }
            assert!(contrast(surfaces.chosen, palette.text) >= 4.5);
            assert!(contrast(surfaces.chosen, surfaces.chosen_text) >= 4.5);
        }
    }
}
