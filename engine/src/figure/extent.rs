//! What a figure shows: where its axes begin and end, and the numbers beside them.

use crate::figure::{Axis, Direction, Figure, Mark, Scale};

/// Room between the outermost point and the frame, as a part of what is shown.
const MARGIN: f64 = 0.04;

/// Room for a text that stands above its place, as a part of what is shown: a line of it in a small plot.
const TEXT_ROOM: f64 = 0.12;

/// Coordinates beyond this are drawn as if they lay on it, so that no difference of two overflows.
const FARTHEST: f64 = 1e300;

/// The least that an axis shows, as a part of its outermost coordinate: narrower, and ticks are no numbers of their own.
const NARROWEST: f64 = 1e-12;

/// A place on an axis and what is written there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// Where one axis begins and ends, before and after margins.
#[derive(Default)]
struct Extent {
    /// Edges that stand on the frame: ranges, cells, the foot of bars.
    firm: Option<(f64, f64)>,
    /// Points that want some air around them.
    loose: Option<(f64, f64)>,
    /// Places with a text above them.
    captioned: Option<(f64, f64)>,
}

impl Extent {
    fn firm(&mut self, at: f64) {
        widen(&mut self.firm, at);
    }

    fn loose(&mut self, at: f64) {
        widen(&mut self.loose, at);
    }

    fn captioned(&mut self, at: f64) {
        self.loose(at);
        widen(&mut self.captioned, at);
    }

    fn span(&self) -> (f64, f64) {
        let (from, mut to) = match (self.firm, self.loose) {
            (Some(firm), Some(loose)) => {
                let air = (firm.1.max(loose.1) - firm.0.min(loose.0)) * MARGIN;
                (
                    if loose.0 < firm.0 { loose.0 - air } else { firm.0 },
                    if loose.1 > firm.1 { loose.1 + air } else { firm.1 },
                )
            }
            (Some(firm), None) => firm,
            (None, Some(loose)) => {
                let air = (loose.1 - loose.0) * MARGIN;
                (loose.0 - air, loose.1 + air)
            }
            (None, None) => (0.0, 1.0),
        };
        if let Some((_, highest)) = self.captioned {
            to = to.max(highest + (to - from) * TEXT_ROOM);
        }
        // Places that differ by rounding alone are one place.
        if to - from > NARROWEST * from.abs().max(to.abs()) {
            return (from, to);
        }
        // A share that never changes is not drawn among shares that cannot be.
        let air = match from.abs() {
            size if size > 0.0 && size < 1.0 => size * 0.1,
            size => (size * 0.1).max(0.5),
        };
        (from - air, to + air)
    }
}

fn widen(range: &mut Option<(f64, f64)>, at: f64) {
    if at.is_nan() || at.is_infinite() {
        return;
    }
    let at = at.clamp(-FARTHEST, FARTHEST);
    *range = Some(range.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
}

impl Figure {
    /// What must be seen of x and of y: the axes' own ranges and every mark. Same for the window and for files.
    pub fn spans(&self) -> [(f64, f64); 2] {
        let (mut x, mut y) = (Extent::default(), Extent::default());
        for (axis, extent) in [(&self.x, &mut x), (&self.y, &mut y)] {
            if let Some((from, to)) = axis.range {
                extent.firm(from);
                extent.firm(to);
            }
            if let Scale::Category(names) = &axis.scale
                && !names.is_empty()
            {
                extent.firm(-0.5);
                extent.firm(names.len() as f64 - 0.5);
            }
        }
        for mark in &self.marks {
            cover(mark, &mut x, &mut y);
        }
        let (mut from, mut to) = x.span();
        if self.x.scale == Scale::Integer
            && let (None, Some((first, last))) = (x.firm, x.loose)
        {
            // Half a place is room enough: more would show a place that does not exist.
            (from, to) = (from.max(first - 0.5), to.min(last + 0.5));
        }
        [(from, to), y.span()]
    }

    /// Whether there is anything to see: a rule alone is no data.
    pub fn has_data(&self) -> bool {
        let is_finite = |point: &[f64; 2]| point.iter().all(|value| value.is_finite());
        self.marks.iter().any(|mark| match mark {
            Mark::Line { points, .. } | Mark::Points { points, .. } => points.iter().any(is_finite),
            Mark::Bars { bars, .. } => bars.iter().any(is_finite),
            Mark::Band { points, .. } => {
                points.iter().any(|point| point.iter().all(|value| value.is_finite()))
            }
            Mark::Heat(heat) => heat.columns > 0 && heat.rows > 0,
            Mark::Text { at, .. } => is_finite(at),
            Mark::Rule { .. } | Mark::Handles { .. } => false,
        })
    }
}

fn cover(mark: &Mark, x: &mut Extent, y: &mut Extent) {
    match mark {
        Mark::Line { points, .. } | Mark::Points { points, .. } | Mark::Handles { points, .. } => {
            for [px, py] in points.iter().filter(|point| point.iter().all(|v| v.is_finite())) {
                x.loose(*px);
                y.loose(*py);
            }
        }
        Mark::Bars { bars, width, .. } => {
            for [px, height] in bars.iter().filter(|bar| bar.iter().all(|v| v.is_finite())) {
                x.loose(px - width / 2.0);
                x.loose(px + width / 2.0);
                y.firm(0.0);
                y.loose(*height);
            }
        }
        Mark::Heat(heat) if heat.columns > 0 && heat.rows > 0 => {
            x.firm(heat.origin[0] - 0.5);
            x.firm(heat.origin[0] + heat.columns as f64 - 0.5);
            y.firm(heat.origin[1] - 0.5);
            y.firm(heat.origin[1] + heat.rows as f64 - 0.5);
        }
        Mark::Heat(_) => {}
        Mark::Band { points, .. } => {
            for [px, low, high] in points.iter().filter(|point| point.iter().all(|v| v.is_finite()))
            {
                x.loose(*px);
                y.loose(*low);
                y.loose(*high);
            }
        }
        Mark::Rule { direction, at, .. } => match direction {
            Direction::Vertical => x.loose(*at),
            Direction::Horizontal => y.loose(*at),
        },
        Mark::Text { at, .. } => {
            x.loose(at[0]);
            y.captioned(at[1]);
        }
    }
}

/// Ticks of an axis between `from` and `to`, about `most` of them at the most; all names of a category axis.
pub(super) fn ticks(axis: &Axis, (from, to): (f64, f64), most: usize) -> Vec<Tick> {
    if let Scale::Category(names) = &axis.scale {
        let named = names.iter().enumerate();
        return named.map(|(i, name)| Tick { at: i as f64, label: name.clone() }).collect();
    }
    let mut step = round_step((to - from) / most.max(1) as f64);
    if axis.scale == Scale::Integer {
        step = step.max(1.0);
    }
    let (first, last) = ((from / step).ceil(), (to / step).floor());
    // Beyond 2^53 one more is the same number.
    let is_countable = |place: f64| place.abs() < 9e15;
    if !is_countable(first) || !is_countable(last) || last - first > 1000.0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut place = first;
    while place <= last {
        // Adding a zero turns -0 into 0.
        let at = place * step + 0.0;
        found.push(Tick { at, label: number(at, step) });
        place += 1.0;
    }
    found
}

/// The smallest of 1, 2, 5 times a power of ten that is not smaller than `least`: between ticks in files and window.
pub fn round_step(least: f64) -> f64 {
    if least <= 0.0 || !least.is_finite() {
        return 1.0;
    }
    let decade = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|m| m * decade)
        .find(|s| *s >= least * 0.999_999)
        .unwrap_or(decade)
}

