//! The colours of figures: one table for the window and for files, so that both show the same series alike.

use crate::figure::{ColorMap, Heat, Ink, Round, Theme};

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// So many series have a hue of their own.
pub(crate) const HUES: usize = 7;

/// What every part of a figure is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub ground: Rgb,
    /// Titles and captions.
    pub text: Rgb,
    /// Reference lines, ticks and their numbers.
    pub muted: Rgb,
    /// Lines of the grid.
    pub grid: Rgb,
    /// What a person can move or has chosen.
    pub accent: Rgb,
    /// A cell of a heat map without a value; no colour map has this grey.
    pub missing: Rgb,
    series: [Rgb; HUES],
}

/// Series after Okabe and Ito, "Color Universal Design" (2008), without vermilion, which is the accent; yellow is
/// darkened for white ground.
const LIGHT: Palette = Palette {
    ground: [255, 255, 255],
    text: [26, 28, 32],
    muted: [98, 104, 112],
    grid: [228, 230, 234],
    accent: [213, 94, 0],
    missing: [186, 188, 192],
    series: [
        [0, 114, 178],
        [230, 159, 0],
        [0, 158, 115],
        [204, 121, 167],
        [86, 180, 233],
        [148, 132, 0],
        [60, 60, 60],
    ],
};

/// The same hues, bright enough for dark ground.
const DARK: Palette = Palette {
    ground: [18, 20, 24],
    text: [226, 228, 232],
    muted: [146, 152, 162],
    grid: [44, 48, 55],
    accent: [255, 128, 48],
    missing: [92, 95, 101],
    series: [
        [78, 164, 226],
        [236, 172, 40],
        [38, 190, 146],
        [222, 146, 188],
        [140, 208, 250],
        [240, 228, 66],
        [200, 200, 200],
    ],
};

impl Palette {
    /// The colours of a theme.
    pub fn of(theme: Theme) -> Self {
        match theme {
            Theme::Light => LIGHT,
            Theme::Dark => DARK,
        }
    }

    /// The colour of an area in an ink: half-way to the ground under another setting of the knobs.
    pub fn fill(&self, ink: Ink) -> Rgb {
        let [full, ground] = [self.ink(ink), self.ground];
        match ink {
            Ink::Other(_) => std::array::from_fn(|i| full[i].midpoint(ground[i])),
            Ink::Series(_) | Ink::Accent | Ink::Muted | Ink::Faint => full,
        }
    }

    /// The colour of an ink.
    pub fn ink(&self, ink: Ink) -> Rgb {
        match ink {
            Ink::Series(series) | Ink::Other(series) => {
                let place = series % self.series.len();
                self.series.get(place).copied().unwrap_or(self.text)
            }
            Ink::Accent => self.accent,
            Ink::Muted => self.muted,
            Ink::Faint => std::array::from_fn(|i| self.muted[i].midpoint(self.grid[i])),
        }
    }
}

impl Ink {
    /// How its lines and markers are told from those of the same hue.
    pub fn round(self) -> Round {
        match self {
            Self::Series(series) | Self::Other(series) => match series / HUES {
                0 => Round::First,
                1 => Round::Second,
                _ => Round::Third,
            },
            Self::Accent | Self::Muted | Self::Faint => Round::First,
        }
    }
}

/// Steps of a colour map: as many as a screen can show apart.
const STEPS: usize = 256;

impl ColorMap {
    /// The colour at `part` of the way from the lower to the upper end; outside it is the colour of that end.
    pub fn color(self, part: f32) -> Rgb {
        // Rounded to a step, so that a file, which joins equal cells, and a texture agree.
        let step = (f64::from(part).clamp(0.0, 1.0) * (STEPS - 1) as f64).round();
        let part = step / (STEPS - 1) as f64;
        match self {
            Self::Sequential => colorous::VIRIDIS.eval_continuous(part).into_array(),
            // Blue below, red above: as temperatures are drawn.
            Self::Diverging => colorous::RED_BLUE.eval_continuous(1.0 - part).into_array(),
        }
    }
}

impl Heat {
    /// The colour of a value; `None` for NaN.
    pub fn color(&self, value: f32) -> Option<Rgb> {
        if value.is_nan() {
            return None;
        }
        let (low, high) = self.range;
        let part = if high > low { (value - low) / (high - low) } else { 0.5 };
        // Two infinities next to one another have no distance.
        Some(self.colors.color(if part.is_nan() { 0.5 } else { part }))
    }
}

/// Whether dark text reads better than white on this colour.
pub fn wants_dark_text(color: Rgb) -> bool {
    // Relative luminance with the weights of ITU-R BT.601.
    let [r, g, b] = color.map(u32::from);
    299 * r + 587 * g + 114 * b > 140_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grey_of_a_missing_value_is_in_no_colour_map() {
        for theme in [Theme::Light, Theme::Dark] {
            let missing = Palette::of(theme).missing;
            for map in [ColorMap::Sequential, ColorMap::Diverging] {
                for step in 0..STEPS {
                    let color = map.color(step as f32 / (STEPS - 1) as f32);
                    let apart: u8 =
                        color.iter().zip(missing).map(|(a, b)| a.abs_diff(b)).max().unwrap();
                    assert!(apart > 12, "{map:?} {step} {color:?} {missing:?}");
                }
            }
        }
    }

    #[test]
    fn areas_of_another_setting_are_told_apart_from_those_of_the_first() {
        for palette in [LIGHT, DARK] {
            for series in 0..HUES {
                let [first, other] =
                    [Ink::Series(series), Ink::Other(series)].map(|i| palette.fill(i));
                let apart: u32 =
                    first.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
                assert!(apart > 60, "{series}: {first:?} {other:?}");
                assert_eq!(palette.ink(Ink::Other(series)), first);
            }
        }
    }

    #[test]
    fn three_rounds_of_hues_are_told_apart_and_faint_is_none_of_them() {
        let looks = |palette: &Palette, series: usize| {
            let ink = Ink::Series(series);
            (palette.ink(ink), format!("{:?}", ink.round()))
        };
        for palette in [LIGHT, DARK] {
            let all: std::collections::BTreeSet<_> =
                (0..3 * HUES).map(|series| looks(&palette, series)).collect();
            assert_eq!(all.len(), 3 * HUES);
            let apart = |a: Rgb, b: Rgb| -> u32 {
                a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b))).sum()
            };
            let faint = palette.ink(Ink::Faint);
            for series in 0..HUES {
                assert!(apart(palette.ink(Ink::Series(series)), faint) > 60, "{series}");
            }
            assert!(apart(faint, palette.ground) > 120 && apart(faint, palette.muted) > 60);
        }
    }

    #[test]
    fn values_outside_the_range_have_the_colour_of_its_ends() {
        let map = ColorMap::Sequential;
        assert_eq!(map.color(-3.0), map.color(0.0));
        assert_eq!(map.color(f32::INFINITY), map.color(1.0));
    }
}