/// A number with as many digits as ticks `step` apart need, with a true minus sign.
pub(super) fn number(value: f64, step: f64) -> String {
    let digits = (-step.abs().log10().floor()).clamp(0.0, 20.0);
    let largest = value.abs();
    let text = if (largest != 0.0 && largest < 1e-5) || largest >= 1e7 || digits > 6.0 {
        format!("{value:.1e}").replace(".0e", "e")
    } else {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=6")]
        let digits = digits as usize;
        format!("{value:.digits$}")
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, span: (f64, f64), most: usize) -> Vec<String> {
        ticks(axis, span, most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn whole_number_axes_have_no_ticks_between_numbers() {
        assert_eq!(labels(&Axis::integer("Depth"), (-0.5, 2.5), 12), ["0", "1", "2"]);
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        let axis = Axis::linear("Entropy", "nats");
        assert_eq!(labels(&axis, (-0.3, 1.07), 6), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(&axis, (-20.0, 21.0), 5), ["−20", "−10", "0", "10", "20"]);
        assert_eq!(labels(&axis, (0.0, 4e8), 4), ["0", "1e8", "2e8", "3e8", "4e8"]);
    }

    #[test]
    fn places_that_differ_by_rounding_alone_are_one_place_with_air_around_it() {
        let next = 1.0 + f64::EPSILON;
        let mut extent = Extent::default();
        extent.loose(1.0);
        extent.loose(next);
        let span = extent.span();
        assert!(span.0 <= 0.5 && span.1 >= 1.5, "{span:?}");
        // Whoever asks for such an axis gets no ticks, and an answer.
        assert!(ticks(&Axis::linear("Cost", ""), (1.0, next), 8).is_empty());
        assert!(ticks(&Axis::linear("Cost", ""), (1e300, 1.1e300), 8).len() < 10);
    }

    #[test]
    fn an_axis_of_depths_shows_none_that_does_not_exist() {
        let line = |last: f64| Figure {
            id: "f",
            title: String::new(),
            x: Axis::integer("Depth"),
            y: Axis::linear("Accuracy", "fraction"),
            marks: vec![Mark::Line {
                label: String::new(),
                points: vec![[0.0, 0.8], [last, 0.8]],
                ink: crate::figure::Ink::Accent,
            }],
            picks: Vec::new(),
        };
        let [x, y] = line(30.0).spans();
        assert_eq!(x, (-0.5, 30.5));
        assert!(y.0 > 0.7 && y.1 < 1.0, "a share that never changes is drawn among shares: {y:?}");
        assert_eq!(line(10.0).spans()[0], (-0.4, 10.4));
    }

    #[test]
    fn bars_stand_on_the_frame_and_points_have_air() {
        let mut figure = Figure {
            id: "f",
            title: String::new(),
            x: Axis::integer("Depth"),
            y: Axis::linear("Tokens", ""),
            marks: vec![Mark::Bars {
                label: String::new(),
                bars: vec![[0.0, 10.0], [1.0, f64::NAN]],
                width: 1.0,
                ink: crate::figure::Ink::Accent,
            }],
            picks: Vec::new(),
        };
        let [_, y] = figure.spans();
        assert_eq!(y.0, 0.0);
        assert!(y.1 > 10.0);
        figure.y = figure.y.with_range(0.0, 20.0);
        assert_eq!(figure.spans()[1], (0.0, 20.0));
        figure.marks.clear();
        figure.y.range = None;
        assert_eq!(figure.spans(), [(0.0, 1.0), (0.0, 1.0)]);
    }
}
